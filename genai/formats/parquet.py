"""One Parquet part: images as files in a column, with the types that all readers share.

Decisions: `image: struct<bytes, path>` and the schema key `huggingface`, without which Hugging Face datasets decodes no
images and knows no class names; plain `int64`, `string` and `bool` beside it, `index` and `checkpoint` in each row, so
that a row says what it is when it is alone. zstd at level 1 still saves a fifth of small PNGs, whose headers are alike.
Row groups are bounded in rows and in bytes, so that a reader can skip through them and a viewer accepts them; the page
index is on; images carry no statistics, which would be copies of images in the footer.
The bytes depend on the samples, on what is said of them, on this file, and on the releases of pyarrow, zstd and zlib.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from annotated_types import Ge, doc

from genai import modalities
from genai.errors import InputError, IntegrityError
from genai.formats import About, Format, Samples
from genai.identity import canonical
from genai.modalities import Modality
from genai.registry import find, name_of


@dataclass(frozen=True)
class Parquet(Format):
    """A part as one Parquet file in memory."""

    group_rows: Annotated[int, Ge(1), doc("Rows of a row group, at most.")] = 10_000
    group_bytes: Annotated[int, Ge(1), doc("Bytes of the images of a row group, at most, if it has two rows.")] = 10**8

    suffix: ClassVar[str] = ".parquet"

    def encode(self, samples: Samples, about: About) -> bytes:
        rows = samples.by_index()
        _check(rows, about)
        cells = about.modality.cells(rows.arrays)
        table = _table(rows, cells, about)
        sink = pa.BufferOutputStream()
        with _writer(sink, table.schema, about.modality.column) as writer:
            for start, stop in pairwise(self._cuts([len(cell) for cell in cells])):
                writer.write_table(table.slice(start, stop - start), row_group_size=stop - start)
        return sink.getvalue().to_pybytes()

    def decode(self, data: bytes, modality: Modality | None = None) -> Samples:
        with _door():
            table = pq.read_table(pa.BufferReader(data), use_threads=False)
            said = json.loads((table.schema.metadata or {})[b"genai"])
            name, shape = said["modality"], tuple(said["array_shape"])
            kind = modality or find(modalities, _own(name), Modality)()  # type: ignore[type-abstract]
            cells = table.column(kind.column).combine_chunks().field("bytes").to_pylist()
            kind = kind.resolve(cells[0]) if cells else kind
            arrays = [kind.decode(cell)[0] for cell in cells]
            labels = table.column("label").to_numpy() if "label" in table.column_names else None
            indices = table.column("index").to_numpy()
            return Samples(indices, labels, np.array(arrays, np.uint8).reshape(-1, *shape))

    def _cuts(self, sizes: list[int]) -> list[int]:
        """Where row groups begin, and the end of the last: as few as the bounds allow, filled in order."""
        ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        cuts = [0]
        while cuts[-1] < len(sizes):
            start = cuts[-1]
            fits = int(np.searchsorted(ends, ends[start] + self.group_bytes, side="right")) - 1
            cuts.append(min(max(fits, start + 1), start + self.group_rows, len(sizes)))
        return cuts


def _check(rows: Samples, about: About) -> None:
    shape, wanted = rows.arrays.shape[1:], about.modality.array_shape
    assert shape == wanted, f"arrays are {shape}, the modality's are {wanted}"
    assert (rows.labels is not None) == bool(about.classes), "labels and classes go together"
    if rows.labels is not None and len(rows):
        low, high = rows.labels.min(), rows.labels.max()
        assert low >= 0, f"found the label {low}"
        assert high < len(about.classes), f"found the label {high}, there are {len(about.classes)} classes"


def _table(rows: Samples, cells: list[bytes], about: About) -> pa.Table:
    suffix = about.modality.suffix
    image, feature = about.modality.arrow(cells, [f"{index}{suffix}" for index in rows.indices.tolist()])
    columns: dict[str, tuple[pa.Array, dict[str, Any]]] = {about.modality.column: (image, feature)}
    if rows.labels is not None:
        columns["label"] = pa.array(rows.labels), {"_type": "ClassLabel", "names": list(about.classes)}
    columns["index"] = pa.array(rows.indices), _value("int64")
    columns["checkpoint"] = pa.repeat(about.checkpoint, len(rows)), _value("string")
    columns["synthetic"] = pa.repeat(pa.scalar(value=True), len(rows)), _value("bool")
    arrays = {name: array for name, (array, _) in columns.items()}
    features = {name: feature for name, (_, feature) in columns.items()}
    return pa.table(arrays, metadata={"huggingface": _hugging_face(features), "genai": _said(about)})


def _value(dtype: str) -> dict[str, Any]:
    return {"_type": "Value", "dtype": dtype}


def _hugging_face(features: dict[str, dict[str, Any]]) -> bytes:
    # not in canonical order: the order of the features is that of the columns
    return json.dumps({"info": {"features": features}}, ensure_ascii=False).encode()


def _said(about: About) -> bytes:
    return canonical(
        {
            "synthetic": True,
            "checkpoint": about.checkpoint,
            "seed": about.seed,
            "key": about.key,
            "generator": about.generator,
            "modality": name_of(modalities, type(about.modality)),
            "array_shape": list(about.modality.array_shape),
            "extra": dict(about.extra),
        }
    )


def _writer(sink: pa.NativeFile, schema: pa.Schema, image: str) -> pq.ParquetWriter:
    plain = [name for name in schema.names if name != image]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in plain if name in ("label", "checkpoint")],
        write_statistics=plain,
        write_page_index=True,
    )


def _own(name: str) -> str:
    if ":" in name:
        raise IntegrityError(f"the part holds {name!r}, which is no modality of ours; give it to read the part")
    return name


@contextmanager
def _door() -> Iterator[None]:
    """Where Arrow's errors, and those of cells and metadata that are not ours, become ours."""
    try:
        yield
    except (pa.ArrowException, OSError, InputError, KeyError, TypeError, ValueError) as error:
        found = str(error).split("\n")[0]
        raise IntegrityError(f"not a part of ours ({type(error).__name__}: {found}); allowed: a whole part") from error
