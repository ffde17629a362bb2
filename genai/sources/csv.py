"""CSV and TSV files: one, a glob, or a folder. The first record is the header; all cells are text, and what it means is
the modality's business. An empty cell is null.

They are read by Python's `csv` and not by Arrow, because it tells where a record ends: so a large file is cut into
fragments, a record with too few or too many cells is a bad row with its line, and memory is bounded by a record.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import pyarrow as pa

from genai.errors import DataError
from genai.sources._lines import Line, lines
from genai.sources._records import COLUMNS, RECORD, Record, RecordsSource

csv.field_size_limit(max(csv.field_size_limit(), RECORD))  # there is one for the whole process


class CsvSource(RecordsSource):
    """Rows of comma- or tab-separated values."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")

    def schema(self, key: str, file: BinaryIO) -> pa.Schema:
        header = next(_records(key, file, 0, 1), None)
        if header is None or len(header[1]) > COLUMNS:
            found = f"{len(header[1]):,} columns" if header else "no header"
            raise DataError(f"{key}: found {found}; allowed: a first line that names at most {COLUMNS:,} columns")
        return pa.schema([(name.encode("latin-1").decode(errors="replace"), pa.string()) for name in header[1]])

    def records(
        self, key: str, file: BinaryIO, at: int, number: int, schema: pa.Schema, wanted: list[str]
    ) -> Iterator[Record]:
        places = [schema.get_field_index(name) for name in wanted]
        if -1 in places:
            raise DataError(f"{key}: found the column {wanted[places.index(-1)][:50]!r} twice; allowed: once")
        found = _records(key, file, at, number)
        if at == 0:
            next(found, None)
        for feed, cells in found:
            error = None
            if len(cells) != len(schema):
                error = f"it has {len(cells):,} cells, the header has {len(schema):,}"
            said = [cells[place].encode("latin-1") or None for place in places] if error is None else ()
            yield Record(feed.first.at, feed.first.number, feed.size, said, error)


class _Feed:
    """The lines of a file as the reader takes them, each character a byte, and what it took for one record."""

    first: Line
    size: int

    def __init__(self, found: Iterator[Line]) -> None:
        self._lines = found
        self.begin()

    def begin(self) -> None:
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if self.size == 0:
                self.first = line
            self.size += len(line.data)
            if self.size > RECORD or not line.whole:
                raise csv.Error(f"it has more than {RECORD:,} bytes, or a quote that is not closed")
            yield line.data.decode("latin-1")


def _records(key: str, file: BinaryIO, at: int, number: int) -> Iterator[tuple[_Feed, list[str]]]:
    """The records that are not blank. Raises DataError."""
    feed = _Feed(lines(file, at, number, RECORD))
    reader = csv.reader(feed, delimiter="\t" if key.lower().endswith(".tsv") else ",")
    while True:
        feed.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            found = str(error).split(" - ")[0]
            raise DataError(f"{key} line {feed.first.number}: not a readable record: {found}; allowed: CSV") from error
        if cells is None:
            return
        if cells:
            yield feed, cells
