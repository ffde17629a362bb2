"""Avro containers, by hand: of one block, and saying what they are told to."""

import json
import zlib


def long(number):
    """As Avro writes it."""
    number, made = (number << 1) ^ (number >> 63), b""
    while number > 127:
        made, number = made + bytes([number & 127 | 128]), number >> 7
    return made + bytes([number])


def text(data):
    return long(len(data)) + data


def avro(schema, block, count=1, codec=b"null", size=None):
    """A container with one block."""
    meta = {b"avro.schema": schema if isinstance(schema, bytes) else json.dumps(schema).encode(), b"avro.codec": codec}
    head = long(len(meta)) + b"".join(text(key) + text(value) for key, value in meta.items()) + b"\0"
    return b"Obj\1" + head + bytes(16) + long(count) + long(len(block) if size is None else size) + block + bytes(16)


def record(kind, name="manifest_path"):
    return {"type": "record", "name": "r", "fields": [{"name": name, "type": kind}]}


def deflated(data):
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeezer.compress(data) + squeezer.flush()


ENTRY = {
    "type": "record", "name": "e",
    "fields": [{"name": "status", "type": "int"}, {"name": "data_file", "type": {
        "type": "record", "name": "f", "fields": [
            {"name": "content", "type": "int"}, {"name": "file_path", "type": "string"},
            {"name": "file_format", "type": "string"}, {"name": "record_count", "type": "long"},
            {"name": "file_size_in_bytes", "type": "long"},
        ]}}],
}  # fmt: skip


def entry(status=1, content=0, file=b"/data/a.parquet", kind=b"PARQUET", rows=5):
    return long(status) + long(content) + text(file) + text(kind) + long(rows) + long(99)
