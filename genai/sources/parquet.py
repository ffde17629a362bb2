"""Parquet files: one, a glob, or a folder. A fragment is a row group.

The image column is `image`, else the only one that can hold images: binary, or a struct with binary `bytes` (what
Hugging Face datasets writes). The label column holds integers, strings or booleans; a ClassLabel's names come from
the `huggingface` key of the schema metadata. Only these two columns are read, a few rows at a time.
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
from genai.sources import Fragment, Row, Source

BATCH = 256  # rows in memory at a time
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
        with self._opened(fragment.key) as file:
            image, label = self._columns(fragment.key, file.schema_arrow)
            names = _class_names(file.schema_arrow, label) if label else None
            row = sum(file.metadata.row_group(group).num_rows for group in range(fragment.part))
            wanted = [image] if label is None else [image, label]
            for batch in file.iter_batches(BATCH, row_groups=[fragment.part], columns=wanted, use_threads=False):
                labels = batch.column(label).to_pylist() if label else [None] * batch.num_rows
                for value, given in zip(_bytes_of(batch, label), labels, strict=True):
                    found, error = _named(given, names) if label else (None, None)
                    error = "the image is null" if value is None else error
                    yield Row(value or b"", found, f"{fragment.key} row {row}", error)
                    row += 1

    def names(self) -> list[str] | None:
        if self.label is None:
            return None
        with self._opened(self.entries()[0].key) as file:
            return _class_names(file.schema_arrow, self.label)

    def _row_groups(self, key: str) -> list[Fragment]:
        with self._opened(key) as file:
            self._columns(key, file.schema_arrow)
            footer = file.metadata
            return [Fragment(key, part, footer.row_group(part).num_rows) for part in range(footer.num_row_groups)]

    @contextmanager
    def _opened(self, key: str) -> Iterator[pq.ParquetFile]:
        """The door through which Arrow's errors become ours."""
        with closing(self.files.open(key)) as raw:
            try:
                with pq.ParquetFile(raw) as file:
                    yield file
            except (pa.ArrowException, OSError) as error:
                found = str(error).split("\n")[0]
                raise DataError(
                    f"{key}: not a readable Parquet file: {found}; allowed: whole, unencrypted .parquet"
                ) from error

    def _columns(self, key: str, schema: pa.Schema) -> tuple[str, str | None]:
        """The image column, as it is projected, and the label column."""
        if self.label is None:
            return _image_column(key, schema, None), None
        if self.label not in schema.names:
            raise DataError(
                f"{key}: found no label column {self.label!r}, the columns are {', '.join(schema.names)}; "
                "set data.label to one of them, or to null for unlabelled data"
            )
        kind = schema.field(self.label).type
        if not _is_label(kind.value_type if types.is_dictionary(kind) else kind):
            raise DataError(
                f"{key}: the label column {self.label!r} holds {kind}; allowed: integers, strings, booleans"
            )
        return _image_column(key, schema, self.label), self.label


def _image_column(key: str, schema: pa.Schema, label: str | None) -> str:
    able = [field.name for field in schema if field.name != label and _holds_images(field.type)]
    if "image" in able:
        able = ["image"]
    if len(able) != 1:
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise DataError(
            f"{key}: found {len(able) or 'no'} columns that can hold images, the columns are {columns}; "
            "allowed: one of binary or struct<bytes: binary, …>, or one of these named image"
        )
    return f"{able[0]}.bytes" if types.is_struct(schema.field(able[0]).type) else able[0]


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


def _class_names(schema: pa.Schema, label: str) -> list[str] | None:
    """The names of a ClassLabel, from the metadata that Hugging Face datasets writes."""
    try:
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]
        return [str(name) for name in feature["names"]] if feature["_type"] == "ClassLabel" else None
    except (KeyError, TypeError, ValueError):  # none, or another program's key
        return None


def _named(label: Any, names: list[str] | None) -> tuple[int | str | None, str | None]:
    """A label as it counts, or what is wrong with it."""
    if label is None:
        return None, "the label is null"
    if isinstance(label, bool):
        return str(label).lower(), None
    if names is None or isinstance(label, str):
        return label, None
    if 0 <= label < len(names):
        return names[label], None
    return None, f"the label is {label}, the file declares the classes 0 to {len(names) - 1}"
