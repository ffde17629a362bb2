"""The order of an epoch: index arithmetic, a pure function of (seed, epoch), which reads nothing.

- The rows of a side (real, synthetic) come in blocks: what is read in one go. An epoch permutes the blocks, then the
  rows of each *window* of successive rows; a window is what has to be in memory. Windows lie on a fixed grid.
- Both sides are interleaved evenly into one sequence: of any of its first t rows, t * synthetic / total are synthetic,
  rounded to the nearest.
- Each consumer (a rank, and in it a worker) takes a contiguous share of that sequence. So the sequence itself does not
  depend on how many consumers there are, and any stretch of it can be had without what is before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np

from genai.philox import stream
from genai.sources import Row

MIX = 5  # what the streams are for; the other purposes are those of `genai.philox`
REAL, SYNTHETIC, CHOICE = range(3)  # whose stream it is


@dataclass(frozen=True)
class Mix:
    """How many rows an epoch takes from each side, and where they stand."""

    real: int
    synthetic: int

    @property
    def total(self) -> int:
        return self.real + self.synthetic

    def before(self, place: int) -> int:
        """The synthetic ones among the first `place` rows."""
        return (2 * place * self.synthetic + self.total) // (2 * self.total) if self.total else 0

    def is_synthetic(self, place: int) -> bool:
        return self.before(place + 1) > self.before(place)


def share(rows: range, number: int, of: int, unit: int = 1) -> range:
    """The contiguous part of `rows` that is the `number`-th of `of` consumers': whole units, but for the last one. Any
    two differ by one unit at most.
    """
    units = -(-len(rows) // unit)
    return rows[units * number // of * unit : units * (number + 1) // of * unit]


def served(batches: int, of_worker: Sequence[int]) -> tuple[list[int], int]:
    """How many batches each worker has given when a DataLoader has handed out `batches`, and whose the next one is.

    A DataLoader goes round its workers, in order, and passes over those that are at their end; worker w has
    `of_worker[w]` batches in all.
    """
    rounds = min(batches // len(of_worker), *of_worker)
    left = batches - rounds * len(of_worker)
    while left >= len(active := [w for w, all_ in enumerate(of_worker) if all_ > rounds]) > 0:
        left -= len(active)
        rounds += 1
    given = [min(all_, rounds) for all_ in of_worker]
    for worker in active[:left]:
        given[worker] += 1
    return given, active[left] if active else 0


class Blocks(Protocol):
    """What an epoch takes from one side."""

    @property
    def counts(self) -> np.ndarray:
        """Rows of each block, int64."""
        ...

    def read(self, block: int, wanted: np.ndarray) -> Iterator[Row]:
        """Rows of a block by their places in it, which ascend."""
        ...


@dataclass(frozen=True)
class Piece:
    """Rows of one block that a window takes: their places in the block, and in the side's sequence before the window
    was permuted.
    """

    block: int
    wanted: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Window:
    """What is in memory at a time: what to read, and in which order (of places) to give it."""

    pieces: tuple[Piece, ...]
    order: np.ndarray


@dataclass(frozen=True, eq=False)
class Shuffled:
    """The sequence of one side in one epoch."""

    counts: np.ndarray  # rows of each block
    window: int
    seed: int
    epoch: int
    side: int

    @cached_property
    def _turn(self) -> np.ndarray:
        return stream(self.seed, MIX, self.epoch, self.side, 0).permutation(len(self.counts))

    @cached_property
    def _ends(self) -> np.ndarray:
        """Where the blocks end, in their turn."""
        return np.cumsum(self.counts[self._turn])

    def windows(self, start: int, stop: int) -> Iterator[Window]:
        """What gives the rows `start` to `stop` (not included) of the sequence."""
        for number in range(start // self.window, -(-stop // self.window) if stop > start else 0):
            first = number * self.window
            rows = min(self.window, int(self._ends[-1]) - first)
            order = stream(self.seed, MIX, self.epoch, self.side, number + 1).permutation(rows) + first
            taken = order[max(0, start - first) : stop - first]
            yield Window(tuple(self._pieces(np.sort(taken))), taken)

    def _pieces(self, places: np.ndarray) -> Iterator[Piece]:
        owners = np.searchsorted(self._ends, places, side="right")
        cuts = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(places)]
        for start, stop in pairwise(cuts):
            block = int(self._turn[owners[start]])
            first = self._ends[owners[start]] - self.counts[block]
            yield Piece(block, places[start:stop] - first, places[start:stop])


def rows(blocks: Blocks, order: Shuffled, start: int, stop: int) -> Iterator[Row]:
    """The rows `start` to `stop` of a side's sequence; a window of them is held, and let go row by row."""
    for window in order.windows(start, stop):
        held: dict[int, Row] = {}
        for piece in window.pieces:
            held.update(zip(piece.places.tolist(), blocks.read(piece.block, piece.wanted), strict=True))
        for place in window.order.tolist():
            yield held.pop(place)
