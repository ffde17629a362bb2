"""Tables as sources: which columns hold a row's value (the modality knows), which the label, and what a row says.

The label column holds integers, strings or booleans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import types

from genai.errors import DataError, listed
from genai.modalities._strings import strings_of

if TYPE_CHECKING:
    from genai.sources import Reading

UNLABELLED = "the label is null"
LABEL = 1000  # characters of a class's name

_HALF = re.compile("[\ud800-\udfff]")  # half a character, which JSON can say

Said = tuple[Any, int | str | None, str | None]  # value, label, error of a row


def chosen(key: str, schema: pa.Schema, label: str | None, modality: Reading) -> tuple[list[str], str | None]:
    """The columns of the value, and that of the label. Raises DataError where they cannot be told."""
    if label is None:
        return modality.picked(key, schema), None
    if schema.names.count(label) != 1:
        found = "no" if label not in schema.names else "more than one"
        raise DataError(
            f"{key}: found {found} label column {label!r}, the columns are {listed(schema.names)}; "
            "set data.label to one of them, or to null for unlabelled data"
        )
    kind = schema.field(label).type
    if not _is_label(kind.value_type if types.is_dictionary(kind) else kind):
        raise DataError(f"{key}: the label column {label!r} holds {kind}; allowed: integers, strings, booleans")
    return modality.picked(key, pa.schema([field for field in schema if field.name != label])), label


def said(
    columns: pa.RecordBatch, labels: pa.Array | None, names: list[str] | None, modality: Reading
) -> Iterator[Said]:
    """What the rows of a batch of the value's columns say. `names` are those of its classes, where its labels are their
    numbers.
    """
    values = modality.values(columns)
    given = [None] * len(values) if labels is None else strings_of(labels)
    for value, label in zip(values, given, strict=True):
        found, error = (None, None) if labels is None else named(label, names)
        yield value, found, f"the {modality.noun} is null" if value is None else error


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
        return None, UNLABELLED
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


def _is_label(kind: pa.DataType) -> bool:
    return types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind) or types.is_boolean(kind)
