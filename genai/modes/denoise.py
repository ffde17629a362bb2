"""Pictures of the source without the noise on them, whose strength the job says: the picture that is to be expected
under it, in one step of the network (Tweedie's formula: Efron 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Gt, Le, doc

from genai.abilities import Denoises
from genai.modes import Given, Mode

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise


@dataclass(frozen=True)
class Denoise(Mode):
    """Pictures without their noise."""

    deviation: Annotated[
        float, Gt(0), Le(10), doc("Standard deviation of the noise on a pixel, in shares of black to white.")
    ] = 0.1

    needs: ClassVar[type[Any]] = Denoises
    pictures: ClassVar[bool] = True

    def draw(self, family: Denoises, net: nn.Module, given: Given, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        return family.denoise(net, given.x[0], c, 2 * self.deviation, sampler)  # tensors go from -1 to 1
