"""What all rows of a table say of its columns, in bounded memory, whatever order they come in.

A column's kind is the first of `KINDS` that all its values may be of. Percentiles are those of all rows, or where there
are more than fit, of a sample: the rows whose hashes are the smallest, so the same rows whatever their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np

from genai.errors import DataError, listed
from genai.modalities._column import Column
from genai.modalities._quantiles import knots_of
from genai.modalities._values import DAY, KINDS, Kind, is_absent, is_whole, is_zoned, kinds_of, reading, text_of

COLUMNS, CATEGORIES = 1000, 1000  # at most
SAMPLED, CELLS = 1 << 16, 1 << 24  # rows of the sample, and its numbers
_CHUNK = 1024
_DECIMALS = 6
_STEPS = (DAY, DAY // 24, DAY // 24 // 60, 1_000_000, 1000, 1)  # microseconds

Cells = Mapping[str, Any]  # of a row, by column


def observed(
    rows: Iterable[Cells], kinds: Mapping[str, Kind], blank: tuple[str, ...]
) -> tuple[tuple[Column, ...], int]:
    """The columns of some rows, in their order, or by name where rows differ in it; and how many rows there were.
    Raises DataError where one cannot be modelled.
    """
    found = _Observed(kinds, blank)
    left = iter(rows)
    while chunk := list(islice(left, _CHUNK)):
        found.add(chunk)
    return found.columns(), found.rows


class _Observed:
    def __init__(self, kinds: Mapping[str, Kind], blank: tuple[str, ...]) -> None:
        self.rows = 0
        self._kinds, self._blank = kinds, blank
        self._seen: dict[str, _Seen] = {}
        self._orders: set[tuple[str, ...]] = set()  # two are enough
        self._sample = _Sample()

    def add(self, chunk: list[Cells]) -> None:
        for row in chunk:
            if len(self._orders) < 2:
                self._orders.add(tuple(row))
            for name in row:
                if name not in self._seen:
                    self._seen[name] = _Seen(name, self._kinds.get(name), self.rows)
        if len(self._seen) > COLUMNS:
            raise DataError(f"found more than {COLUMNS:,} columns; allowed: as many, by data.modality.only")
        self.rows += len(chunk)
        numbers = {
            name: seen.take([None if is_absent(row.get(name), self._blank) else row[name] for row in chunk])
            for name, seen in self._seen.items()
        }
        self._sample.add(np.array([_hash(row) for row in chunk], np.uint64), numbers)

    def columns(self) -> tuple[Column, ...]:
        if unknown := sorted(set(self._kinds) - set(self._seen)):
            raise DataError(
                f"data.modality.kinds: found {unknown[0][:100]!r}, the columns are {listed(sorted(self._seen))}"
            )
        if self.rows and not self._seen:
            raise DataError("found rows without a column; allowed: at least one")
        order = next(iter(self._orders)) if len(self._orders) == 1 else sorted(self._seen)
        self._check([self._seen[name] for name in order])
        return tuple(self._seen[name].column(self._sample.numbers(name)) for name in order)

    def _check(self, seen: list[_Seen]) -> None:
        for one in seen:
            one.check()
        alike = [f"{one.name} ({one.shown})" for one in seen if one.is_constant]
        if alike:
            columns = "the column" if len(alike) == 1 else f"{len(alike)} columns"
            raise DataError(
                f"found one value in all {self.rows:,} rows in {columns} {listed(alike)}; allowed: two or more, since "
                "there is nothing to learn: leave such columns out by data.modality.drop"
            )


class _Seen:
    """A column so far."""

    def __init__(self, name: str, kind: Kind | None, before: int) -> None:
        self.name = name
        self._asked = kind
        self._able: tuple[Kind, ...] = (kind,) if kind else KINDS
        self._there, self._absent = 0, before
        self._whole = True
        self._texts: set[str] = set()
        self._stray: str | None = None  # the first text, by the alphabet, that is no number
        self._zoned: set[bool] = set()
        self._low, self._high = np.inf, -np.inf
        self._decimals, self._step = 0, 0
        self._refused: DataError | None = None

    def take(self, values: list[Any]) -> np.ndarray:
        """The values' numbers, (rows,) float64, NaN where there is none: moments are microseconds."""
        found = np.array([np.nan if value is None else self._number(value) for value in values], np.float64)
        self._absent += values.count(None)
        numbers = found[~np.isnan(found)]
        if len(numbers):
            self._low, self._high = min(self._low, float(numbers.min())), max(self._high, float(numbers.max()))
            self._find_steps(numbers)
        return found

    def check(self) -> None:
        """Raises DataError where there is nothing, or too much of it."""
        if not self._there:
            raise self._refused or DataError(
                f"the column {self.name!r} has no value in any row; leave it out by data.modality.drop"
            )
        if self._kind == "datetime" and len(self._zoned) > 1:
            raise DataError(f"column {self.name!r}: found moments with a time zone and without; allowed: either")
        if self._kind == "category" and len(self._texts) > CATEGORIES:
            stray = f", {self._stray[:100]!r} among them" if self._stray is not None else ""
            raise DataError(
                f"the column {self.name!r} has more than {CATEGORIES:,} different texts{stray}; allowed: at most "
                f"{CATEGORIES:,}: leave it out by data.modality.drop, or say what it is by data.modality.kinds, such "
                f"as {{{self.name[:100]}: number}}"
            )

    @property
    def is_constant(self) -> bool:
        alike = len(self._texts) == 1 if self._kind == "category" else self._low == self._high
        return alike and not self._absent

    @property
    def shown(self) -> str:
        return str(min(self._texts))[:50] if self._texts else ""

    def column(self, sample: np.ndarray) -> Column:
        kind, missing = self._kind, self._absent > 0
        if kind == "category":
            return Column(self.name, kind, missing, categories=tuple(sorted(self._texts)))
        if kind == "boolean":
            return Column(self.name, kind, missing)
        scale = DAY if kind == "date" else 1
        knots = knots_of(sample / scale, self._low / scale + 0.0, self._high / scale + 0.0)
        if kind == "number":
            known = self._decimals <= _DECIMALS
            step, per = (1, 10**self._decimals) if known else (0, 1)
            return Column(self.name, kind, missing, self._whole, step, per, knots=knots)
        if kind == "date":
            return Column(self.name, kind, missing, whole=True, step=1, knots=knots)
        step, zoned = _STEPS[self._step], True in self._zoned
        return Column(self.name, kind, missing, whole=True, step=step, zoned=zoned, knots=knots)

    @property
    def _kind(self) -> Kind:
        return self._able[0]

    def _number(self, value: Any) -> float:
        """Of a value that a row may have; what it may not, its row will say."""
        if type(value) is float and self._is_measured and isfinite(value):
            self._there += 1
            return value
        try:
            able = (self._asked,) if self._asked else kinds_of(value)
            if len(self._texts) <= CATEGORIES:
                self._texts.add(text_of(value))
            number = self._number_as(able[0], value)
        except DataError as error:
            self._refused = self._refused or DataError(f"column {self.name!r}: {error}")
            return np.nan
        self._there += 1
        self._able = tuple(kind for kind in self._able if kind in able)
        self._whole = self._whole and is_whole(value)
        if "datetime" in able:
            self._zoned.add(is_zoned(value))
        if isinstance(value, str) and "number" not in able and (self._stray is None or value < self._stray):
            self._stray = value
        return number

    @property
    def _is_measured(self) -> bool:
        """Whether a further number of another value says nothing new but its decimals."""
        return self._able[:1] == ("number",) and not self._whole and len(self._texts) > CATEGORIES

    def _number_as(self, kind: Kind, value: Any) -> float:
        found = reading("datetime" if kind == "date" else kind, value, self.name)
        return np.nan if isinstance(found, str) else found

    def _find_steps(self, numbers: np.ndarray) -> None:
        """Fewer decimals, or a longer step, than those that the numbers need, are left behind."""
        while self._decimals <= _DECIMALS and not _has_decimals(numbers, self._decimals):
            self._decimals += 1
        while self._step < len(_STEPS) - 1 and np.remainder(numbers, _STEPS[self._step]).any():
            self._step += 1


