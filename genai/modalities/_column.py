"""A column of a table, as all its rows have settled it: from a source's value to a number, to features of a tensor, and
back to what is published.

Each value is one float64: a number itself, a category's place among the categories, 0 or 1, days or microseconds since
1970; NaN where there is none. So whole numbers beyond 2^53 and moments before 1684 or after 2255 cannot be told
exactly, and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genai.errors import DataError
from genai.modalities._quantiles import KNOTS, from_positions, to_positions
from genai.modalities._values import Kind, is_zoned, reading

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST = 1 << 50  # of what divides numbers into steps


@dataclass(frozen=True)
class Column:
    """What is known of a column. Its numbers are whole multiples of `step / per`, where `step` is not 0."""

    name: str
    kind: Kind
    missing: bool = False  # whether a row may lack it
    whole: bool = False  # published as whole numbers
    step: int = 0
    per: int = 1
    zoned: bool = False  # moments of a time zone: published in UTC, as every reader has them
    knots: tuple[float, ...] = ()  # of numbers, dates and moments
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.knots) not in (0, KNOTS) or list(self.knots) != sorted(self.knots):
            raise ValueError(f"column {self.name[:100]!r}: its knots are not {KNOTS} numbers that ascend")
        if not (0 <= self.step <= _LARGEST and 0 < self.per <= _LARGEST):
            raise ValueError(f"column {self.name[:100]!r}: found the step {self.step} / {self.per}")
        if len(set(self.categories)) < max(len(self.categories), self.kind == "category"):
            raise ValueError(f"column {self.name[:100]!r}: its categories are none, or not all different")

    @property
    def width(self) -> int:
        """Features of a tensor: one, or one of each category; and one that says that nothing is there."""
        return (len(self.categories) if self.kind == "category" else 1) + self.missing

    def read(self, value: Any) -> float | str | None:
        """A source's value as it counts: of a category its text. Raises DataError."""
        if value is None:
            if not self.missing:
                raise DataError(f"column {self.name!r}: found nothing; allowed: a value, which all rows before had")
            return None
        found = reading(self.kind, value, self.name)
        if self.kind == "datetime" and is_zoned(value) != self.zoned:
            raise DataError(f"column {self.name!r}: found moments with a time zone and without; allowed: either")
        return found

    def number(self, read: float | str | None, places: dict[str, int]) -> float:
        """What `read` gave as a number; `places` are those of the categories."""
        if isinstance(read, str):
            if read not in places:
                raise DataError(f"column {self.name!r}: found {read[:100]!r}, which no row had before")
            return float(places[read])
        return np.nan if read is None else read + 0.0  # no negative zero

    def features(self, numbers: np.ndarray) -> np.ndarray:
        """(rows,) float64 -> (rows, width) float64 in [-1, 1]."""
        absent = np.isnan(numbers)
        if self.kind == "category":
            places = np.where(absent, len(self.categories), numbers).clip(0, self.width - 1).astype(np.int64)
            return np.where(places[:, None] == np.arange(self.width), 1.0, -1.0)
        if self.kind == "boolean":
            found = np.where(absent, 0, (numbers * 2 - 1).clip(-1, 1))
        else:
            found = np.where(absent, 0, to_positions(numbers, self.knots))
        return np.stack([found, np.where(absent, 1.0, -1.0)][: self.width], axis=1)

    def numbers(self, features: np.ndarray) -> np.ndarray:
        """(rows, width) float64 -> (rows,), within the range that was seen; what `features` made comes back."""
        if self.kind == "category":
            places = features.argmax(axis=1).astype(np.float64)
            return np.where(places == len(self.categories), np.nan, places)
        if self.kind == "boolean":
            found = (features[:, 0] > 0).astype(np.float64)
        else:
            found = from_positions(features[:, 0], self.knots)
            if self.step:
                found = np.rint(found * self.per / self.step) * self.step / self.per
            found = found.clip(self.knots[0], self.knots[-1]) + 0.0
        return np.where(features[:, 1] > 0, np.nan, found) if self.missing else found

    def published(self, numbers: np.ndarray) -> tuple[pa.Array, str]:
        """(rows,) float64 as a column, and the name of its type for Hugging Face datasets."""
        import pyarrow as pa

        absent = np.isnan(numbers)
        if self.kind == "number" and not self.whole:
            return pa.array(numbers, mask=absent), "float64"
        whole = np.where(absent, 0, numbers).astype(np.int64)
        if self.kind == "category":
            return pa.array(np.array(self.categories, object)[whole], pa.string(), mask=absent), "string"
        if self.kind == "boolean":
            return pa.array(whole == 1, mask=absent), "bool"
        if self.kind == "date":
            return pa.array(whole.astype(np.int32), mask=absent).cast(pa.date32()), "date32"
        if self.kind == "datetime":
            kind = pa.timestamp("us", tz="UTC" if self.zoned else None)
            return pa.array(whole, mask=absent).cast(kind), str(kind)
        return pa.array(whole, mask=absent), "int64"

    def said(self, numbers: np.ndarray) -> list[Any]:
        """(rows,) float64 as values of JSON."""
        found = self.published(numbers)[0].to_pylist()
        is_day = self.kind in ("date", "datetime")
        return [value.isoformat() if is_day and value is not None else value for value in found]
