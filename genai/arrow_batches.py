"""One record batch of an Arrow IPC file, measured before it is inflated.

Each buffer of a compressed batch begins with the length that it claims to become; Arrow takes that much memory on its
word. So the batch is fetched as a message, its claims are added up, and only then is it decoded, under the schema that
the reader expects and not the one that the file has. The tables are flatbuffers (format/File.fbs and Message.fbs of
Arrow), of which the few fields that are needed are read here.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import pyarrow as pa

_MAGIC = b"ARROW1"
_FOOTER_BATCHES, _HEADER_TYPE, _HEADER = 3, 1, 2  # fields of a footer, and of a message
_LENGTH, _BUFFERS, _COMPRESSION = 0, 2, 3  # fields of a record batch
_RECORD_BATCH = 3  # a message's header type
_BLOCK = struct.Struct("<qi4xq")  # offset, bytes of metadata, bytes of the body
_PADDING = 1 << 10  # bytes: Arrow cuts the buffers of a slice at multiples of 64
_BUFFER = struct.Struct("<qq")  # offset in the body, length


class Flatbuffer:
    """A flatbuffer's table, at its place in some bytes. Raises struct.error where it leads out of them."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._read("<i", at)

    @classmethod
    def root(cls, data: memoryview) -> Flatbuffer:
        return cls(data, struct.unpack_from("<I", data)[0])

    def number(self, field: int, kind: str) -> int:
        """A field of `kind`, 0 where it is not there."""
        place = self._place(field)
        return self._read(kind, place) if place else 0

    def table(self, field: int) -> Flatbuffer | None:
        place = self._place(field)
        return Flatbuffer(self._data, place + self._read("<I", place)) if place else None

    def structs(self, field: int, kind: struct.Struct) -> list[tuple[int, ...]]:
        place = self._place(field)
        if not place:
            return []
        begin = place + self._read("<I", place)
        count = self._read("<I", begin)
        if count * kind.size > len(self._data):
            raise ValueError(f"a list of {count:,} breaks off")
        return [kind.unpack_from(self._data, begin + 4 + n * kind.size) for n in range(count)]

    def _place(self, field: int) -> int:
        entry = 4 + 2 * field
        offset = self._read("<H", self._fields + entry) if entry < self._read("<H", self._fields) else 0
        return self._at + offset if offset else 0

    def _read(self, kind: str, at: int) -> int:
        if at < 0:
            raise ValueError("an offset leads before the beginning")
        return int(struct.unpack_from(kind, self._data, at)[0])


def places(file: BinaryIO) -> list[tuple[int, int]]:
    """Where the record batches of a file are: offset and length of each. Raises ValueError and struct.error."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - len(_MAGIC) - 4))
    size, magic = struct.unpack("<i6s", file.read(10))
    if magic != _MAGIC or not 0 < size <= end - 10:
        raise ValueError(f"its {end:,} bytes do not end as an Arrow file")
    file.seek(end - 10 - size)
    blocks = Flatbuffer.root(memoryview(file.read(size))).structs(_FOOTER_BATCHES, _BLOCK)
    if any(min(block) < 0 or sum(block) > end for block in blocks):
        raise ValueError("a record batch is said to lie beyond the end")
    return [(offset, metadata + body) for offset, metadata, body in blocks]


def fetch(file: BinaryIO, place: tuple[int, int], schema: pa.Schema, rows: int, row_bytes: int) -> pa.RecordBatch:
    """The record batch at `place`, of `rows` rows of `row_bytes` bytes and no nulls. Raises ValueError, struct.error,
    and what Arrow does.
    """
    file.seek(place[0])
    message = pa.ipc.read_message(pa.py_buffer(file.read(place[1])))
    table = Flatbuffer.root(memoryview(message.metadata))
    header = table.table(_HEADER) if table.number(_HEADER_TYPE, "<B") == _RECORD_BATCH else None
    if header is None or message.body is None or header.number(_LENGTH, "<q") != rows:
        raise ValueError(f"it holds no record batch of {rows:,} rows where one should be")
    size = inflated(header, memoryview(message.body))
    if not 0 <= size - rows * row_bytes < _PADDING:
        raise ValueError(f"{rows:,} rows of {row_bytes:,} bytes inflate to {size:,}")
    batch = pa.ipc.read_record_batch(message, schema)
    batch.validate(full=True)
    if batch.num_rows != rows or any(column.null_count for column in batch.columns):
        raise ValueError("it has nulls, or other rows than it says")
    return batch


def inflated(header: Flatbuffer, body: memoryview) -> int:
    """What the buffers of a batch claim to become."""
    compressed, claimed = header.table(_COMPRESSION) is not None, 0
    for offset, length in header.structs(_BUFFERS, _BUFFER):
        size = length
        if compressed and length:
            told = struct.unpack_from("<q", body, offset)[0]
            size = length - 8 if told == -1 else told  # -1: left as it was, behind its length
        if min(offset, length, size) < 0 or offset + length > len(body):
            raise ValueError(f"a buffer is said to lie at {offset:,} of {len(body):,} bytes, to become {size:,}")
        claimed += size
    return claimed
