"""Files of every kind of source, written by the libraries that are known for them."""

import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from jobs.stores.credentials import access


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


def write(path: Path, text: str | bytes, comma: str = ",") -> Path:
    """A file of text, with something else for its commas."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.replace(",", comma).encode())
    return path


def write_images(root: Path, *names: str) -> Path:
    """Image files, each of another gray."""
    for value, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(value))
    return root


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


def rows(count: int, first: int = 0) -> pa.Table:
    """Images of a gray of their own, of two classes."""
    numbers = range(first, first + count)
    return pa.table({"image": [png(v) for v in numbers], "label": [("cat", "dog")[v % 2] for v in numbers]})


def iceberg(folder: Path, appends: int = 1, each: int = 5, warehouse: str = "", name: str = "tests") -> Table:
    """A table `pets.rows` below a folder, or a warehouse elsewhere, of so many snapshots."""
    place = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": warehouse or f"file://{folder}/lake"}
    if warehouse.startswith("s3://"):
        reached = access(warehouse)
        place |= {"s3.endpoint": reached.endpoint, "s3.region": reached.region}
        place |= {"s3.access-key-id": reached.key, "s3.secret-access-key": reached.secret}
    catalog = SqlCatalog(name, **place)
    catalog.create_namespace("pets")
    table = catalog.create_table("pets.rows", rows(1).schema)
    for number in range(appends):
        table.append(rows(each, number * each))
    return table
