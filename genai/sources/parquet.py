"""Parquet files: one, a glob, or a folder. A fragment is a row group.

The image column is `image`, else the only one that can hold images: binary, or a struct with binary `bytes` (what
Hugging Face datasets writes). The label column holds integers, strings or booleans; a ClassLabel's names come from
the `huggingface` key of the schema metadata. Only these two columns are read, a few rows at a time; how many follows
from the largest value that a page can hold, so that memory is bounded whatever a file claims (`genai.parquet_pages`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from genai.errors import DataError
from genai.parquet_pages import Watched, check_rows
from genai.sources import Fragment, Row, Source

BATCH, BATCH_BYTES = 256, 1 << 27  # rows in memory at a time, and what they may take
LABEL = 1000  # characters of a class's name
OPENERS = 16  # footers are fetched side by side


class ParquetSource(Source):
    """Rows of Parquet files."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()]
        with ThreadPoolExecutor(OPENERS) as openers:
            return [fragment for found in openers.map(self._row_groups, keys) for fragment in found]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        with self._opened(fragment.key) as (file, watched):
            image, label = self._columns(fragment.key, file.schema_arrow)
            names = _class_names(file.schema_arrow, label) if label else None
            wanted = [image] if label is None else [image, label]
            first = row = sum(file.metadata.row_group(before).num_rows for before in range(fragment.part))
            for batch in _batches(file, watched, fragment.part, wanted):
                labels = _labels_of(batch.column(label)) if label else [None] * batch.num_rows
                for value, given in zip(_bytes_of(batch, label), labels, strict=True):
                    found, error = _named(given, names) if label else (None, None)
                    error = "the image is null" if value is None else error
                    yield Row(value or b"", found, f"{fragment.key} row {row}", error)
                    row += 1
            if row - first != file.metadata.row_group(fragment.part).num_rows:
                raise ValueError(f"the footer claims other rows than the {row - first:,} that are there")

    def names(self) -> list[str] | None:
        if self.label is None:
            return None
        with self._opened(self.entries()[0].key) as (file, _):
            return _class_names(file.schema_arrow, self.label)

    def _row_groups(self, key: str) -> list[Fragment]:
        with self._opened(key) as (file, watched):
            self._columns(key, file.schema_arrow)
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

    def _columns(self, key: str, schema: pa.Schema) -> tuple[str, str | None]:
        """The image column, as it is projected, and the label column."""
        if self.label is None:
            return _image_column(key, schema, None), None
        if schema.names.count(self.label) != 1:
            found = "no" if self.label not in schema.names else "more than one"
            raise DataError(
                f"{key}: found {found} label column {self.label!r}, the columns are {_listed(schema.names)}; "
                "set data.label to one of them, or to null for unlabelled data"
            )
        kind = schema.field(self.label).type
        if not _is_label(kind.value_type if types.is_dictionary(kind) else kind):
            raise DataError(
                f"{key}: the label column {self.label!r} holds {kind}; allowed: integers, strings, booleans"
            )
        return _image_column(key, schema, self.label), self.label


def _batches(file: pq.ParquetFile, watched: Watched, part: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """A row group, as many rows at a time as fit even if each is the largest value that its pages can hold."""
    how = {"row_groups": [part], "columns": columns, "use_threads": False}
    next(file.iter_batches(1, **how), None)  # the first row brings the column chunks, and with them the pages
    yield from file.iter_batches(max(1, min(BATCH, BATCH_BYTES // max(1, watched.pages.value))), **how)


def _image_column(key: str, schema: pa.Schema, label: str | None) -> str:
    able = [field.name for field in schema if field.name != label and _holds_images(field.type)]
    if able.count("image") == 1:
        able = ["image"]
    if len(able) != 1 or schema.names.count(able[0]) != 1:
        columns = _listed([f"{field.name} ({field.type})" for field in schema])
        raise DataError(
            f"{key}: found {len(able) or 'no'} columns that can hold images, the columns are {columns}; "
            "allowed: one of binary or struct<bytes: binary, …>, or one of these named image"
        )
    return f"{able[0]}.bytes" if types.is_struct(schema.field(able[0]).type) else able[0]


def _listed(names: list[str]) -> str:
    """Names on one line of bounded length."""
    text = ", ".join(name if name.isprintable() else repr(name) for name in names[:100])
    return text if len(text) <= 500 and len(names) <= 100 else f"{text[:500]}…"


def _holds_images(kind: pa.DataType) -> bool:
    if types.is_struct(kind):
        return any(field.name == "bytes" and _is_binary(field.type) for field in kind)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return types.is_binary(kind) or types.is_large_binary(kind)


def _is_label(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind) or types.is_boolean(kind)


def _bytes_of(batch: pa.RecordBatch, label: str | None) -> list[bytes | None]:
    column = next(batch.column(name) for name in batch.schema.names if name != label)
    return (pc.struct_field(column, "bytes") if types.is_struct(column.type) else column).to_pylist()


def _labels_of(column: pa.Array) -> list[Any]:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:  # one label is enough; it spoils its own row only
        plain = column.cast(column.type.value_type) if types.is_dictionary(column.type) else column
        return [_text(value) for value in plain.cast(pa.large_binary()).to_pylist()]


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _class_names(schema: pa.Schema, label: str) -> list[str] | None:
    """The names of a ClassLabel, from the metadata that Hugging Face datasets writes."""
    try:
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]
        named = feature["_type"] == "ClassLabel" and isinstance(feature["names"], list)
        return [str(name) for name in feature["names"]] if named else None
    except (KeyError, TypeError, ValueError, RecursionError):  # none, or another program's key
        return None


def _named(label: Any, names: list[str] | None) -> tuple[int | str | None, str | None]:
    """A label as it counts, or what is wrong with it."""
    if label is None:
        return None, "the label is null"
    if isinstance(label, bytes):
        return None, "the label is no text in UTF-8"
    if isinstance(label, bool):
        return str(label).lower(), None
    if names is not None and not isinstance(label, str):
        if not 0 <= label < len(names):
            return None, f"the label is {label}, the file declares the classes 0 to {len(names) - 1}"
        label = names[label]
    if isinstance(label, str) and len(label) > LABEL:
        return None, f"the label has {len(label):,} characters; allowed: at most {LABEL:,}"
    return label, None
