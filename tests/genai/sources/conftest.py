"""One small source of each kind; a new kind joins `MAKERS` and inherits the suite of test_conformance.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genai.sources import Source, open_source
from jobs.stores import open_store
from tests.genai.sources.made import iceberg, png, save_to_disk, write_images, write_parquet, write_tar


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


MAKERS: dict[str, Callable[[Path], str]] = {
    "sklearn": lambda _: "sklearn://digits",
    "parquet": _parquet,
    "files": _images,
    "huggingface": lambda folder: str(save_to_disk(folder / "saved", num_shards=2)),
    "webdataset": _webdataset,
    "iceberg": lambda folder: iceberg(folder, 2).metadata_location,
}


@pytest.fixture(params=sorted(MAKERS))
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URI of a small source, one of each kind in turn."""
    return MAKERS[request.param](tmp_path)


@pytest.fixture
def source(uri: str) -> Source:
    """That source, opened with its labels."""
    return open_source(uri, "label", open_store)


@pytest.fixture
def read() -> Callable[..., list]:
    """All rows of a URI, with its label column."""

    def rows(uri: str | Path, label: str | None = "label") -> list:
        source = open_source(str(uri), label, open_store)
        return [row for fragment in source.fragments() for row in source.read(fragment)]

    return rows


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
