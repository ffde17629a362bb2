"""Tables as sources: which column is the image, which the label, and what a row of the two says.

The image column is `image`, else the only one that can hold images: binary, or a struct with binary `bytes` (what
Hugging Face datasets writes). The label column holds integers, strings or booleans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from genai.errors import DataError

LABEL = 1000  # characters of a class's name

_HALF = re.compile("[\ud800-\udfff]")  # half a character, which JSON can say

Said = tuple[bytes, int | str | None, str | None]  # value, label, error of a row


def chosen(key: str, schema: pa.Schema, label: str | None) -> tuple[str, str | None]:
    """The image column and the label column. Raises DataError where there is none, or more than one."""
    if label is None:
        return _image_column(key, schema, None), None
    if schema.names.count(label) != 1:
        found = "no" if label not in schema.names else "more than one"
        raise DataError(
            f"{key}: found {found} label column {label!r}, the columns are {_listed(schema.names)}; "
            "set data.label to one of them, or to null for unlabelled data"
        )
    kind = schema.field(label).type
    if not _is_label(kind.value_type if types.is_dictionary(kind) else kind):
        raise DataError(f"{key}: the label column {label!r} holds {kind}; allowed: integers, strings, booleans")
    return _image_column(key, schema, label), label


def said(images: pa.Array, labels: pa.Array | None, names: list[str] | None) -> Iterator[Said]:
    """What the rows of a batch say. `names` are those of its classes, where its labels are their numbers."""
    values = (pc.struct_field(images, "bytes") if types.is_struct(images.type) else images).to_pylist()
    given = [None] * len(values) if labels is None else _labels_of(labels)
    for value, label in zip(values, given, strict=True):
        found, error = (None, None) if labels is None else named(label, names)
        yield value or b"", found, "the image is null" if value is None else error


def class_names(features: Any, label: str) -> list[str] | None:
    """The names of a ClassLabel, from the features that Hugging Face datasets writes."""
    try:
        feature = features[label]
        is_named = feature["_type"] == "ClassLabel" and isinstance(feature["names"], list)
        return [str(name) for name in feature["names"]] if is_named else None
    except (KeyError, TypeError):  # none, or another program's key
        return None


def named(label: Any, names: list[str] | None) -> tuple[int | str | None, str | None]:
    """A label as it counts, or what is wrong with it."""
    if label is None:
        return None, "the label is null"
    if isinstance(label, bool):
        return str(label).lower(), None
    if names is not None and isinstance(label, int):
        if not 0 <= label < len(names):
            return None, f"the label is {label}, the file declares the classes 0 to {len(names) - 1}"
        label = names[label]
    fault = _fault(label)
    return (None, fault) if fault else (label, None)


def _fault(label: int | str | bytes) -> str | None:
    if isinstance(label, bytes) or (isinstance(label, str) and _HALF.search(label)):
        return "the label is no text in UTF-8"
    if isinstance(label, str) and len(label) > LABEL:
        return f"the label has {len(label):,} characters; allowed: at most {LABEL:,}"
    return None


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
    return able[0]


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
