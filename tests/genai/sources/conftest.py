"""One small source of each kind; a new kind joins `MAKERS` and inherits the suite of test_conformance.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genai.modalities import Modality
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.sources import Source, _lines, _records, open_source
from jobs.stores import open_store
from tests.genai.sources.made import iceberg, png, save_to_disk, write, write_images, write_parquet, write_tar


def _parquet(folder: Path) -> str:
    for name in ("a", "b"):
        write_parquet(folder / f"{name}.parquet", image=[png(v) for v in range(7)], label=[0, 1, 0, 1, 0, 1, 0])
    return str(folder / "*.parquet")


def _images(folder: Path) -> str:
    return str(write_images(folder, "cat/1.png", "cat/deep/2.png", "dog/1.png"))


def _webdataset(folder: Path) -> str:
    for name in ("a", "b"):
        parts = [(f"{v:03}.{end}", data) for v in range(5) for end, data in (("png", png(v)), ("cls", b"%d" % (v % 2)))]
        write_tar(folder / f"{name}.tar", parts)
    return str(folder)


def _text(folder: Path) -> str:
    for name in ("cat/1.txt", "cat/deep/2.txt", "dog/1.txt"):
        write(folder / name, "one\n\ntwo\n")
    return str(folder)


def _csv(folder: Path) -> str:
    for name in ("a.csv", "b.tsv"):
        write(folder / name, "text,label\n" + "one,cat\ntwo,dog\n" * 3, "," if name == "a.csv" else "\t")
    return str(folder)


def _jsonl(folder: Path) -> str:
    for name in ("a.jsonl", "b.ndjson"):
        write(folder / name, '{"text": "one", "label": 0}\n{"label": 1, "text": "two"}\n' * 3)
    return str(folder)


MAKERS: dict[str, Callable[[Path], str]] = {
    "sklearn": lambda _: "sklearn://digits",
    "parquet": _parquet,
    "files": _images,
    "text": _text,
    "csv": _csv,
    "jsonl": _jsonl,
    "huggingface": lambda folder: str(save_to_disk(folder / "saved", num_shards=2)),
    "webdataset": _webdataset,
    "iceberg": lambda folder: iceberg(folder, 2).metadata_location,
}


#: what rows are in those that hold no images
MODALITIES: dict[str, Modality] = {"text": Text(length=9), "csv": Text(length=9), "jsonl": Text(length=9)}


@pytest.fixture(params=sorted(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind in turn."""
    return request.param


@pytest.fixture
def uri(kind: str, tmp_path: Path) -> str:
    """The URI of a small source of that kind."""
    return MAKERS[kind](tmp_path)


@pytest.fixture
def modality(kind: str) -> Modality:
    """What its rows are."""
    return MODALITIES.get(kind, Image((4, 4)))


@pytest.fixture
def source(uri: str, modality: Modality) -> Source:
    """That source, opened with its labels."""
    return open_source(uri, "label", open_store, modality)


@pytest.fixture
def read(request: pytest.FixtureRequest) -> Callable[..., list]:
    """All rows of a URI, with its label column, as images where nothing else is said."""
    usual = request.getfixturevalue("modality") if "kind" in request.fixturenames else Image()

    def rows(uri: str | Path, label: str | None = "label", modality: Modality = usual) -> list:
        source = open_source(str(uri), label, open_store, modality)
        return [row for fragment in source.fragments() for row in source.read(fragment)]

    return rows


@pytest.fixture
def in_pieces(monkeypatch) -> None:
    """Lines are read a few bytes at a time, and files are cut into small fragments and batches."""
    monkeypatch.setattr(_records, "FRAGMENT", 50)
    monkeypatch.setattr(_lines, "CHUNK", 7)
    monkeypatch.setattr(_records, "BATCH", 3)


@pytest.fixture
def same() -> Callable[[object, object], bool]:
    """Whether two row values are equal."""
    return lambda a, b: bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else a == b


@pytest.fixture
def kinds() -> set[str]:
    """The kinds that have a maker here."""
    return set(MAKERS)


@pytest.fixture
def examples() -> Path:
    """The Parquet file that the project carries."""
    return Path(__file__).parents[3] / "examples/data/digits.parquet"
