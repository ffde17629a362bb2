"""One Parquet part: images as files in a column, with the types that all readers share.

Decisions: `image: struct<bytes, path>` and the schema key `huggingface`, without which Hugging Face datasets decodes no
images and knows no class names; plain `int64`, `string` and `bool` beside it, `index` and `checkpoint` in each row, so
that a row says what it is when it is alone. zstd at level 1 still saves a fifth of small PNGs, whose headers are alike.
Row groups are bounded in rows and in bytes, so that a reader can skip through them and a viewer accepts them; the page
index is on; images carry no statistics, which would be copies of images in the footer.
The bytes depend on the samples, on what is said of them, on this file, and on the releases of pyarrow, zstd and zlib.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from annotated_types import Ge, doc

from genai import modalities
from genai.errors import InputError, IntegrityError
from genai.formats import About, Format, Samples
from genai.identity import canonical
from genai.modalities import Modality
from genai.parquet_pages import PAGE_RATIO, Watched, check_rows, leaves
from genai.registry import describe

INFLATED_BYTES, PIXEL_BYTES = 1 << 28, 1 << 31  # of a part's columns, of its arrays; more only where it is large itself
WIDTH = 8  # bytes of a number
SOURCES = 2  # rows that a sample is drawn from, at most
PIXEL_RATIO = 1032  # what deflate, in a PNG, can make of a byte


@dataclass(frozen=True)
class Parquet(Format):
    """A part as one Parquet file in memory."""

    group_rows: Annotated[int, Ge(1), doc("Rows of a row group, at most.")] = 10_000
    group_bytes: Annotated[int, Ge(1), doc("Bytes of the values of a row group, at most, if it has two rows.")] = 10**8

    suffix: ClassVar[str] = ".parquet"

    def encode(self, samples: Samples, about: About) -> bytes:
        rows = samples.by_index()
        _check(rows, about)
        table = _table(rows, about)
        sink = pa.BufferOutputStream()
        with _writer(sink, table.schema, about.modality.published) as writer:
            for start, stop in pairwise(self._cuts(_sizes(table.select(about.modality.published)))):
                writer.write_table(table.slice(start, stop - start), row_group_size=stop - start)
        return sink.getvalue().to_pybytes()

    def decode(self, data: bytes, modality: Modality | None = None) -> Samples:
        with _door():
            watched = Watched(io.BytesIO(data), max(INFLATED_BYTES, PAGE_RATIO * len(data)))
            with pq.ParquetFile(watched, pre_buffer=False) as file:  # a read is a column chunk
                return _samples(file, watched, len(data), modality)

    def _cuts(self, sizes: np.ndarray) -> list[int]:
        """Where row groups begin, and the end of the last: as few as the bounds allow, filled in order."""
        ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        cuts = [0]
        while cuts[-1] < len(sizes):
            start = cuts[-1]
            fits = int(np.searchsorted(ends, ends[start] + self.group_bytes, side="right")) - 1
            cuts.append(min(max(fits, start + 1), start + self.group_rows, len(sizes)))
        return cuts


def _samples(file: pq.ParquetFile, watched: Watched, size: int, modality: Modality | None) -> Samples:
    """The rows of an opened part. Nothing is allocated for what it only claims."""
    schema = file.schema_arrow
    said = json.loads((schema.metadata or {})[b"genai"])
    kind = (modality or _own(said["modality"])).strict()
    shape = kind.array_shape
    rows = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    check_rows(rows, size)
    if sum(rows) * prod(shape) > max(PIXEL_BYTES, PIXEL_RATIO * size):
        raise ValueError(f"its {size:,} bytes claim {sum(rows):,} rows of {shape}")
    watched.watch(shared=False)
    cells = file.read(leaves(schema, [*kind.published]), use_threads=False).select(kind.published).combine_chunks()
    arrays = _decoded(kind.values(cells), kind)
    watched.watch()
    beside = [_source(number) for number in range(min(int(said.get("sources", 0)), SOURCES))]
    columns = [name for name in ("index", "label") if name in schema.names] + beside
    if any(schema.field(name).type != pa.int64() for name in columns):
        raise TypeError(f"its columns are {', '.join(f'{name}: {schema.field(name).type}' for name in columns)}")
    table = file.read(columns, use_threads=False)
    labels = table["label"].to_numpy() if "label" in columns else None
    sources = np.stack([table[name].to_numpy() for name in beside], axis=1) if beside else None
    return Samples(table["index"].to_numpy(), labels, arrays, sources)


def _decoded(values: list[Any], kind: Modality) -> np.ndarray:
    arrays = np.empty((len(values), *kind.array_shape), np.uint8)
    for row, value in enumerate(values):
        arrays[row] = kind.decode(value)[0]
    return arrays


def _sizes(cells: pa.Table) -> np.ndarray:
    """About how many bytes each row takes."""
    return sum((_widths(column.combine_chunks()) for column in cells.columns), np.zeros(len(cells), np.int64))


def _widths(column: pa.Array) -> np.ndarray:
    if pa.types.is_struct(column.type):
        column = column.field("bytes")
    if pa.types.is_binary(column.type) or pa.types.is_string(column.type):
        return np.asarray(pc.binary_length(column).fill_null(0), np.int64)
    return np.full(len(column), WIDTH, np.int64)


def _check(rows: Samples, about: About) -> None:
    shape, wanted = rows.arrays.shape[1:], about.modality.array_shape
    assert shape == wanted, f"arrays are {shape}, the modality's are {wanted}"
    assert (rows.labels is not None) == bool(about.classes), "labels and classes go together"
    if rows.labels is not None and len(rows):
        low, high = rows.labels.min(), rows.labels.max()
        assert low >= 0, f"found the label {low}"
        assert high < len(about.classes), f"found the label {high}, there are {len(about.classes)} classes"


def _table(rows: Samples, about: About) -> pa.Table:
    suffix = about.modality.suffix
    columns = about.modality.columns(rows.arrays, [f"{index}{suffix}" for index in rows.indices.tolist()])
    if rows.labels is not None:
        columns["label"] = pa.array(rows.labels), {"_type": "ClassLabel", "names": list(about.classes)}
    columns["index"] = pa.array(rows.indices), _value("int64")
    for number, source in enumerate(() if rows.sources is None else rows.sources.T):
        columns[_source(number)] = pa.array(source), _value("int64")
    columns["checkpoint"] = pa.repeat(about.checkpoint, len(rows)), _value("string")
    columns["synthetic"] = pa.repeat(pa.scalar(value=True), len(rows)), _value("bool")
    arrays = {name: array for name, (array, _) in columns.items()}
    features = {name: feature for name, (_, feature) in columns.items()}
    return pa.table(arrays, metadata={"huggingface": _hugging_face(features), "genai": _said(rows, about)})


def _source(number: int) -> str:
    """The column of the source rows that samples were drawn from: the first, or one beside it."""
    return f"source_row_{number + 1}" if number else "source_row"


def _value(dtype: str) -> dict[str, Any]:
    return {"_type": "Value", "dtype": dtype}


def _hugging_face(features: dict[str, dict[str, Any]]) -> bytes:
    # not in canonical order: the order of the features is that of the columns
    return json.dumps({"info": {"features": features}}, ensure_ascii=False).encode()


def _said(rows: Samples, about: About) -> bytes:
    return canonical(
        ({} if rows.sources is None else {"sources": rows.sources.shape[1]})
        | {
            "synthetic": True,
            "checkpoint": about.checkpoint,
            "seed": about.seed,
            "key": about.key,
            "generator": about.generator,
            "modality": describe(modalities, about.modality.plain()),
            "extra": dict(about.extra),
        }
    )


def _writer(sink: pa.NativeFile, schema: pa.Schema, values: tuple[str, ...]) -> pq.ParquetWriter:
    plain = [field.name for field in schema if field.name not in values or pa.types.is_primitive(field.type)]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in plain if name in ("label", "checkpoint")],
        write_statistics=plain,
        write_page_index=True,
    )


def _own(said: dict[str, Any]) -> Modality:
    if ":" in (name := str(said["kind"])):
        raise IntegrityError(f"the part holds {name[:100]!r}, which is no modality of ours; give it to read the part")
    return modalities.stored(said)


@contextmanager
def _door() -> Iterator[None]:
    """Where Arrow's errors, and those of cells and metadata that are not ours, become ours."""
    try:
        yield
    except _FOREIGN as error:
        found = str(error).split("\n")[0][:500]
        raise IntegrityError(f"not a part of ours ({type(error).__name__}: {found}); allowed: a whole part") from error


_FOREIGN = (
    pa.ArrowException, OSError, InputError, KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError,
    OverflowError, RecursionError,
)  # fmt: skip
