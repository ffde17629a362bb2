"""The synthetic side: what samples there are, and how those that an epoch takes are had. `published` reads them from a
sealed dataset, `drawn` draws them from a checkpoint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from genai.augment.order import Blocks
from genai.augment.quotas import Quota, Supply
from genai.errors import IntegrityError
from genai.modalities.image import Image
from genai.sources import Row

MEND = "`genai repair` makes it again"


class Synthetic(ABC):
    """Samples by index, of classes that follow from it."""

    supply: Supply
    modality: Image  # resolved: what both sides are brought to
    identity: str  # equal where the samples are
    window: int | None = None  # rows in memory, where it is not the caller's to say

    @abstractmethod
    def epoch(self, quotas: tuple[Quota, ...], number: int, seed: int) -> Blocks:
        """What an epoch takes."""

    def fault(self, row: Row, text: str) -> IntegrityError:
        """What is wrong with a sample, with its place."""
        return IntegrityError(f"{self.supply.place}/{row.where}: {text}; {MEND}")

    def reader(self, *, reconnect: bool) -> Self:
        """The same samples for one iteration, by connections of its own where asked for."""
        return self
