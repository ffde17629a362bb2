"""Rows of tables that are written as text (CSV, JSON lines), by the route of the other tables.

A record is a line, or lines; the records of a file are handed on in batches that fit into memory, as columns, of which
the modality picks its own. A record that cannot be read spoils its own row only.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from genai.errors import DataError
from genai.sources import Fragment, Row, Source
from genai.sources._columns import chosen, said
from genai.sources._lines import FRAGMENT, ROWS
from genai.sources._openers import side_by_side

RECORD = 1 << 21  # bytes of a record
COLUMNS = 10_000  # of a file
BATCH, BATCH_BYTES = 256, 1 << 23  # records in memory at a time


@dataclass(frozen=True)
class Record:
    """Where a record begins, the number of its first line, its bytes, and what it says by column, or why it cannot be
    read.
    """

    at: int
    number: int
    size: int
    cells: Sequence[Any] = ()
    error: str | None = None


class RecordsSource(Source):
    """Rows of files of records. A fragment is a piece of a file, of 16 MiB or 16,384 rows."""

    @abstractmethod
    def schema(self, key: str, file: BinaryIO) -> pa.Schema:
        """The columns of a file. Raises DataError."""

    @abstractmethod
    def records(
        self, key: str, file: BinaryIO, at: int, number: int, schema: pa.Schema, wanted: list[str]
    ) -> Iterator[Record]:
        """The records from `at` on (0: all), where the line of that number begins, with the cells of `wanted`. Raises
        DataError where it cannot be told where a record ends.
        """

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()]
        found = [fragment for own in side_by_side(self._fragments, keys) for fragment in own]
        if not found:
            raise DataError(f"{keys[0]}: found no rows in it ({len(keys):,} files); allowed: one row or more")
        return found

    def read(self, fragment: Fragment) -> Iterator[Row]:
        left = fragment.rows
        with closing(self.files.open(fragment.key)) as file:
            schema = self.schema(fragment.key, file)
            value, label = chosen(fragment.key, schema, self.label, self.modality)
            wanted = [*value, *([label] if label else [])]
            records = self.records(fragment.key, file, fragment.part, fragment.first, schema, wanted)
            for batch in _batches(records):
                yield from self._rows(fragment.key, batch[:left], schema, wanted)
                left -= len(batch[:left])
                if not left:
                    return

    def _rows(self, key: str, batch: list[Record], schema: pa.Schema, wanted: list[str]) -> Iterator[Row]:
        columns = zip(*(record.cells or (None,) * len(wanted) for record in batch), strict=True)
        made = [column_of(cells, schema.field(name).type) for name, cells in zip(wanted, columns, strict=True)]
        value, labels = (made[:-1], made[-1]) if self.label else (made, None)
        table = pa.RecordBatch.from_arrays(value, names=wanted[: len(value)])
        for record, (one, found, error) in zip(batch, said(table, labels, None, self.modality), strict=True):
            yield Row(one, found, f"{key} line {record.number}", record.error or error)

    def _fragments(self, key: str) -> list[Fragment]:
        begun: list[list[int]] = []  # where each begins, the number of its first line, its rows
        with closing(self.files.open(key)) as file:
            schema = self.schema(key, file)
            chosen(key, schema, self.label, self.modality)
            for record in self.records(key, file, 0, 1, schema, []):
                if not begun or record.at - begun[-1][0] >= FRAGMENT or begun[-1][2] == ROWS:
                    begun.append([record.at, record.number, 0])
                begun[-1][2] += 1
        return [Fragment(key, at, rows, first=number) for at, number, rows in begun]


def column_of(cells: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Cells as a column; those of text are bytes, and stay what they are if they are no UTF-8, to be refused in their
    own row.
    """
    return pa.array(cells, pa.binary()).view(kind) if pa.types.is_string(kind) else pa.array(cells, kind)


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += record.size
        if len(batch) == BATCH or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