class _Sample:
    """The numbers of the rows whose hashes are the smallest."""

    def __init__(self) -> None:
        self._hashes = np.empty(0, np.uint64)
        self._numbers: dict[str, np.ndarray] = {}

    def add(self, hashes: np.ndarray, numbers: dict[str, np.ndarray]) -> None:
        before = len(self._hashes)
        self._hashes = np.concatenate([self._hashes, hashes])
        for name, column in numbers.items():
            self._numbers[name] = np.concatenate([self._numbers.get(name, np.full(before, np.nan)), column])
        if len(self._hashes) >= 2 * self._rows:
            self._cut()

    def numbers(self, name: str) -> np.ndarray:
        self._cut()
        found = self._numbers[name]
        return found[~np.isnan(found)]

    @property
    def _rows(self) -> int:
        return min(SAMPLED, CELLS // max(1, len(self._numbers)))

    def _cut(self) -> None:
        if len(self._hashes) > self._rows:
            kept = np.argsort(self._hashes, kind="stable")[: self._rows]
            self._hashes = self._hashes[kept]
            self._numbers = {name: column[kept] for name, column in self._numbers.items()}


def _has_decimals(numbers: np.ndarray, decimals: int) -> bool:
    scale = 10.0**decimals
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((np.rint(numbers * scale) / scale == numbers).all())


def _hash(row: Cells) -> int:
    text = repr(sorted((name, repr(value)) for name, value in row.items()))
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
