"""A snapshot of an Iceberg table: `…/metadata/00003-….metadata.json`; with `@4711` behind it, the one of that number.

A metadata file never changes, so it stands for its rows. Its data files are read as Parquet (`genai.sources.parquet`),
by field id where they have such ids, so a column that was renamed is found; one that a file has not got is an error.
What the table holds as a number stays one, whatever a file says of class names, except for the classes of datasets that
we registered ourselves. Rows that were deleted without rewriting their files are refused.

`iceberg://catalogue/namespace.table` is for jobs, which ask the catalogue for the metadata file.
"""

from __future__ import annotations

import os
import re
from functools import cached_property

import pyarrow as pa

from genai.errors import DataError
from genai.identity import canonical
from genai.sources import PICTURES, Entry, Fragment, Reading
from genai.sources._columns import chosen
from genai.sources._iceberg_plan import Snapshot, parted, placed, plan
from genai.sources.parquet import ParquetSource

SCHEME = "iceberg://"
_URI = re.compile(r"(.*\.metadata\.json)(?:@([0-9]{1,19}))?", re.IGNORECASE | re.DOTALL)
_FIELD_ID = b"PARQUET:field_id"


class IcebergSource(ParquetSource):
    """Rows of the data files of one snapshot."""

    suffixes = ()
    mark = re.compile(r"(?:^|/)metadata/v?([0-9]+)[^/]*\.metadata\.json$")

    @classmethod
    def claims(cls, uri: str, modality: Reading = PICTURES) -> bool:  # noqa: ARG003  # a table has rows of any kind
        return uri.startswith(SCHEME) or _URI.fullmatch(uri) is not None

    @classmethod
    def split(cls, uri: str) -> tuple[str, str]:
        """A disk or a bucket, since data files may lie anywhere in it, and the metadata file."""
        if uri.startswith(SCHEME):
            raise DataError(f"{uri}: only a job asks a catalogue; allowed here: the table's metadata file")
        return parted(uri if "://" in uri else os.path.abspath(os.path.expanduser(uri)))  # noqa: PTH100, PTH111

    def entries(self) -> list[Entry]:
        if not self._snapshot.files:
            raise DataError(
                f"{placed(self.files, self.pattern)}: found a snapshot without rows; allowed: one with rows"
            )
        return [*self._snapshot.files]

    def fingerprint(self) -> list[tuple[str, int, str]]:
        found = self._snapshot
        said = canonical([sorted(found.columns.items()), sorted(found.aliases.items()), found.classes]).decode()
        return [(found.table, 0, said), *super().fingerprint()]

    def fragments(self) -> list[Fragment]:
        found = super().fragments()
        rows: dict[str, int] = {}
        for fragment in found:
            rows[fragment.key] = rows.get(fragment.key, 0) + fragment.rows
        for file in self._snapshot.files:
            if rows.get(file.key, 0) != file.rows:
                place, there = placed(self.files, file.key), rows.get(file.key, 0)
                raise DataError(f"{place}: found {there:,} rows, the table says {file.rows:,}")
        return found

    def names(self) -> list[str] | None:
        return self._snapshot.classes if self.label == "label" else None

    def names_in(self, schema: pa.Schema) -> list[str] | None:
        return self.names()

    def columns(self, key: str, schema: pa.Schema) -> tuple[list[str], str | None]:
        """As the file calls them."""
        own = self._own_names(schema)
        fields = [schema.field(name).with_name(table) for table, name in own.items() if schema.names.count(name) == 1]
        value, label = chosen(key, pa.schema(fields), self.label, self.modality)
        return [own[name] for name in value], own[label] if label else None

    def titles(self, schema: pa.Schema, columns: list[str]) -> list[str]:
        """As the table calls them."""
        called = {own: name for name, own in self._own_names(schema).items()}
        return [called[name] for name in columns]

    def _own_names(self, schema: pa.Schema) -> dict[str, str]:
        """A file's names of the table's columns: by field id, else by the name mapping, else by name."""
        found = self._snapshot
        ids = {field.name: int((field.metadata or {}).get(_FIELD_ID, -1)) for field in schema}
        if max(ids.values(), default=-1) < 0:
            by_name = {name: number for number, name in found.columns.items()}
            ids = {name: found.aliases.get(name, by_name.get(name, -1)) for name in ids}
        return {found.columns[number]: name for name, number in ids.items() if number in found.columns}

    @cached_property
    def _snapshot(self) -> Snapshot:
        match = _URI.fullmatch(self.pattern)
        if match is None or match[1].lower().endswith(".gz.metadata.json"):
            raise DataError(self._not_said())
        return plan(self.files, match[1], int(match[2]) if match[2] else None)

    def _not_said(self) -> str:
        marked = ((self.mark.search(entry.key), entry.key) for entry in self.files.list(self.pattern))
        there = [(int(match[1]), key) for match, key in marked if match]
        newest = f", perhaps {placed(self.files, max(there)[1])}" if there else ""
        return (
            f"{placed(self.files, self.pattern)}: found an Iceberg table, whose folder does not say which of "
            f"its snapshots is current; allowed: its metadata file{newest} (not compressed), or in a job "
            "iceberg://CATALOGUE/TABLE"
        )
