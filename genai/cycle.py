"""The class of a sample's index: `turn[i % len(turn)]` of the turn that the classes' weights make.

It does not depend on how many samples there are, and is exact after each whole turn. Who plans samples and who draws
them outside of a plan share this rule. Free of NumPy: the command line plans with it.
"""

from __future__ import annotations

from collections.abc import Sequence


def cycle(weights: Sequence[int]) -> tuple[int, ...]:
    """Classes interleaved: the j-th of the n of a class stands at (j + 1/2) / n of the turn. Without weights the turn
    is one class, 0.
    """
    places = [((2 * j + 1) / n, label) for label, n in enumerate(weights) for j in range(n)]
    return tuple(label for _, label in sorted(places)) or (0,)
