"""Modes: ways to draw from rows that there are, one file each.

A mode is a frozen dataclass; its fields are what the spec may say under `generate.mode:`. Torch is imported inside
methods only. Sample i is drawn from rows of the source that follow from i alone, so it is a pure function of
(checkpoint, source, seed, i).
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from genai import families
from genai.errors import InputError
from genai.families import Family
from genai.modalities import Modality
from genai.modalities.image import Image
from genai.modalities.video import Video
from genai.registry import name_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from genai.noise import Noise


@dataclass(frozen=True, eq=False)
class Given:
    """What a batch is drawn from: of each of `Mode.rows` source rows a sample, x (rows, *shape) in [-1, 1], and c, what
    it was made under itself. `turns` are the samples' turns (`Mode.numbers`); `hole`, (height, width) bool, is the mask
    that the job names.
    """

    turns: Sequence[int]
    x: tuple[Tensor, ...]
    c: tuple[Tensor, ...]
    hole: Tensor | None = None


class Mode(ABC):
    """A way to draw from rows that there are."""

    #: the class (of `genai.abilities`) that a family has to be of
    needs: ClassVar[type[Any]]
    #: source rows of a sample
    rows: ClassVar[int] = 1
    #: whether the job says the classes of the samples; else each has that of its row
    targets: ClassVar[bool] = False
    #: whether its rows have to be pictures, still or moving
    pictures: ClassVar[bool] = False

    @property
    def masked(self) -> bool:
        """Whether the job has to name a mask. May be said by a field."""
        return False

    def numbers(self, turn: int, rows: int) -> tuple[int, ...]:
        """The source rows, of so many, of the samples of a turn, which is a sample, or one of each class asked for."""
        return (turn % rows,)

    def labels(self, turns: Sequence[int], own: Sequence[np.ndarray]) -> np.ndarray:
        """The classes of samples, (rows,) int64, by those of their source rows."""
        return own[0]

    def reads(self, modality: Modality) -> Modality:
        """What a row of the source is, for samples of a modality (resolved). Raises InputError where the mode can do
        nothing with these.
        """
        if self.pictures and not isinstance(modality, Image | Video):
            raise InputError(f"found {_name(type(self))} for {modality.noun}s; allowed: rows that are pictures")
        return modality

    @abstractmethod
    def draw(self, family: Any, net: nn.Module, given: Given, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        """One sample of the space for each row of `given`, under `c`. Runs without gradients."""


def check(mode: Mode, kind: type[Family], able: Sequence[type[Mode]]) -> None:
    """Raises InputError where a family cannot do what a mode needs, naming those of `able` that it can."""
    if not issubclass(kind, mode.needs):
        can = ", ".join(_name(other) for other in able if issubclass(kind, other.needs))
        found = f"found {_name(type(mode))}, which {name_of(families, kind)} cannot do"
        raise InputError(f"{found}; allowed: {can or 'no mode: leave it out'}")


def _name(kind: type[Mode]) -> str:
    return name_of(sys.modules[__name__], kind)
