"""Whether a table that is there takes the rows of a dataset: the same columns, by name, of the same types.

A table may have more columns, where they may be null. Arrow has a long and a short form of texts and bytes, which say
the same.
"""

from __future__ import annotations

import pyarrow as pa
from pyarrow import types

from genai.errors import InputError


def fit(place: str, found: pa.Schema, wanted: pa.Schema, *, strict: bool = False) -> None:
    """Raises InputError about the first column of the table `found` that does not fit. `strict` tables take no row into
    a column that may not be null, whatever is in it.
    """
    other = "; choose another table, or one that is not there yet"
    for field in wanted:
        if field.name not in found.names:
            said = f"found no column {field.name!r}, allowed: {field.name}, {_said(field.type)}"
            raise InputError(f"{place}: {said}, as the dataset has it{other}")
        there = found.field(field.name)
        if plain(there.type) != plain(field.type):
            said = f"column {field.name!r}: found {_said(there.type)}, allowed: {_said(field.type)}"
            raise InputError(f"{place}: {said}, as the dataset has it{other}")
    for field in found:
        if not field.nullable and (strict or field.name not in wanted.names):
            has = "one that may be" if field.name in wanted.names else "none"
            said = f"column {field.name!r}: found one that may not be null, the dataset has {has}"
            raise InputError(f"{place}: {said}; allowed: one that may be null{other}")


def plain(kind: pa.DataType) -> pa.DataType:
    """A type without what readers do not tell apart: long and short forms, names of a list's items, nullability."""
    if types.is_large_string(kind):
        return pa.string()
    if types.is_large_binary(kind):
        return pa.binary()
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(plain(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(field.name, plain(field.type)) for field in kind])
    return kind


def _said(kind: pa.DataType) -> str:
    return str(plain(kind))[:200]
