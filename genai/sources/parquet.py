"""Parquet files: one, a glob, or a folder. A fragment is a row group.

A ClassLabel's names come from the `huggingface` key of the schema metadata. Only the columns of the value and of the
label are read, a few rows at a time; how many follows from the largest value that a page can hold, so that memory is
bounded whatever a file claims (`genai.parquet_pages`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from genai.errors import DataError
from genai.parquet_pages import Watched, check_rows, leaves
from genai.sources import Fragment, Row, Source
from genai.sources._columns import chosen, class_names, said
from genai.sources._openers import side_by_side

BATCH, BATCH_BYTES = 256, 1 << 27  # rows in memory at a time, and what they may take


class ParquetSource(Source):
    """Rows of Parquet files."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()]
        return [fragment for found in side_by_side(self._row_groups, keys) for fragment in found]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        with self._opened(fragment.key) as (file, watched):
            value, label = self.columns(fragment.key, file.schema_arrow)
            names = self.names_in(file.schema_arrow) if label else None
            wanted = [*leaves(file.schema_arrow, value), *([label] if label else [])]
            titles = self.titles(file.schema_arrow, value)
            first = row = sum(file.metadata.row_group(before).num_rows for before in range(fragment.part))
            for batch in _batches(file, watched, fragment.part, wanted):
                labels = batch.column(label) if label else None
                for one, found, error in said(batch.select(value).rename_columns(titles), labels, names, self.modality):
                    yield Row(one, found, f"{fragment.key} row {row}", error)
                    row += 1
            if row - first != file.metadata.row_group(fragment.part).num_rows:
                raise ValueError(f"the footer claims other rows than the {row - first:,} that are there")

    def names(self) -> list[str] | None:
        if self.label is None:
            return None
        with self._opened(self.entries()[0].key) as (file, _):
            return self.names_in(file.schema_arrow)

    def columns(self, key: str, schema: pa.Schema) -> tuple[list[str], str | None]:
        """The columns of the value, and that of the label, of a file. Raises DataError."""
        return chosen(key, schema, self.label, self.modality)

    def titles(self, schema: pa.Schema, columns: list[str]) -> list[str]:  # a file has its own
        """What the columns of a file are called."""
        return columns

    def names_in(self, schema: pa.Schema) -> list[str] | None:
        """The class names that a file declares."""
        try:
            features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        except (KeyError, TypeError, ValueError, RecursionError):  # none, or another program's key
            return None
        return class_names(features, self.label or "")

    def _row_groups(self, key: str) -> list[Fragment]:
        with self._opened(key) as (file, watched):
            self.columns(key, file.schema_arrow)
            rows = [file.metadata.row_group(part).num_rows for part in range(file.metadata.num_row_groups)]
            check_rows(rows, watched.size)
            return [Fragment(key, part, count) for part, count in enumerate(rows)]

    @contextmanager
    def _opened(self, key: str) -> Iterator[tuple[pq.ParquetFile, Watched]]:
        """The door through which Arrow's errors, and those of what a file claims, become ours."""
        with closing(self.files.open(key)) as raw:
            try:
                watched = Watched(raw)
                with pq.ParquetFile(watched, pre_buffer=False) as file:  # a read is a column chunk
                    watched.watch()
                    yield file, watched
            except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
                found = str(error).split("\n")[0][:500]
                raise DataError(
                    f"{key}: not a readable Parquet file: {found}; allowed: whole, unencrypted .parquet"
                ) from error


def _batches(file: pq.ParquetFile, watched: Watched, part: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """A row group, as many rows at a time as fit even if each is the largest value that its pages can hold."""
    if not file.metadata.row_group(part).num_rows:  # writers leave a chunk without a data page, at no place
        return
    how = {"row_groups": [part], "columns": columns, "use_threads": False}
    next(file.iter_batches(1, **how), None)  # the first row brings the column chunks, and with them the pages
    yield from file.iter_batches(max(1, min(BATCH, BATCH_BYTES // max(1, watched.pages.value))), **how)
