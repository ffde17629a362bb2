"""How many synthetic rows an epoch takes, of which classes, and which: those move on from epoch to epoch.

Samples are independent draws, so any stretch of indices is a sample like any other. An epoch takes, of each quota, the
stretch that follows the one of the epoch before, and begins anew after the last: each row once at most in an epoch,
and all of them in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from numbers import Real
from typing import TypeGuard

import numpy as np

from genai.cycle import cycle
from genai.errors import InputError

NAMED = 5  # classes that a message names
ENDLESS = 1 << 62  # samples, where they are drawn when they are asked for


@dataclass(frozen=True)
class Quota:
    """The rows that an epoch takes of one class (None: of whatever class), of those there are."""

    label: int | None
    rows: int
    there: int


@dataclass(frozen=True)
class Supply:
    """What the synthetic side has: its place for messages, its classes, and the samples 0 to `count` in turn of the
    classes by their weights. `more` says how to have more.
    """

    place: str
    classes: tuple[str, ...]
    weights: tuple[int, ...]
    count: int
    more: str

    @cached_property
    def _turn(self) -> np.ndarray:
        return np.array(cycle(self.weights))

    @cached_property
    def _places(self) -> list[np.ndarray]:
        """Where each class stands in the turn, ascending."""
        ends = np.cumsum(np.bincount(self._turn, minlength=len(self.classes)))
        return np.split(np.argsort(self._turn, kind="stable"), ends[:-1])

    def before(self, label: int | None, index: np.ndarray | int) -> np.ndarray:
        """How many of a class stand below each index."""
        index = np.asarray(index)
        if label is None:
            return index
        places = self._places[label]
        return index // len(self._turn) * len(places) + np.searchsorted(places, index % len(self._turn))

    def there(self, label: int | None) -> int:
        return int(self.before(label, self.count))

    def labels(self, index: np.ndarray) -> np.ndarray:
        """The class of each index; zeros for unlabelled data."""
        return self._turn[index % len(self._turn)]

    def index(self, label: int | None, number: np.ndarray) -> np.ndarray:
        """The index of the `number`-th of a class, from 0."""
        if label is None:
            return number
        places = self._places[label]
        return number // len(places) * len(self._turn) + places[number % len(places)]


@dataclass(frozen=True)
class Choice:
    """The rows that one epoch takes."""

    supply: Supply
    quotas: tuple[Quota, ...]
    epoch: int
    _starts: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        starts = tuple(self.epoch * quota.rows % quota.there for quota in self.quotas)
        object.__setattr__(self, "_starts", starts)

    def numbers(self, quota: int) -> np.ndarray:
        """The taken ones of a quota, counted within its class."""
        return (self._starts[quota] + np.arange(self.quotas[quota].rows)) % self.quotas[quota].there

    def counts(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """How many rows are taken of each range of indices."""
        found = np.zeros(len(starts), np.int64)
        for quota, first in zip(self.quotas, self._starts, strict=True):
            low, high = (self.supply.before(quota.label, edge) for edge in (starts, stops))
            last = first + quota.rows
            for a, b in ((first, min(last, quota.there)), (0, last - quota.there)):  # the end, and from 0 on
                found += np.maximum(0, np.minimum(high, b) - np.maximum(low, a))
        return found

    def taken(self, start: int, stop: int) -> np.ndarray:
        """Which rows of a range of indices are taken, ascending, from 0."""
        index = np.arange(start, stop)
        labels = self.supply.labels(index) if any(quota.label is not None for quota in self.quotas) else None
        chosen = np.zeros(len(index), bool)
        for quota, first in zip(self.quotas, self._starts, strict=True):
            mine = slice(None) if quota.label is None else np.flatnonzero(labels == quota.label)
            number = self.supply.before(quota.label, index[mine])
            chosen[mine] = (number - first) % quota.there < quota.rows
        return np.flatnonzero(chosen)


def wanted(
    supply: Supply,
    real: int,
    count: Callable[[], Sequence[int]],
    ratio: float | Mapping[str, float] | None,
    *,
    balance: bool,
) -> tuple[Quota, ...]:
    """The quotas of every epoch, of `real` real rows; `count` gives how many there are of each class, and is asked only
    where that matters. Raises InputError where they cannot be had.
    """
    if balance == (ratio is not None):
        found = "found ratio beside balance" if balance else "found neither ratio nor balance"
        raise InputError(f"{found}; allowed: ratio=0.5 (or a share for each class), or balance=True")
    if _is_number(ratio):
        return _overall(supply, real, float(ratio))
    if ratio is not None and not isinstance(ratio, Mapping):
        raise InputError(f"ratio: found {ratio!r}; allowed: a number from 0 to 1, or one for each class")
    if not supply.classes:
        raise InputError(f"{supply.place}: found no classes; allowed: ratio=, one number")
    shares = _shares(supply, ratio) if ratio is not None else None
    counts = count()
    needs = _filling(counts) if shares is None else _of_classes(supply, counts, shares)
    return _enough(supply, needs)


def _overall(supply: Supply, real: int, ratio: float) -> tuple[Quota, ...]:
    there = supply.count
    if not (isfinite(ratio) and 0 <= ratio <= 1):
        raise InputError(f"ratio: found {ratio:g}; allowed: a number from 0 to 1, the share of synthetic rows")
    if ratio == 1 and there == ENDLESS:
        raise InputError(f"{supply.place}: ratio 1 takes all samples, and there is no last one; {supply.more}")
    needed = there if ratio == 1 else _beside(real, ratio)
    if needed > there:
        largest = int(there / (there + real) * 10_000) / 10_000
        raise InputError(
            f"{supply.place}: ratio {ratio:g} beside {real:,} real rows takes {needed:,} synthetic ones, {there:,} are "
            f"there; allowed: a ratio of at most {largest:g}, or {supply.more}"
        )
    return _quotas(supply, [(None, needed)])


def _is_number(value: object) -> TypeGuard[Real]:
    return isinstance(value, Real) and not isinstance(value, bool)  # NumPy's are, too


def _beside(real: int, ratio: float) -> int:
    """The rows that make up that share together with `real` others, to the nearest."""
    return int(ratio / (1 - ratio) * real + 0.5)


def _shares(supply: Supply, ratio: Mapping[str, float]) -> dict[int, float]:
    shares = {}
    for name, value in ratio.items():
        if str(name) not in supply.classes:
            raise InputError(f"ratio: found the class {name!r}, {supply.place} has {_listed(supply.classes)}")
        if not _is_number(value) or not 0 <= float(value) < 1:
            raise InputError(f"ratio: found {value!r} for {name!r}; allowed for one class: from 0 up to, not with, 1")
        shares[supply.classes.index(str(name))] = float(value)
    return shares


def _of_classes(supply: Supply, counts: Sequence[int], shares: Mapping[int, float]) -> dict[int, int]:
    bare = [supply.classes[label] for label, value in shares.items() if value and not counts[label]]
    if bare:
        raise InputError(f"ratio: found no real row of {_listed(bare)}, so no share of them; allowed: balance=True")
    return {label: _beside(counts[label], value) for label, value in shares.items()}


def _filling(counts: Sequence[int]) -> dict[int, int]:
    return {label: max(counts) - rows for label, rows in enumerate(counts)}


def _enough(supply: Supply, needs: Mapping[int, int]) -> tuple[Quota, ...]:
    short = [
        f"{supply.classes[label]} ({supply.there(label):,} of {rows:,})"
        for label, rows in sorted(needs.items())
        if rows > supply.there(label)
    ]
    if short:
        raise InputError(f"{supply.place}: found too few synthetic rows of {_listed(short)}; {supply.more}")
    return _quotas(supply, needs.items())


def _quotas(supply: Supply, needs: Iterable[tuple[int | None, int]]) -> tuple[Quota, ...]:
    return tuple(Quota(label, rows, supply.there(label)) for label, rows in needs if rows)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
