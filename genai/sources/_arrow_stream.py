"""An Arrow IPC stream in a file: where its record batches lie, told by their headers, and one of them, measured.

A batch is found by seeking from header to header, so that no body is read to count rows. What is decoded is the schema
and the wanted columns of one batch, whose buffers lie within it, uncompressed, as Hugging Face datasets writes them.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from genai.arrow_batches import Flatbuffer, inflated
from genai.parquet_pages import check_rows

METADATA_BYTES, BATCH_BYTES = 1 << 24, 1 << 30

_SCHEMA, _DICTIONARY, _RECORD_BATCH = 1, 2, 3  # a message's header type
_HEADER_TYPE, _HEADER, _BODY = 1, 2, 3  # fields of a message
_LENGTH, _COMPRESSION = 0, 3  # fields of a record batch
_PREFIX = struct.Struct("<Ii")  # the mark of a message, and the length of its metadata
_MARK = 0xFFFFFFFF


@dataclass(frozen=True)
class Batch:
    """A record batch: where its message begins, its rows, and the number of the first of them in the file."""

    at: int
    rows: int
    first: int


@dataclass(frozen=True)
class _Message:
    at: int
    kind: int
    header: Flatbuffer | None
    body: int  # offset
    end: int


def schema_of(file: BinaryIO) -> pa.Schema:
    """The schema of a stream. Raises as `batches` does."""
    return _schema(file, _first(file, file.seek(0, io.SEEK_END)))


def batches(file: BinaryIO) -> list[Batch]:
    """The record batches of a stream that have rows. Raises ValueError, struct.error, and what Arrow does."""
    size = file.seek(0, io.SEEK_END)
    found: list[Batch] = []
    rows, at = 0, _first(file, size).end
    while message := _message(file, at, size):
        at = message.end
        if message.kind != _RECORD_BATCH or message.header is None:
            kind = "a column in dictionary encoding" if message.kind == _DICTIONARY else f"a message {message.kind}"
            raise ValueError(f"{kind} is in it; allowed: record batches of plain columns, as save_to_disk writes them")
        found.append(Batch(message.at, message.header.number(_LENGTH, "<q"), rows))
        rows += found[-1].rows
    check_rows([batch.rows for batch in found], size)
    return [batch for batch in found if batch.rows]


def fetch(file: BinaryIO, at: int, columns: list[str]) -> pa.RecordBatch:
    """Some columns of the record batch whose message begins at `at`, each of them whole. Raises as `batches` does."""
    size = file.seek(0, io.SEEK_END)
    head = _first(file, size)
    schema = _schema(file, head)
    message = _message(file, at, size)
    if message is None or message.kind != _RECORD_BATCH or message.header is None:
        raise ValueError(f"no record batch begins at {at:,}")
    if message.end - at > BATCH_BYTES:
        raise ValueError(f"a record batch has {message.end - at:,} bytes; allowed: at most {BATCH_BYTES:,}")
    if message.header.table(_COMPRESSION) is not None:
        raise ValueError("a record batch is compressed; allowed: plain ones, as save_to_disk writes them")
    data = _bytes(file, (head.at, head.end), (at, message.end))
    inflated(message.header, memoryview(data)[head.end + message.body - at :])
    options = pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index(name) for name in columns])
    with pa.ipc.open_stream(pa.py_buffer(data), options=options) as stream:
        batch = stream.read_next_batch()
    batch.validate()
    for column in batch.columns:
        _text_as_bytes(column).validate(full=True)  # offsets that lead astray; of a text that is none, its row says so
    return batch


def _first(file: BinaryIO, size: int) -> _Message:
    message = _message(file, 0, size)
    if message is None or message.kind != _SCHEMA or message.body != message.end:
        raise ValueError("it does not begin with a schema, as an Arrow stream does")
    return message


def _schema(file: BinaryIO, message: _Message) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(_bytes(file, (message.at, message.end))))


def _message(file: BinaryIO, at: int, size: int) -> _Message | None:
    """The message that begins at `at`; None where the stream ends there. Raises ValueError where it breaks off."""
    file.seek(at)
    mark, length = _PREFIX.unpack(_exactly(file, _PREFIX.size))
    if mark != _MARK:
        raise ValueError(f"no message of an Arrow stream begins at {at:,}")
    if length == 0:
        return None
    if not 0 < length <= min(METADATA_BYTES, size - at):
        raise ValueError(f"the message at {at:,} claims {length:,} bytes of metadata")
    table = Flatbuffer.root(memoryview(_exactly(file, length)))
    body = at + _PREFIX.size + length
    end = body + table.number(_BODY, "<q")
    if not body <= end <= size:
        raise ValueError(f"it breaks off: the message at {at:,} claims to end at {end:,} of {size:,} bytes")
    return _Message(at, table.number(_HEADER_TYPE, "<B"), table.table(_HEADER), body, end)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise ValueError("it breaks off: an Arrow stream ends with a mark, which is not there")
    return data


def _bytes(file: BinaryIO, *ranges: tuple[int, int]) -> bytearray:
    """Ranges of a file, one behind the other, in memory once."""
    data = bytearray(sum(end - at for at, end in ranges))
    room = memoryview(data)
    for at, end in ranges:
        file.seek(at)
        while room and at < end:
            count = file.readinto(room[: end - at])  # type: ignore[attr-defined]  # all that is opened in binary has it
            if not count:
                raise ValueError("it breaks off")
            room, at = room[count:], at + count  # noqa: PLW2901
    return data


def _text_as_bytes(column: pa.Array) -> pa.Array:
    kinds = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
    return column.view(kinds[column.type]) if column.type in kinds else column
