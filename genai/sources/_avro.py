"""Avro container files: the records that an Iceberg table's manifests are made of.

PyIceberg's reader of them takes a length on the file's word: five bytes end its process (0.12, measured), and a block
inflates to whatever it does. Here each length is held against what is there, and blocks inflate to a bound. What a
record holds as list or map is passed over; nobody asks for it. (https://avro.apache.org/docs/1.12.0/specification)
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

MAGIC = b"Obj\1"
BLOCK_BYTES, FILE_BYTES = 1 << 25, 1 << 27  # inflated
_SYNC = 16
_FIXED = {"null": 0, "boolean": 1, "float": 4, "double": 8}  # bytes of a value


def records(data: bytes) -> Iterator[dict[str, Any]]:
    """The records of a file. Raises ValueError, KeyError or TypeError where it is none."""
    if not data.startswith(MAGIC):
        raise ValueError("it is no Avro file")
    head = _Reader(data, len(MAGIC))
    meta = head.meta()
    schema = json.loads(meta[b"avro.schema"])
    names: dict[str, Any] = {}
    if not _is_sized(schema, names) or schema.get("type") != "record":
        raise ValueError("its records take no bytes, or are none")
    sync, total = head.take(_SYNC), 0
    while head.at < len(data):
        count, block = head.long(), head.take(head.long())
        plain = _inflated(block, meta.get(b"avro.codec", b"null").decode())
        total += len(plain)
        if total > FILE_BYTES or head.take(_SYNC) != sync:
            raise ValueError(f"a block is damaged, or all inflate to over {FILE_BYTES:,} bytes")
        reader = _Reader(plain, 0)
        for _ in range(count):
            yield reader.value(schema, names)
        if reader.at != len(plain):
            raise ValueError("a block holds other records than it says")


def _inflated(block: bytes, codec: str) -> bytes:
    if codec == "null":
        return block
    if codec == "deflate":
        try:
            plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(block, BLOCK_BYTES + 1)
        except zlib.error as error:
            raise ValueError(f"a block is damaged: {error}") from error
    elif codec == "zstandard":
        with pa.CompressedInputStream(pa.BufferReader(block), "zstd") as stream:
            plain = stream.read(BLOCK_BYTES + 1)
    else:
        raise ValueError(f"its codec is {codec[:50]!r}; allowed: null, deflate, zstandard")
    if len(plain) > BLOCK_BYTES:
        raise ValueError(f"a block inflates to over {BLOCK_BYTES:,} bytes")
    return plain


def _is_sized(schema: Any, names: dict[str, Any]) -> bool:
    """Whether each value takes a byte at least, so that no count goes beyond the bytes; notes types that have names.
    Raises ValueError where one in a list does not.
    """
    if isinstance(schema, list):
        for one in schema:
            _is_sized(one, names)
        return True
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        return _is_sized(kind, names)
    if isinstance(schema, dict) and "name" in schema and kind in ("record", "enum", "fixed"):
        names[schema["name"]] = schema
    if kind in ("array", "map"):
        if not _is_sized(schema["items" if kind == "array" else "values"], names):
            raise ValueError("it has a list of what takes no bytes")
        return True
    if kind == "record":
        return any([_is_sized(field["type"], names) for field in schema["fields"]])  # noqa: C419  # all are noted
    return kind != "null" and (kind != "fixed" or schema["size"] > 0)


class _Reader:
    """Values from `at` on, none beyond the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise ValueError(f"it breaks off: {count:,} bytes are claimed, {len(self.data) - self.at:,} are there")
        self.at += count
        return self.data[self.at - count : self.at]

    def long(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            if shift > 63:
                raise ValueError("a number has over 64 bits")

    def meta(self) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        while count := self.long():
            if count < 0:
                self.long()
            for _ in range(abs(count)):
                key = self.take(self.long())
                found[key] = self.take(self.long())
        return found

    def value(self, schema: Any, names: dict[str, Any]) -> Any:
        if isinstance(schema, list):
            which = self.long()
            if not 0 <= which < len(schema):
                raise ValueError("a union has no such branch")
            return self.value(schema[which], names)
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, dict | list):
            return self.value(kind, names)
        found: Any = None
        match kind:
            case "int" | "long" | "enum":
                found = self.long()
            case "string":
                found = self.take(self.long()).decode()
            case "bytes":
                found = self.take(self.long())
            case "fixed":
                found = self.take(schema["size"])
            case "record":
                found = {field["name"]: self.value(field["type"], names) for field in schema["fields"]}
            case "array" | "map":
                self._passed(schema, kind, names)
            case _:
                found = self.take(_FIXED[kind]) if kind in _FIXED else self.value(names[kind], names)
        return found

    def _passed(self, schema: Any, kind: str, names: dict[str, Any]) -> None:
        """The end of a list or a map: blocks with their counts, below zero where their bytes follow."""
        while count := self.long():
            if count < 0:
                self.take(self.long())
                continue
            for _ in range(count):
                if kind == "map":
                    self.take(self.long())
                self.value(schema["items" if kind == "array" else "values"], names)
