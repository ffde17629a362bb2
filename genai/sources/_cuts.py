"""Files of text, cut into rows, with no more of them in memory than a row.

Lines that are blank are no rows: they part paragraphs. A row of more than `MOST` bytes is bad, wherever it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from genai.cut import Cut
from genai.sources._lines import CHUNK, Line, bare, beginning, lines

MOST = 1 << 22  # bytes of a row


def pieces(file: BinaryIO, at: int, number: int, cut: Cut) -> Iterator[Line]:
    """The rows from `at` on, where the one of that number begins."""
    if cut.unit == "file":
        beginning(file, at)
        data = file.read(MOST + 1)
        yield Line(at, number, data[:MOST], len(data) <= MOST)
    elif cut.unit == "window":
        yield from _windows(file, at, number, cut.length)
    elif cut.unit == "paragraph":
        yield from _paragraphs(file, at, number)
    else:
        for line in lines(file, at, number, MOST):
            if not _blank(line):
                yield Line(line.at, line.number, bare(line.data), line.whole)


def _blank(line: Line) -> bool:
    return line.whole and not line.data.strip()


def _paragraphs(file: BinaryIO, at: int, number: int) -> Iterator[Line]:
    first: Line | None = None
    text, whole = bytearray(), True
    for line in lines(file, at, number, MOST):
        if _blank(line):
            if first:
                yield replace(first, data=bare(bytes(text)), whole=whole)
            first, text, whole = None, bytearray(), True
        else:
            first, whole = first or line, whole and line.whole and len(text) + len(line.data) <= MOST
            text += line.data if whole else b""
    if first:
        yield replace(first, data=bare(bytes(text)), whole=whole)


def _windows(file: BinaryIO, at: int, number: int, length: int) -> Iterator[Line]:
    at, held, more = beginning(file, at), b"", True
    while more:
        chunk = file.read(CHUNK)
        held, start, more = held + chunk, 0, bool(chunk)
        while len(held) - start > length or (start < len(held) and not more):
            end = _boundary(held, start + length)
            yield Line(at + start, number, held[start:end])
            start, number = end, number + 1
        at, held = at + start, held[start:]


def _boundary(text: bytes, end: int) -> int:
    """Where the character begins that has a byte at `end`."""
    for begin in range(end, end - 4, -1):
        if begin >= len(text) or text[begin] & 0xC0 != 0x80:
            return begin
    return end  # of no character
