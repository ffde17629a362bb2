"""Samples that filters have accepted: index i draws attempt 0, 1, 2, … until one passes, so that counts are exact.

Which attempt that is follows from (checkpoint, seed, i) and the filters: the noise of an attempt is its own
(`genai.noise`), and a filter sees one row. What is refused is drawn again together, in batches of the generator's one
size, so that no bit of a sample depends on how many others are drawn beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from genai.errors import Refused
from genai.filters import Filter, judged
from genai.generate import Generator

DRAWS = 100  # of one index, unless somebody says otherwise
_REASONS = 20  # that are counted one by one
_OTHER = "other reasons"


@dataclass(frozen=True, eq=False)
class Accepted:
    """Samples that passed, and how many draws did not, by reason. So drawn = rows + rejected."""

    arrays: np.ndarray
    rejected: Mapping[str, int]


@dataclass(frozen=True)
class Terms:
    """What a sample has to pass, and how often its index may be drawn."""

    filters: tuple[Filter, ...] = ()
    draws: int = DRAWS

    def draw(
        self,
        generator: Generator,
        indices: Sequence[int],
        labels: Sequence[int] | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Accepted:
        """The samples `indices`, of the classes `labels`. `progress` hears before each batch how many draws there were.

        Raises Refused where one index is refused `draws` times.
        """
        arrays = generator.draw(indices, labels, progress=progress)
        pending = list(range(len(indices))) if self.filters else []
        drawn, rejected = len(pending), Counter[str]()
        for attempt in range(1, self.draws + 1):
            reasons = self._judged(generator, arrays[pending], labels, pending)
            rejected.update(reason for reason in reasons if reason is not None)
            refused = [(row, reason) for row, reason in zip(pending, reasons, strict=True) if reason is not None]
            pending = [row for row, _ in refused]
            if not pending:
                break
            if attempt == self.draws:
                raise Refused(_spent(indices[pending[0]], refused[0][1], self.draws, len(pending), rejected))
            again = [indices[row] for row in pending]
            wanted = None if labels is None else [labels[row] for row in pending]
            arrays[pending] = generator.draw(again, wanted, attempt, partial(_beyond, progress, drawn))
            drawn += len(pending)
        return Accepted(arrays, _counted(rejected))

    def _judged(
        self, generator: Generator, arrays: np.ndarray, labels: Sequence[int] | None, rows: Sequence[int]
    ) -> list[str | None]:
        checkpoint = generator.checkpoint
        names = [None if labels is None or not checkpoint.classes else checkpoint.classes[labels[row]] for row in rows]
        return judged(self.filters, arrays, names, checkpoint.modality)


def _beyond(progress: Callable[[int], None], before: int, drawn: int) -> None:
    progress(before + drawn)


def _spent(index: int, last: str, draws: int, pending: int, rejected: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} ({number:,} times)" for reason, number in _counted(rejected).items())
    others = f", as {pending - 1:,} other indices" if pending > 2 else ", as one other index" if pending == 2 else ""
    return (
        f"sample {index} was refused {draws:,} times{others}, the last time by {last}; in all that was drawn here: "
        f"{reasons}. To mint it, raise generate.draws (finished parts stay), ask less of generate.filters, or train a "
        "better model"
    )


def _counted(rejected: Counter[str]) -> dict[str, int]:
    """The reasons, the most frequent first, as many as anybody reads; the rest as one."""
    ranked = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    found = dict(ranked[:_REASONS])
    rest = sum(number for _, number in ranked[_REASONS:])
    return found | ({_OTHER: found.get(_OTHER, 0) + rest} if rest else {})
