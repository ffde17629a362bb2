"""Files of text: one, a glob, or a folder, with labels as in other folders, `root/<label>/**/*.txt`.

How a file is cut into rows, the modality says (`Modality.cut`). Files are looked through to count their rows, unless
each is one. A fragment is a piece of a large file, of 16 MiB or 16,384 rows, or a run of small ones, no larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import ClassVar

from genai.cut import Cut
from genai.errors import DataError
from genai.sources import PICTURES, Entry, Fragment, Reading, Row, Source
from genai.sources._cuts import MOST, pieces
from genai.sources._folders import check_folders, label_of
from genai.sources._lines import FRAGMENT, ROWS, Line
from genai.sources._openers import side_by_side

RUN = 256  # files of a fragment


class TextSource(Source):
    """Rows of text files."""

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)

    @classmethod
    def endings(cls, modality: Reading) -> tuple[str, ...]:
        return cls.suffixes if modality.cut else ()  # in a folder of images texts are notes

    @classmethod
    def claims(cls, uri: str, modality: Reading = PICTURES) -> bool:  # noqa: ARG003  # to tell a user who forgot it
        return uri.lower().endswith(cls.suffixes)

    @property
    def cut(self) -> Cut:
        if self.modality.cut is None:
            raise DataError(
                f"{self.files.uri.rstrip('/')}/{self.pattern}: found text, rows are {self.modality.noun}s; "
                "allowed: data.modality: text, or other files"
            )
        return self.modality.cut

    def entries(self) -> list[Entry]:
        return super().entries() if self.cut else []

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        entries = self.entries()
        check_folders(self, [entry.key for entry in entries])
        found = list(_together(zip(entries, side_by_side(self._fragments, entries), strict=True)))
        if not found:
            place = f"{self.files.uri.rstrip('/')}/{entries[0].key}"
            raise DataError(f"{place}: found no text in it ({len(entries):,} files); allowed: a line that is not blank")
        return found

    def read(self, fragment: Fragment) -> Iterator[Row]:
        left, cut = fragment.rows, self.cut
        for key in fragment.keys or (fragment.key,):
            at, number = (0, 1) if fragment.keys else (fragment.part, fragment.first)
            label = label_of(self, key)
            with closing(self.files.open(key)) as file:
                for piece in pieces(file, at, number, cut):
                    error = None if piece.whole else f"the {cut.unit} has more than the {MOST:,} bytes allowed"
                    yield Row(piece.data, label, _where(key, piece, cut), error)
                    left -= 1
                    if not left:
                        return

    def _fragments(self, entry: Entry) -> list[Fragment]:
        cut = self.cut
        if cut.unit == "file":
            return [Fragment(entry.key, 0, 1, first=1)]
        begun: list[list[int]] = []  # where each begins, the number of its first row, its rows
        with closing(self.files.open(entry.key)) as file:
            for piece in pieces(file, 0, 1, cut):
                if not begun or piece.at - begun[-1][0] >= FRAGMENT or begun[-1][2] == ROWS:
                    begun.append([piece.at, piece.number, 0])
                begun[-1][2] += 1
        return [Fragment(entry.key, at, rows, first=number) for at, number, rows in begun]


def _where(key: str, piece: Line, cut: Cut) -> str:
    if cut.unit == "file":
        return key
    return f"{key} byte {piece.at}" if cut.unit == "window" else f"{key} line {piece.number}"


def _together(found: Iterable[tuple[Entry, list[Fragment]]]) -> Iterator[Fragment]:
    """The fragments, those of small files as runs."""
    run: list[Fragment] = []
    size = 0
    for entry, own in found:
        full = len(run) == RUN or size + entry.size > FRAGMENT or sum(one.rows for one in [*run, *own]) > ROWS
        if run and (full or len(own) > 1):
            yield _run(run)
            run, size = [], 0
        if len(own) == 1:
            run, size = [*run, *own], size + entry.size
        else:
            yield from own
    if run:
        yield _run(run)


def _run(files: list[Fragment]) -> Fragment:
    if len(files) == 1:
        return files[0]
    return Fragment(files[0].key, 0, sum(file.rows for file in files), tuple(file.key for file in files))
