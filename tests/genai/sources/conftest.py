"""One small source of each kind; a new kind joins `MAKERS` and inherits the suite of test_conformance.py."""

import io
import tarfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from genai.sources import Source, open_source
from jobs.stores import open_store


def png(value: int, mode: str = "L", size: tuple[int, int] = (4, 4)) -> bytes:
    """A flat image of one value."""
    file = io.BytesIO()
    Image.new(mode, size, (value,) * len(mode) if len(mode) > 1 else value).save(file, "PNG")
    return file.getvalue()


def write_parquet(path: Path, **columns: pa.Array | list) -> Path:
    """A Parquet file with row groups of three rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return path


def write_images(root: Path, *names: str) -> Path:
    """Image files, each of another gray."""
    for value, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(value))
    return root


def _parquet(folder: Path) -> str:
    for name in ("a", "b"):
        write_parquet(folder / f"{name}.parquet", image=[png(v) for v in range(7)], label=[0, 1, 0, 1, 0, 1, 0])
    return str(folder / "*.parquet")


def _images(folder: Path) -> str:
    return str(write_images(folder, "cat/1.png", "cat/deep/2.png", "dog/1.png"))


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    """A tar of files, as anything writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def save_to_disk(folder: Path, count: int = 7, names: Sequence[str] = ("cat", "dog"), **how: Any) -> Path:
    """A folder of Hugging Face datasets, written by it."""
    import datasets

    datasets.disable_progress_bars()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(names))})
    rows = {"image": [{"bytes": png(v), "path": None} for v in range(count)], "label": [v % 2 for v in range(count)]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(folder), **how)
    return folder


def _webdataset(folder: Path) -> str:
    for name in ("a", "b"):
        parts = [(f"{v:03}.{end}", data) for v in range(5) for end, data in (("png", png(v)), ("cls", b"%d" % (v % 2)))]
        write_tar(folder / f"{name}.tar", parts)
    return str(folder)


MAKERS: dict[str, Callable[[Path], str]] = {
    "sklearn": lambda _: "sklearn://digits",
    "parquet": _parquet,
    "images": _images,
    "huggingface": lambda folder: str(save_to_disk(folder / "saved", num_shards=2)),
    "webdataset": _webdataset,
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
