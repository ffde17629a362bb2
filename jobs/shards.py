"""The plan: which shards a dataset has, as a pure function of the spec and the training data's class counts.

- A shard is a half-open range of sample indices, and one part. Its name follows from its place, never from the
  count, so a larger count keeps every old part; a short last part carries its length in its name.
- The class of an index (`genai.cycle`) does not depend on the count either.
- Shards are computed when asked for: a plan of a billion samples is as small as one of ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any

from genai.cycle import cycle
from genai.errors import InputError


@dataclass(frozen=True, order=True)
class Shard:
    """The samples `start` to `stop` (not included) and the part that they become."""

    number: int
    start: int
    stop: int
    name: str

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Plan:
    """The ordered shards of a dataset. `weights` has one number a class (empty: unlabelled data)."""

    count: int
    part_rows: int
    weights: tuple[int, ...] = ()
    suffix: str = ".parquet"
    sources: int = 0  # rows of a source that each sample is drawn from

    def __len__(self) -> int:
        return (self.count + self.part_rows - 1) // self.part_rows

    def __iter__(self) -> Iterator[Shard]:
        return map(self.shard, range(len(self)))

    def shard(self, number: int) -> Shard:
        start = number * self.part_rows
        stop = min(start + self.part_rows, self.count)
        short = "" if stop - start == self.part_rows else f".{stop - start}-rows"
        return Shard(number, start, stop, f"part-{number:05d}{short}{self.suffix}")

    def labels(self, start: int, stop: int) -> list[int]:
        """The class of each index in [start, stop); zeros for unlabelled data."""
        return [self._cycle[i % len(self._cycle)] for i in range(start, stop)]

    def label_counts(self) -> list[int]:
        """Samples of each class in the whole plan; empty for unlabelled data."""
        turns, rest = divmod(self.count, len(self._cycle))
        counts = [turns * weight for weight in self.weights]
        for label in self._cycle[:rest] if self.weights else ():
            counts[label] += 1
        return counts

    @property
    def turns(self) -> int:
        """Samples until the classes begin anew."""
        return len(self._cycle)

    def to_json(self) -> dict[str, Any]:
        said = {"count": self.count, "part_rows": self.part_rows, "weights": list(self.weights), "suffix": self.suffix}
        return said | ({"sources": self.sources} if self.sources else {})

    @cached_property
    def _cycle(self) -> tuple[int, ...]:
        return cycle(self.weights)


def make(
    count: int | str | dict[str, Any],
    classes: Sequence[str],
    train_counts: Sequence[int],
    labels: Sequence[str] | None,
    part_rows: int,
    suffix: str = ".parquet",
    prompts: int = 0,
    rows: int = 0,
) -> Plan:
    """The plan for `generate.count`: a number, {per_class: n}, {classes: {name: n}}, {per_prompt: n}, {per_row: n},
    {match: train} or {balance: true}; `prompts` and `rows` are how many there are.

    {balance: true} fills up to the largest of all classes, also where only some `labels` are minted. Raises InputError
    where it cannot be had: an unknown class, classes asked of unlabelled data, nothing missing.
    """
    mode, number = next(iter(count.items())) if isinstance(count, dict) else ("count", count)
    if mode == "per_prompt":
        mode, number = "count", int(number) * prompts
    if mode == "per_row":  # and of each class, where these are asked for
        mode, number = "per_class" if classes else "count", int(number) * rows
    if isinstance(number, dict):
        counts = _of_classes(number, classes, labels)
        return Plan(sum(counts), part_rows, tuple(n // gcd(*counts) for n in counts), suffix)
    if not classes:
        if mode in ("per_class", "balance") or labels:
            what = "generate.labels" if labels else f"generate.count: {{{mode}: …}}"
            raise InputError(
                f"{what}: no class is known (data.label: null, or a model without them); allowed: a number"
            )
        return Plan(sum(train_counts) if mode == "match" else int(number), part_rows, (), suffix)
    weights, total = _weights(mode, classes, train_counts, _wanted(labels, classes))
    if total is None:
        total = int(number) * (sum(weights) if mode == "per_class" else 1)
    return Plan(total, part_rows, weights, suffix)


def _of_classes(asked: dict[str, int], classes: Sequence[str], labels: Sequence[str] | None) -> list[int]:
    """{classes: {name: n}}, as numbers in the order of the classes."""
    how = "generate.count: {classes: …}"
    if labels:
        raise InputError(f"generate.labels: found classes beside {how}; allowed: one of both")
    if (other := next((name for name in asked if name not in classes), None)) is not None:
        raise InputError(f"{how}: found {other!r}; allowed: {', '.join(classes) or 'none, as no class is known'}")
    if not any(asked.values()):
        raise InputError(f"{how}: found no sample of any class; allowed: at least one")
    return [asked.get(name, 0) for name in classes]


def _wanted(labels: Sequence[str] | None, classes: Sequence[str]) -> list[bool]:
    for label in labels or ():
        if label not in classes:
            raise InputError(f"generate.labels: found {label!r}; allowed: {', '.join(classes)}")
    return [labels is None or name in labels for name in classes]


def _weights(
    mode: str, classes: Sequence[str], train_counts: Sequence[int], wanted: Sequence[bool]
) -> tuple[tuple[int, ...], int | None]:
    """Weights of the classes, and the total where the data gives it."""
    if mode in ("count", "per_class"):
        return tuple(map(int, wanted)), None
    goal = max(train_counts) if mode == "balance" else 0
    raw = [abs(goal - n) if want else 0 for n, want in zip(train_counts, wanted, strict=True)]
    if not any(raw):
        asked = ", ".join(name for name, want in zip(classes, wanted, strict=True) if want)
        how = f"{{{mode}: {'true' if mode == 'balance' else 'train'}}}"
        raise InputError(f"generate.count: {how}: {asked} have {goal:,} rows each, so there is nothing to mint")
    divisor = gcd(*raw)
    return tuple(n // divisor for n in raw), sum(raw)
