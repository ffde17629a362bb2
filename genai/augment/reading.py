"""Reading rows of a source's fragments by their places: forward, without reading what lies before or after them.

A fragment that is asked for later rows goes on where it was, so windows that are smaller than a row group do not read
it twice. Where a fragment has a file for each row, only the files of the wanted rows are opened.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice

import numpy as np

from genai.errors import DataError
from genai.sources import Fragment, Row, Source


class Cursor:
    """The rows of one source, a fragment at a time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._fragment: Fragment | None = None
        self._rows: Iterator[Row] = iter(())
        self._next = 0

    def rows(self, fragment: Fragment, wanted: np.ndarray) -> Iterator[Row]:
        """Rows of a fragment by their places in it, which ascend. Raises DataError where it has fewer."""
        if fragment != self._fragment or wanted[0] < self._next:
            self._fragment, self._rows, self._next = fragment, iter(self._source.read(fragment)), 0
        for place in wanted.tolist():
            row = next(islice(self._rows, place - self._next, None), None)
            if row is None:
                raise DataError(
                    f"{fragment.key}: found fewer than the {fragment.rows:,} rows that it had when it was opened"
                )
            self._next = place + 1
            yield row


class Real:
    """A source of real rows, all of which each epoch takes. A block is a fragment, or one file where each row has its
    own: these can be shuffled as they like. `place` is the root of its files, for messages.
    """

    def __init__(self, source: Source, place: str) -> None:
        self.source, self.place = source, place
        self.fragments = source.fragments()
        self._single = np.array([len(fragment.keys) == fragment.rows for fragment in self.fragments], bool)
        sizes = np.array([fragment.rows for fragment in self.fragments], np.int64)
        self.rows = int(sizes.sum())
        if not self.rows:
            raise DataError(f"{place}: found no row; allowed: at least one")
        self._first = np.cumsum([0, *np.where(self._single, sizes, 1)])  # block of each fragment
        self.counts = np.where(np.repeat(self._single, np.diff(self._first)), 1, np.repeat(sizes, np.diff(self._first)))
        self.cursor = Cursor(source)

    def reader(self, *, reconnect: bool) -> Real:
        """The same rows for one iteration; where files were opened in another process, whose connections cannot be
        shared, by connections of its own.
        """
        made = copy.copy(self)
        made.source = copy.deepcopy(self.source) if reconnect else self.source
        made.cursor = Cursor(made.source)
        return made

    def read(self, block: int, wanted: np.ndarray) -> Iterator[Row]:
        """Rows of a block. A row that cannot be used ends it with DataError, which names its place."""
        number = int(np.searchsorted(self._first, block, side="right")) - 1
        fragment = self.fragments[number]
        if self._single[number]:
            key = fragment.keys[block - int(self._first[number])]
            fragment = replace(fragment, key=key, rows=1, keys=(key,))
        return map(self._usable, self.cursor.rows(fragment, wanted))

    def counted(self, classes: Collection[str]) -> list[int]:
        """The rows of each class, by reading all of them once."""
        found = dict.fromkeys(classes, 0)
        for fragment in self.fragments:
            for row in map(self._usable, self.source.read(fragment)):
                if str(row.label) not in found:
                    raise self.fault(row, unknown(row, classes))
                found[str(row.label)] += 1
        return list(found.values())

    def fault(self, row: Row, text: str) -> DataError:
        """What is wrong with a row, with its place."""
        below = f"{self.place.rstrip('/')}/" if self.place and "://" not in row.where else ""
        return DataError(f"{below}{row.where}: {text}")

    @cached_property
    def identity(self) -> str:
        """Equal where the rows are listed alike."""
        digest = hashlib.sha256()
        for fragment in self.fragments:
            digest.update(repr(fragment).encode())
        return digest.hexdigest()

    def _usable(self, row: Row) -> Row:
        if row.error:
            raise self.fault(row, row.error)
        return row


def unknown(row: Row, classes: Collection[str]) -> str:
    known = ", ".join(islice(classes, 20)) + ("…" if len(classes) > 20 else "")
    return f"found the label {str(row.label)[:100]!r}, the published dataset has {known}"
