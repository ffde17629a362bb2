"""Splits of published samples: train, validation, test, with a membership that never changes.

A sample's split follows from its index alone: the index is scrambled to a number in [0, 1), which falls into the range
of one split. So a larger dataset keeps every old sample where it was, and where a share grows at the cost of the next
one, samples only move between these two.
The scrambling is splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

NAMES = ("train", "validation", "test")


def members(indices: np.ndarray, shares: Mapping[str, float] | None) -> Iterator[tuple[str, np.ndarray]]:
    """The splits that have members among `indices` (rows,) int64, in order, each with its rows as a mask; without
    shares one split without a name.
    """
    if shares is None:
        yield "", np.ones(len(indices), bool)
        return
    names = [name for name in NAMES if shares.get(name)]
    ends = np.cumsum([shares[name] for name in names])
    places = np.minimum(np.searchsorted(ends, _scrambled(indices), side="right"), len(names) - 1)
    for number, name in enumerate(names):
        if (mask := places == number).any():
            yield name, mask


def _scrambled(indices: np.ndarray) -> np.ndarray:
    """(rows,) float64 in [0, 1): the upper 53 bits of splitmix64 of each index."""
    with np.errstate(over="ignore"):
        z = (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
