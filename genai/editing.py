"""Rows to draw from, and how: a mode, and the prepared rows of its source, which stand in the source's order.

Only the record batches with the rows of a batch are fetched, so a source may be larger than a worker's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import BinaryIO

import numpy as np
import torch

from genai.modalities import Modality
from genai.modes import Given, Mode
from genai.order import Batch
from genai.prepared import Prepared, loader


@dataclass(frozen=True, eq=False)
class Editing:
    """What a generator draws from rows with. `source` is prepared in its own order, all of it training rows; `open_`
    opens one of its blocks. `turns` are the samples in a row that are drawn from the same source rows: one of each
    class that is asked for, where the mode says the class. `mask` is what the job gives of the kind, (height, width)
    bool.
    """

    mode: Mode
    source: Prepared
    open_: Callable[[str], BinaryIO]
    turns: int = 1
    mask: np.ndarray | None = None

    @property
    def rows(self) -> int:
        return self.source.splits["train"].rows

    def numbers(self, indices: Sequence[int]) -> np.ndarray:
        """The source rows of samples, (samples, mode.rows) int64."""
        found = [self.mode.numbers(index // self.turns, self.rows) for index in indices]
        return np.array(found, np.int64).reshape(len(indices), self.mode.rows)

    def labels(self, indices: Sequence[int]) -> np.ndarray:
        """The classes of samples, where those of their source rows say them: (samples,) int64."""
        own = [self.fetched(column)[1] for column in self.numbers(indices).T]
        return self.mode.labels([index // self.turns for index in indices], own)

    def given(
        self, indices: Sequence[int], modality: Modality, prompts: Sequence[str] | None, device: torch.device
    ) -> Given:
        """What samples of a modality are drawn from."""
        found = [self.fetched(column) for column in self.numbers(indices).T]
        return Given(
            [index // self.turns for index in indices],
            tuple(self.source.modality.to_tensor(arrays).to(device) for arrays, _ in found),
            tuple(modality.asked(labels, prompts).to(device) for _, labels in found),
            None if self.mask is None else torch.from_numpy(self.mask).to(device),
        )

    def fetched(self, numbers: np.ndarray) -> Batch:
        """Rows by their numbers, in whatever order."""
        unique, places = np.unique(numbers, return_inverse=True)
        cuts = [0, *(np.flatnonzero(np.diff(unique) != 1) + 1).tolist(), len(unique)]
        arrays, labels = self._load([range(int(unique[a]), int(unique[b - 1]) + 1) for a, b in pairwise(cuts)])
        return arrays[places], labels[places]

    @cached_property
    def _load(self) -> Callable[[Sequence[range]], Batch]:
        return loader(self.source, "train", self.open_)
