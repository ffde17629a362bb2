"""How large the pages of a Parquet file become, told by their headers before any is inflated.

A page of a few bytes may claim two gigabytes, and be right; a value of a dictionary costs its size once in the file and
again in every row that names it. So each column chunk that Arrow asks for is looked at on its way (the headers are
parquet-format's `PageHeader`): a page inflates to at most 64 MiB or 64 times its bytes, and there are at most a million
rows or one for each byte. Pictures are compressed already, so no file of theirs comes near.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from genai.thrift import Reader

PAGE_BYTES, PAGE_RATIO = 1 << 26, 64
ROWS = 1 << 20
PADDING = 100  # bytes that Arrow reads beyond a chunk of some old writers

_KIND, _INFLATED, _STORED = 1, 2, 3  # fields of a page header
_DICTIONARY, _DELTA_BYTE_ARRAY = 2, 7  # a kind of page, an encoding
_OWN = {0: (5, 2), 2: (7, 2), 3: (8, 4)}  # kind of page -> its own header, the encoding in that


@dataclass(frozen=True)
class Pages:
    """Bytes of some columns' pages, inflated: those of the largest values that they can hold, and of all."""

    value: int = 0
    total: int = 0
    shared: bool = False  # bytes that are there once may stand in many rows

    def __add__(self, other: Pages) -> Pages:
        return Pages(self.value + other.value, self.total + other.total, self.shared or other.shared)


class Watched(io.RawIOBase):
    """A Parquet file as Arrow reads it, without `pre_buffer`. Once `watch` was called each read is one column chunk,
    whose pages are judged, and kept for the next time. Raises ValueError where they break the bounds, inflate to more
    than `most` bytes in all, or are no pages.
    """

    def __init__(self, raw: BinaryIO, most: int | None = None) -> None:
        super().__init__()
        self._raw, self._most, self._at, self._shared = raw, most, 0, True
        self._chunks: dict[tuple[int, int], bytes] | None = None
        self.size = raw.seek(0, io.SEEK_END)
        self.pages = Pages()

    def watch(self, *, shared: bool = True) -> None:
        """From now on, what is read are column chunks (the footer was read before), with `shared` bytes or without."""
        self._chunks, self._shared = {}, shared

    def read(self, size: int = -1, /) -> bytes:
        data = self._plain(size) if self._chunks is None else self._chunk(self._chunks, size)
        self._at += len(data)
        return data

    def _plain(self, size: int) -> bytes:
        self._raw.seek(self._at)
        left = max(0, self.size - self._at)
        return self._raw.read(left if size < 0 else min(size, left))  # a claim is no reason to take memory

    def _chunk(self, kept: dict[tuple[int, int], bytes], size: int) -> bytes:
        if (self._at, size) not in kept:
            data = self._plain(size)
            self.pages += (found := measure(data))
            if found.shared and not self._shared:
                raise ValueError("some of its bytes stand in many rows; allowed: none")
            if self._most is not None and self.pages.total > self._most:
                raise ValueError(f"its pages inflate to {self.pages.total:,} bytes and more; allowed: {self._most:,}")
            kept[self._at, size] = data
        return kept[self._at, size]

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def check_rows(rows: list[int], size: int) -> None:
    """Raises ValueError where a file of `size` bytes cannot have row groups of so many rows."""
    if min(rows, default=0) < 0 or sum(rows) > max(ROWS, size):
        raise ValueError(f"its {size:,} bytes claim {sum(rows):,} rows; allowed: {ROWS:,}, or one a byte")


def measure(chunk: bytes) -> Pages:
    """The pages of a column chunk. Raises ValueError."""
    largest = total = at = 0
    joined = dictionary = False
    while at < len(chunk):
        try:
            kind, inflated, stored, encoding, begin = _header(chunk, at)
        except ValueError:
            if not at or len(chunk) - at > PADDING:
                raise
            break
        if inflated > max(PAGE_BYTES, PAGE_RATIO * stored):
            limit = f"{PAGE_BYTES:,}, or {PAGE_RATIO} times its own"
            raise ValueError(f"a page of {stored:,} bytes inflates to {inflated:,}; allowed: {limit}")
        largest, total, at = max(largest, inflated), total + inflated, begin + stored
        dictionary = dictionary or kind == _DICTIONARY
        joined = joined or encoding == _DELTA_BYTE_ARRAY  # a value begins as the one before, also of another page
    return Pages(total if joined else largest, total, dictionary or joined)


def _header(chunk: bytes, at: int) -> tuple[int, int, int, int, int]:
    """Kind, size inflated, size stored and encoding of the page at `at`, and where its bytes begin."""
    reader = Reader(chunk, at)
    header = reader.struct()
    kind, inflated, stored = (_natural(header.get(field)) for field in (_KIND, _INFLATED, _STORED))
    encoding = 0
    if kind in _OWN:
        own = header.get(_OWN[kind][0])
        encoding = _natural(own.get(_OWN[kind][1]) if isinstance(own, dict) else None)
    if reader.at + stored > len(chunk):
        raise ValueError(f"a page claims {stored:,} bytes, {len(chunk) - reader.at:,} are there")
    return kind, inflated, stored, encoding, reader.at


def _natural(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError("a page has no header that says its kind, its sizes and its encoding")
    return number


def leaves(schema: pa.Schema, columns: list[str]) -> list[str]:
    """Columns as Parquet projects them: of a file's, its bytes."""
    return [f"{name}.bytes" if pa.types.is_struct(schema.field(name).type) else name for name in columns]
