"""Rows between a row of the source and the next: their codes, turned into each other on the sphere on which standard
normal codes lie (White 2016), with the class of the nearer end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, doc

from genai.abilities import Codes
from genai.modes import Given, Mode

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from genai.noise import Noise


@dataclass(frozen=True)
class Interpolate(Mode):
    """Rows between two rows of the source."""

    steps: Annotated[int, Ge(1), Le(1000), doc("Samples between a row and the next, at even distances.")] = 1

    needs: ClassVar[type[Any]] = Codes
    rows: ClassVar[int] = 2

    def numbers(self, turn: int, rows: int) -> tuple[int, ...]:
        first = turn // self.steps
        return first % rows, (first + 1) % rows

    def labels(self, turns: Sequence[int], own: Sequence[np.ndarray]) -> np.ndarray:
        import numpy as np

        return np.where(np.array([self._place(turn) for turn in turns]) <= 1 / 2, *own)

    def draw(self, family: Codes, net: nn.Module, given: Given, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        import torch

        places = torch.tensor([self._place(turn) for turn in given.turns], dtype=torch.float32, device=c.device)
        first, second = (family.encode(net, x, own, sampler) for x, own in zip(given.x, given.c, strict=True))
        return family.decode(net, _between(first, second, places), c, sampler)

    def _place(self, turn: int) -> float:
        """How far from the first row to the second, in (0, 1)."""
        return (turn % self.steps + 1) / (self.steps + 1)


def _between(a: Tensor, b: Tensor, places: Tensor) -> Tensor:
    """Codes on the arc from `a` to `b`; on the line where that has no arc."""
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    cosine = (flat_a * flat_b).sum(1) / (flat_a.norm(dim=1) * flat_b.norm(dim=1)).clamp(min=1e-12)
    angle = cosine.clamp(-1, 1).acos()
    on_line = angle.sin() < 1e-4  # radians: there the two agree
    sine = angle.sin().where(~on_line, 1)
    first = ((1 - places) * angle).sin().div(sine).where(~on_line, 1 - places)
    second = (places * angle).sin().div(sine).where(~on_line, places)
    return (first[:, None] * flat_a + second[:, None] * flat_b).view_as(a)
