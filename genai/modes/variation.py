"""Rows like those of the source, each under its own class: noise is laid on them and taken away again (Meng et al.
2022), or their code is moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Gt, Le, doc

from genai.abilities import Varies
from genai.modes import Given, Mode

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise


@dataclass(frozen=True)
class Variation(Mode):
    """Rows like those of the source."""

    strength: Annotated[float, Gt(0), Le(1), doc("Near 0: hardly changed; 1: as new as any sample.")] = 0.5

    needs: ClassVar[type[Any]] = Varies

    def draw(self, family: Varies, net: nn.Module, given: Given, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        return family.vary(net, given.x[0], c, noise, sampler, self.strength)
