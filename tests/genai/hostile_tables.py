"""Parquet and Arrow files whose footers and headers lie, and values that inflate to more than they should."""

import io
import json
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genai.blocks import fixed
from genai.formats import About, Samples
from genai.formats.parquet import Parquet
from genai.modalities.image import Image

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
PLAIN, ZSTD, RLE_DICTIONARY = 0, 6, 8
MEGABYTE = 1 << 20


def varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head, number = head + bytes([number & 127 | 128]), number >> 7
    return head + bytes([number])


def thrift(*fields: tuple[int, int, object]) -> bytes:
    """A struct in the compact protocol, of (field, type, value); a list's value is (type, its items' bytes)."""
    made, last = b"", 0
    for field, kind, value in fields:
        made += bytes([(field - last) << 4 | kind])
        if kind in (I32, I64):
            made += varint(value << 1 if value >= 0 else (-value << 1) - 1)
        elif kind == BINARY:
            made += varint(len(value)) + value
        elif kind == LIST:
            made += bytes([0xF0 | value[0]]) + varint(len(value[1])) + b"".join(value[1])
        else:
            made += value
        last = field
    return made + b"\0"


def page(inflated: int, body: bytes, values: int = 1, encoding: int = PLAIN, stored: int | None = None) -> bytes:
    """A data page with a header that says what it is told to."""
    own = thrift((1, I32, values), (2, I32, encoding), (3, I32, 3), (4, I32, 3))
    sizes = (2, I32, inflated), (3, I32, len(body) if stored is None else stored)
    return thrift((1, I32, 0), *sizes, (5, STRUCT, own)) + body


def dictionary(inflated: int, body: bytes) -> bytes:
    """A page of one value that others refer to."""
    own = thrift((1, I32, 1), (2, I32, PLAIN))
    return thrift((1, I32, 2), (2, I32, inflated), (3, I32, len(body)), (7, STRUCT, own)) + body


def file(
    pages: bytes, rows: int = 1, codec: int = PLAIN, groups: int = 1, first: int = 4, size: int | None = None, more=()
) -> bytes:
    """A Parquet file of one column of images, that says `rows` of each row group and where its pages are. All groups
    have the same pages; `more` are further fields of the column's metadata.
    """
    size = len(pages) if size is None else size
    schema = thrift((4, BINARY, b"schema"), (5, I32, 1)), thrift((1, I32, 6), (3, I32, 0), (4, BINARY, b"image"))
    shared = pages.startswith(thrift((1, I32, 2))[:-1])
    about = [
        (1, I32, 6), (2, LIST, (I32, [varint(0)])), (3, LIST, (BINARY, [varint(5) + b"image"])), (4, I32, codec),
        (5, I64, rows), (6, I64, size), (7, I64, size), (9, I64, first + shared),
    ]  # fmt: skip
    column = thrift((2, I64, first), (3, STRUCT, thrift(*about, *[(11, I64, first)] * shared, *more)))
    group = thrift((1, LIST, (STRUCT, [column])), (2, I64, size), (3, I64, rows))
    lists = (2, LIST, (STRUCT, schema)), (3, I64, rows * groups), (4, LIST, (STRUCT, [group] * groups))
    footer = thrift((1, I32, 1), *lists)
    return b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1"


def value(size: int) -> bytes:
    return struct.pack("<I", size) + bytes(size)


