"""Numbers of a column as positions in [-1, 1], by rank: however they are spread, their positions have the shape of a
normal distribution, and the smallest and the largest stand at the ends.

A column's *knots* are its percentiles, 0 to 100. Between two of them all is linear, so only additions, products and one
table are at work, and they give the same bits anywhere. Where many rows have the same number, several knots are equal:
such a number stands in the middle of its stretch, and all of the stretch leads back to it. So the zeros of a column
that is mostly zero, or whole numbers that are few, come back as they were, and as often as a model puts them there.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

KNOTS = 101


def _positions() -> np.ndarray:
    normal = NormalDist()
    z = np.array([normal.inv_cdf((place + 0.5) / KNOTS) for place in range(KNOTS)])
    return (z / z[-1]).astype(np.float32).astype(np.float64)  # as float32, whatever the last bits of a logarithm are


POSITIONS = _positions()


def knots_of(numbers: np.ndarray, low: float, high: float) -> tuple[float, ...]:
    """The knots of some numbers of a column whose smallest and largest are given."""
    numbers = numbers if len(numbers) else np.array([low, high])
    at = np.ceil(np.linspace(0, 1, KNOTS) * len(numbers)).astype(np.int64) - 1
    found = np.sort(numbers)[np.maximum(at, 0)]
    short = [float(f"{number:.9g}") for number in found[1:-1].tolist()]
    return (low, *(min(max(number, low), high) for number in short), high)


def to_positions(numbers: np.ndarray, knots: tuple[float, ...]) -> np.ndarray:
    """(rows,) float64 each; what lies beyond the knots stands at their ends."""
    k = np.array(knots)
    first = np.interp(numbers, k, POSITIONS)  # of equal knots, one end of their stretch
    last = -np.interp(-numbers, -k[::-1], -POSITIONS[::-1])  # and the other
    return (first + last) / 2


def from_positions(positions: np.ndarray, knots: tuple[float, ...]) -> np.ndarray:
    """What `to_positions` came from."""
    return np.interp(positions, POSITIONS, np.array(knots))
