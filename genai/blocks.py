"""Blocks: the files of prepared rows.

A block is an Arrow IPC file of at most 16 MiB of arrays or 65,536 rows, compressed with zstd, in record batches of
`genai.order.chunk_rows` rows, so that a chunk can be fetched without the rest. Rows stand in the order of their
content's hash. Columns: `content` (SHA-256 of what the row is), `label` (int32, 0 where there are no classes, -1 where
the row's is not known), `array` (uint8, flat).
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from genai.arrow_batches import fetch, places
from genai.errors import IntegrityError
from genai.identity import sha256
from genai.order import Batch, chunk_rows

_BLOCK_BYTES = 1 << 24
_BLOCK_ROWS = 1 << 16

Put = Callable[[str, bytes], None]  # keeps a block under its name


@dataclass(frozen=True)
class Block:
    """One file of prepared rows."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Split:
    """The rows of one split: how many, how many of each class, the digest of their labels and arrays, their files."""

    rows: int
    labels: tuple[int, ...]
    content: str
    blocks: tuple[Block, ...]


class Writer:
    """Cuts the rows of one split into blocks; holds less than one block and the rows of one call."""

    def __init__(self, name: str, shape: tuple[int, ...], classes: int, put: Put) -> None:
        self._name, self._put = name, put
        self._full = block_rows(shape)
        self._held: list[tuple[np.ndarray, ...]] = []
        self._blocks: list[Block] = []
        self._counts = np.zeros(classes, np.int64)
        self._labels, self._arrays = hashlib.sha256(), hashlib.sha256()

    def add(self, *columns: np.ndarray, fresh: np.ndarray | None = None) -> None:
        """Rows as (content, labels, arrays); `fresh` are the labels of those that are no copies of others: all."""
        counted = columns[1] if fresh is None else fresh
        self._counts += np.bincount(counted[counted >= 0], minlength=len(self._counts))[: len(self._counts)]
        self._held.append(columns)
        if sum(len(held[0]) for held in self._held) >= self._full:
            self._cut(self._full)

    def finish(self) -> Split:
        self._cut(1)
        rows = sum(block.rows for block in self._blocks)
        content = sha256(self._labels.digest() + self._arrays.digest())
        return Split(rows, tuple(self._counts.tolist()), content, tuple(self._blocks))

    def _cut(self, least: int) -> None:
        columns = [np.concatenate(parts) for parts in zip(*self._held, strict=True)]
        while columns and len(columns[0]) >= least:
            self._write(*(column[: self._full] for column in columns))
            columns = [column[self._full :] for column in columns]
        self._held = [tuple(columns)] if columns else []

    def _write(self, content: np.ndarray, labels: np.ndarray, arrays: np.ndarray) -> None:
        data = pack(content, labels, arrays)
        block = Block(f"{self._name}-{len(self._blocks):05}.arrow", len(labels), len(data), sha256(data))
        self._put(block.name, data)
        self._blocks.append(block)
        self._labels.update(labels.astype("<i4").tobytes())
        self._arrays.update(np.ascontiguousarray(arrays).data)


def read_block(block: Block, data: bytes, shape: tuple[int, ...]) -> Batch:
    """The rows of one block. Raises IntegrityError where the bytes are not those of the index."""
    if (found := sha256(data)) != block.sha256:
        raise IntegrityError(f"{block.name}: SHA-256 is {found}, expected {block.sha256}; prepare the data again")
    file = io.BytesIO(data)
    with _door(block.name):
        at = places(file)
        rows = [min(chunk_rows(prod(shape)), block.rows - start) for start in _starts(block.rows, shape)]
        if len(at) != len(rows):
            raise ValueError(f"found {len(at)} record batches, expected {len(rows)}")
        parts = [_rows(file, place, count, shape) for place, count in zip(at, rows, strict=True)]
        return np.concatenate([arrays for arrays, _ in parts]), np.concatenate([labels for _, labels in parts])


def record_batch(block: Block, open_: Callable[[str], BinaryIO], number: int, shape: tuple[int, ...]) -> Batch:
    """The rows of one record batch of a block. Raises IntegrityError where it is broken, or not what the index says."""
    with open_(block.name) as raw, _door(block.name):
        start = _starts(block.rows, shape)[number]
        return _rows(raw, places(raw)[number], min(chunk_rows(prod(shape)), block.rows - start), shape)


def _starts(rows: int, shape: tuple[int, ...]) -> range:
    """The first row of each record batch of a block."""
    return range(0, rows, chunk_rows(prod(shape)))


def _rows(file: BinaryIO, place: tuple[int, int], rows: int, shape: tuple[int, ...]) -> Batch:
    schema = pa.schema({"content": pa.binary(32), "label": pa.int32(), "array": pa.binary(prod(shape))})
    batch = fetch(file, place, schema, rows, sum(field.type.bit_width // 8 for field in schema))
    return unfixed(batch["array"]).reshape(-1, *shape), batch["label"].to_numpy().astype(np.int64)


@contextmanager
def _door(name: str) -> Iterator[None]:
    """Where Arrow's errors, and those of a file that leads astray, become ours."""
    try:
        yield
    except _FOREIGN as error:  # a broken zstd frame is an OSError to Arrow
        found = str(error).split("\n")[0][:500]
        raise IntegrityError(f"{name}: cannot be read ({found}); prepare the data again") from error


_FOREIGN = (
    pa.ArrowException, OSError, EOFError, ValueError, KeyError, IndexError, TypeError, OverflowError, AttributeError,
    struct.error,
)  # fmt: skip


def block_rows(shape: tuple[int, ...]) -> int:
    """Rows of a full block: whole chunks, by the size of a row alone."""
    chunk = chunk_rows(prod(shape))
    return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // prod(shape)) // chunk) * chunk


def pack(content: np.ndarray, labels: np.ndarray, arrays: np.ndarray) -> bytes:
    """A block's bytes, from (rows, 32) uint8, (rows,) int32, (rows, row bytes) uint8. The same for the same rows."""
    table = pa.table({"content": fixed(content), "label": pa.array(labels, pa.int32()), "array": fixed(arrays)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_table(table, max_chunksize=chunk_rows(arrays.shape[1]))
    return sink.getvalue().to_pybytes()


def fixed(rows: np.ndarray) -> pa.Array:
    """(rows, bytes) uint8 as fixed_size_binary."""
    count, size = rows.shape
    data = pa.py_buffer(np.ascontiguousarray(rows))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), count, [None, data])


def unfixed(column: pa.Array) -> np.ndarray:
    """fixed_size_binary without nulls as (rows, bytes) uint8, not copied."""
    size = column.type.byte_width
    whole = np.frombuffer(column.buffers()[1] or b"", dtype=np.uint8)
    return whole[column.offset * size : (column.offset + len(column)) * size].reshape(len(column), size)