def squeezed(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


def inflating(size: int) -> bytes:
    """A page of zstd with one value of so many zeros."""
    return page(size + 4, squeezed(value(size)))


def repeated(size: int, rows: int) -> bytes:
    """One value of `size` zeros in a dictionary, in each of `rows` rows."""
    indices = b"\1" + varint(rows << 1) + b"\0"  # of one bit each, in one run
    pages = dictionary(size + 4, squeezed(value(size))) + page(len(indices), squeezed(indices), rows, RLE_DICTIONARY)
    return file(pages, rows, ZSTD)


ONE = page(7, value(3))
HISTOGRAM = thrift((3, LIST, (I64, [varint(0)] * 2)))

#: name -> (the bytes of a source, what the refusal says; "" where there are rows after all)
SOURCES = {
    "an honest one": (lambda: file(ONE), ""),
    "a page of 300 MB": (lambda: file(inflating(300 * MEGABYTE), codec=ZSTD), "inflates to 314,572,804"),
    "a page that claims 2 GB": (lambda: file(page(2**31 - 1, squeezed(value(9))), codec=ZSTD), "2,147,483,647"),
    "a page of less than nothing": (lambda: file(page(-1, value(3)), codec=ZSTD), "no header that says"),
    "a page beyond the end": (lambda: file(page(7, value(3), stored=2**30)), "1,073,741,824 bytes, 7"),
    "a value of 20 MB for 40 rows": (lambda: repeated(20 * MEGABYTE, 40), ""),
    "a value of 100 MB for a dictionary": (lambda: repeated(100 * MEGABYTE, 10**6), "inflates to"),
    "a trillion rows": (lambda: file(ONE, rows=10**12), "claim 1,000,000,000,000 rows"),
    "a thousand groups of the same million rows": (
        lambda: file(ONE, rows=1 << 20, groups=1000),
        "claim 1,048,576,000 rows",
    ),
    "more rows than there are": (lambda: file(ONE, rows=9), "."),
    "fewer than no rows": (lambda: file(ONE, rows=-1), "claim -1 rows"),
    "pages beyond the end": (lambda: file(ONE, first=10**9), "."),
    "a terabyte of pages": (lambda: file(ONE, size=2**40), "."),
    "pages before the beginning": (lambda: file(ONE, first=-9), "."),
    # pyarrow's own objects for a column's metadata end the process on this one, so they must not be asked for
    "a histogram of levels that are not there": (lambda: file(ONE, more=[(16, STRUCT, HISTOGRAM)]), "histogram"),
    "a footer that is longer than the file": (lambda: file(ONE)[:-8] + b"\xff\xff\xff\x7fPAR1", "."),
    "a footer that is none": (lambda: b"PAR1" + bytes(99) + struct.pack("<I", 99) + b"PAR1", "."),
}


def batch(rows: int, row_bytes: int, compression: str | None = "zstd", **columns: pa.Array) -> bytes:
    """A prepared block in one record batch."""
    zeros = np.zeros((rows, 32), np.uint8), np.zeros((rows, row_bytes), np.uint8)
    given = {"content": fixed(zeros[0]), "label": pa.array([0] * rows, pa.int32()), "array": fixed(zeros[1])}
    made = pa.table(given | columns)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, made.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(made)
    return sink.getvalue()


def lying(rows: int, row_bytes: int, there: int) -> bytes:
    """A block whose batch says `there` rows where the rest says `rows`."""
    data = batch(rows, row_bytes)
    return data.replace(struct.pack("<qq", rows, 0), struct.pack("<qq", there, 0))


def claiming(size: int) -> bytes:
    """A block of seven rows whose labels claim to inflate to `size` bytes."""
    labels = squeezed(struct.pack("<7i", *range(7)))
    data = batch(7, 6, label=pa.array(range(7), pa.int32()))
    assert labels in data
    return data.replace(struct.pack("<q", 28) + labels, struct.pack("<q", size) + labels)


#: name -> (the bytes of a block of seven rows of 6 bytes, what the refusal says)
BLOCKS = {
    "an honest one": (lambda: batch(7, 6), ""),
    "rows of 40 MB": (lambda: batch(7, 40 * MEGABYTE), "7 rows of 42 bytes inflate to 293,601,532"),
    "a buffer that claims a terabyte": (lambda: claiming(2**40), "7 rows of 42 bytes"),
    "a buffer that claims less than nothing": (lambda: claiming(-5), "become -5"),
    "a buffer that claims another size": (lambda: claiming(29), "cannot be read"),
    "other rows": (lambda: batch(6, 6), "no record batch of 7 rows"),
    "rows of another size": (lambda: batch(7, 5), "7 rows of 42 bytes"),
    "labels that are null": (lambda: batch(7, 6, label=pa.array([1] * 6 + [None], pa.int32())), "nulls"),
    "labels that are text": (lambda: batch(7, 6, label=pa.array(["a"] * 7)), "."),
    "a column that is missing": (lambda: batch(7, 6, None)[:200], "do not end as an Arrow file"),
    "nothing": (lambda: b"", "."),
    "a footer that is longer than the file": (lambda: batch(7, 6)[:-10] + b"\xff\xff\xff\x7fARROW1", "do not end"),
    "a footer of less than nothing": (lambda: batch(7, 6)[:-10] + b"\xff\xff\xff\xffARROW1", "do not end"),
}


def part(count: int, rows: int = 1000, **changes: object) -> bytes:
    """A published part of 4x4 images in groups of so many rows, with other columns or other metadata."""
    modality = Image(4, "L")
    indices = np.arange(count)
    samples = Samples(indices, None, np.zeros((count, *modality.array_shape), np.uint8))
    made = pq.read_table(io.BytesIO(Parquet().encode(samples, About(modality, "c", 1, "k", "g"))))
    said = json.loads(made.schema.metadata[b"genai"])
    for name, value in changes.items():
        if name in said:
            said[name] = value
        else:
            made = made.set_column(made.schema.get_field_index(name), name, value)
    sink = io.BytesIO()
    options = {"compression": "zstd", "use_dictionary": False, "write_statistics": False, "row_group_size": rows}
    pq.write_table(made.replace_schema_metadata({"genai": json.dumps(said)}), sink, **options)
    return sink.getvalue()


GRAY = {"kind": "image", "mode": "L", "fit": "crop", "resample": "bicubic"}


def images(cells: list[bytes | None]) -> pa.Array:
    return pa.array(
        [{"bytes": cell, "path": "x"} for cell in cells], pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )


def repeated_part() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(part(3))), sink)
    return sink.getvalue()


#: name -> (the bytes of a part, what the refusal says)
PARTS = {
    "an honest one": (lambda: part(3), ""),
    "images that are one image": (repeated_part, "stand in many rows"),
    "200 images of 1 MB of nothing": (lambda: part(200, image=images([bytes(MEGABYTE)] * 200)), "not a part of ours"),
    "images of 60 MB of nothing, each a page": (
        lambda: part(9, rows=1, image=images([bytes(60 * MEGABYTE)] * 9)), "its pages inflate to"
    ),
    "rows of a gigabyte": (lambda: part(9, modality={**GRAY, "size": [2**14, 2**14]}), "claim 9 rows"),
    "rows of less than nothing": (lambda: part(3, modality={**GRAY, "size": [-4, -4]}), "found rows of"),
    "rows of another shape": (lambda: part(3, modality={**GRAY, "size": [16, 1]}), "the first one is 16x1"),
    "a modality that is code": (lambda: part(3, modality={"kind": "antigravity:x"}), "no modality of ours"),
    "indices that are text": (lambda: part(2, index=pa.array(["a", "b"])), "its columns are"),
    "indices that are null": (lambda: part(2, index=pa.array([1, None], pa.int64())), "not a part"),
    "indices that stand twice": (lambda: part(2, index=pa.array([1, 1], pa.int64())), "stands twice"),
    "images that are null": (lambda: part(2, image=images([None, None])), "not a part"),
    "images that are text": (lambda: part(2, image=pa.array(["a", "b"])), "not a part"),
}  # fmt: skip
