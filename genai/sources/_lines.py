"""Lines of a file, read in pieces, so that neither a long file nor a long line takes memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

CHUNK = 1 << 20  # bytes
FRAGMENT, ROWS = 1 << 24, 1 << 14  # bytes and rows of a fragment, at most: a worker holds it whole, decoded
_MARK = b"\xef\xbb\xbf"  # of UTF-8, at the beginning of a file


@dataclass(frozen=True)
class Line:
    """Where a line begins, its number from 1, and its bytes: the first of them only where it is not `whole`, because it
    has more than it may.
    """

    at: int
    number: int
    data: bytes
    whole: bool = True


def beginning(file: BinaryIO, at: int) -> int:
    """Go to where reading begins: behind the mark of UTF-8, if the file has one."""
    if at == 0:
        file.seek(0)
        at = len(_MARK) if file.read(len(_MARK)) == _MARK else 0
    return file.seek(at)


def size_of(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def lines(file: BinaryIO, at: int, number: int, most: int) -> Iterator[Line]:
    """The lines from `at` on, where the one of that number begins, with what ends them: LF, or CR LF, or the file."""
    at, held, size = beginning(file, at), b"", 0
    for chunk in iter(partial(file.read, CHUNK), b""):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            size += len(part) + 1
            line = held + part if held else part
            yield Line(at, number, (line + b"\n")[:most], size <= most)
            at, number, held, size = at + size, number + 1, b"", 0
        size += len(rest)
        held += rest[: most - len(held)]  # more is never looked at
    if size:
        yield Line(at, number, held, size <= most)


def bare(line: bytes) -> bytes:
    """A line without what ends it."""
    return line.removesuffix(b"\n").removesuffix(b"\r")
