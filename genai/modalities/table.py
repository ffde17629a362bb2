"""Tables: rows of numbers, booleans, categories, dates and times, any of which may be missing.

Decisions: a column's kind follows from its values, also where all are text; all rows settle what a column is
(`_observed`), those of the test as well, and no order of theirs changes it. A row is one vector: a number by its rank
(`_quantiles`), a category as one feature for each, and where values may be missing a feature that says so. What comes
back is a value as the column has them: no number beyond the smallest and the largest, none with more decimals, no
category that was not there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import Len, doc

from genai.errors import DataError, listed
from genai.fields import SETTLED
from genai.identity import canonical
from genai.modalities import Modality
from genai.modalities._column import Column
from genai.modalities._strings import strings_of
from genai.modalities._values import Kind, is_absent

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from genai.look import Figure, Look
    from genai.sources import Row

#: columns of a part that are no values
OURS = ("label", "index", "checkpoint", "synthetic", "source_row", "source_row_2")
STATE_BYTES = 900_000  # of what is settled, as JSON: a checkpoint's config holds it

_INDEX = re.compile(r"__index_level_\d+__")  # what pandas adds

Name = Annotated[str, Len(1, 1000)]


@dataclass(frozen=True)
class Table(Modality):
    """Rows of columns."""

    only: Annotated[tuple[Name, ...], Len(1), doc("Only these columns; null: all but the label's.")] | None = None
    drop: Annotated[tuple[Name, ...], doc("Columns to leave out.")] = ()
    kinds: Annotated[dict[Name, Kind], doc("What columns are, where their values do not say it.")] | None = None
    blank: Annotated[tuple[str, ...], doc("Texts that mean that nothing is there.")] = ("",)
    fitted: tuple[Column, ...] = field(default=(), metadata=SETTLED)

    noun: ClassVar[str] = "table row"
    suffix: ClassVar[str] = ".json"
    axes: ClassVar[int] = 1

    def picked(self, key: str, schema: pa.Schema) -> list[str]:
        there = [name for name in schema.names if not _INDEX.fullmatch(name)]
        wanted = [column.name for column in self.fitted] or [*(self.only or there)]
        names = [name for name in wanted if self.fitted or name not in self.drop]
        for name in (*names, *(() if self.fitted else self.drop)):
            if schema.names.count(name) != 1:
                found = "no" if name not in there else "more than one"
                raise DataError(f"{key}: found {found} column {name!r}, the columns are {listed(there)}")
        if not names:
            raise DataError(f"{key}: found no column but the label's; allowed: at least one")
        for name in names:
            _check_column(key, name, schema.field(name).type)
        return names

    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        lists = [_plain(column) for column in columns.columns]
        return [dict(zip(columns.schema.names, row, strict=True)) for row in zip(*lists, strict=True)]

    def resolve(self, value: Any) -> Self:
        if self.fitted:
            return self
        raise DataError("found one row, allowed: all of them, since they settle together what a table's columns are")

    def settle(self, rows: Iterable[Row]) -> Self:
        if self.fitted:
            return self
        from genai.modalities._observed import observed

        columns, count = observed(map(_cells, (row.value for row in rows)), self.kinds or {}, self.blank)
        if not count:
            raise DataError("found no row with a value and a label; allowed: at least one")
        if (size := len(canonical([asdict(column) for column in columns]))) > STATE_BYTES:
            raise DataError(
                f"found {len(columns):,} columns with {sum(len(c.categories) for c in columns):,} categories, which "
                f"take {size:,} bytes to describe; allowed: {STATE_BYTES:,}: leave some out by data.modality.drop"
            )
        return replace(self, fitted=columns)

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(column.width for column in self.fitted),)

    @property
    def array_shape(self) -> tuple[int, ...]:
        assert self.fitted, "settle first"
        return len(self.fitted), 8

    def decode(self, value: Any) -> tuple[np.ndarray, bytes]:
        cells = _cells(value)
        found = {column.name: column.read(self._cell(cells, column.name)) for column in self.fitted}
        pairs = zip(self.fitted, found.values(), self._places, strict=True)
        numbers = [column.number(read, places) for column, read, places in pairs]
        content = hashlib.sha256(canonical(found)).digest()
        return np.array(numbers, "<f8").view(np.uint8).reshape(-1, 8), content

    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        import torch

        made = [column.features(numbers) for column, numbers in self._columns(arrays)]
        return torch.from_numpy(np.concatenate(made, axis=1).astype(np.float32))

    def from_tensor(self, x: Tensor) -> np.ndarray:
        features = np.nan_to_num(x.detach().double().cpu().numpy()).clip(-1, 1)
        ends = np.cumsum([column.width for column in self.fitted])[:-1]
        parts = zip(self.fitted, np.split(features, ends, axis=1), strict=True)
        numbers = np.stack([column.numbers(part) for column, part in parts], axis=1)
        return numbers.astype("<f8").view(np.uint8).reshape(len(x), -1, 8)

    def cells(self, arrays: np.ndarray) -> list[bytes]:
        return [json.dumps(row, ensure_ascii=False, allow_nan=False).encode() for row in self._rows(arrays)]

    def looks(self, arrays: np.ndarray) -> list[Look]:
        from genai.look import Look

        return [Look(words=", ".join(f"{name} {_word(v)}" for name, v in row.items())) for row in self._rows(arrays)]

    def figures(self, real: np.ndarray, synthetic: np.ndarray) -> list[Figure]:
        from genai.modalities._histograms import histogram

        pairs = zip(self._columns(real), self._columns(synthetic), strict=True)
        return [histogram(column, ours, made) for (column, ours), (_, made) in pairs]

    @property
    def published(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.fitted)

    def columns(self, arrays: np.ndarray, names: list[str]) -> dict[str, tuple[pa.Array, dict[str, Any]]]:
        made = {column.name: column.published(numbers) for column, numbers in self._columns(arrays)}
        return {name: (found, {"_type": "Value", "dtype": dtype}) for name, (found, dtype) in made.items()}

    def plain(self) -> Self:
        return replace(self, only=None, drop=(), kinds=None, fitted=tuple(replace(c, knots=()) for c in self.fitted))

    def _cell(self, cells: dict[str, Any], name: str) -> Any:
        value = cells.get(name)
        return None if is_absent(value, self.blank) else value

    def _columns(self, arrays: np.ndarray) -> Iterator[tuple[Column, np.ndarray]]:
        """Each column with its numbers, (rows,) float64."""
        numbers = np.ascontiguousarray(arrays).view("<f8")[:, :, 0].astype(np.float64)
        return zip(self.fitted, numbers.T, strict=True)

    def _rows(self, arrays: np.ndarray) -> Iterator[dict[str, Any]]:
        """Rows as JSON says them."""
        names = self.published
        columns = [column.said(numbers) for column, numbers in self._columns(arrays)]
        return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))

    @cached_property
    def _places(self) -> tuple[dict[str, int], ...]:
        """Of each column the places of its categories."""
        return tuple({name: place for place, name in enumerate(column.categories)} for column in self.fitted)


def _check_column(key: str, name: str, kind: pa.DataType) -> None:
    from pyarrow import types

    if name in OURS:
        raise DataError(
            f"{key}: found a column {name!r}, which a published dataset has of its own; rename it, or leave it out by "
            "data.modality.drop"
        )
    plain = kind.value_type if types.is_dictionary(kind) else kind
    able = (
        types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_string, types.is_large_string,
        types.is_date, types.is_timestamp, types.is_null,
    )  # fmt: skip
    if not any(fits(plain) for fits in able):
        raise DataError(
            f"{key}: the column {name!r} holds {str(kind)[:100]}; allowed: numbers, booleans, strings, dates and "
            "timestamps: leave it out by data.modality.drop"
        )


def _plain(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Its values as Python's own: of moments microseconds, of decimals the nearest numbers."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_timestamp(kind):
        kind = pa.timestamp("us", kind.tz)
    if types.is_decimal(kind):
        kind = pa.float64()
    return strings_of(column.cast(kind, safe=False))


def _cells(value: Any) -> dict[str, Any]:
    """The cells of a row: as they are, or of a published one."""
    if isinstance(value, bytes):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise DataError(f"not a row of a table: {str(error)[:100]}; allowed: a JSON object") from error
    if not isinstance(value, dict):
        raise DataError(f"not a row of a table: a {type(value).__name__}; allowed: a JSON object")
    return value


def _word(value: Any) -> str:
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
