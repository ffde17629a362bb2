"""Texts in tables: the column that holds them, and what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genai.errors import DataError, listed

if TYPE_CHECKING:
    import pyarrow as pa


def text_column(key: str, schema: pa.Schema, column: str | None, usual: str) -> str:
    """The column of strings that is called for, else the usual one, else the only one. Raises DataError."""
    able = [field.name for field in schema if _holds_text(field.type)]
    if column or usual in able:
        able = [name for name in able if name == (column or usual)]
    if len(able) != 1 or schema.names.count(able[0]) != 1:
        columns = listed([f"{field.name} ({field.type})" for field in schema])
        wanted = f"one of strings, {column!r}, as data.modality.column says" if column else f"one of these, {usual!r}"
        raise DataError(
            f"{key}: found {len(able) or 'no'} columns of strings{' of that name' if column else ''}, the columns are "
            f"{columns}; allowed: {wanted if column else f'one of strings, or {wanted}, or data.modality.column'}"
        )
    return able[0]


def texts_of(column: pa.Array) -> list[Any]:
    """The bytes of each text, which need not be UTF-8: one that is not spoils its own row only."""
    from pyarrow import large_binary, types

    plain = column.cast(column.type.value_type) if types.is_dictionary(column.type) else column
    return list(plain.cast(large_binary()).to_pylist())


def strings_of(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column as Python's own; a string that is no UTF-8 as bytes: it spoils its own row only."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:  # one is enough
        return [_text(value) for value in texts_of(column)]


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return value if value is None else value.decode()
    except UnicodeDecodeError:
        return value


def _holds_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind))
