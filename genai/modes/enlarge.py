"""Pictures of the source made larger: samples whose pixels, averaged over squares, are those of the source (steps in
the null space of the averaging: Wang et al. 2023). The mean of several such samples is nearer to the picture that is to
be expected, so its squared error is smaller, and it is smoother; one alone is sharp. Rows of another size are first
brought to that which the factor leads from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, doc

from genai.abilities import Restores
from genai.errors import InputError
from genai.modalities import Modality
from genai.modes import Given, Mode

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise


@dataclass(frozen=True)
class Enlarge(Mode):
    """Pictures made larger."""

    factor: Annotated[int, Ge(2), Le(64), doc("Pixels of a side of a sample for each of the source's.")] = 2
    mean_of: Annotated[int, Ge(1), Le(1000), doc("Samples that are averaged: 1 is sharp, more are nearer.")] = 8

    needs: ClassVar[type[Any]] = Restores
    pictures: ClassVar[bool] = True

    def reads(self, modality: Modality) -> Modality:
        super().reads(modality)
        height, width = modality.shape[1:]
        if height % self.factor or width % self.factor:
            found = f"found factor {self.factor} for {modality.noun}s of {height} x {width}"
            raise InputError(f"{found}; allowed: one that divides their sides")
        smaller: Any = modality
        return replace(smaller, size=(height // self.factor, width // self.factor))

    def draw(self, family: Restores, net: nn.Module, given: Given, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        from torch.nn import functional as F

        small = given.x[0]

        def agreed(x: Tensor) -> Tensor:
            missing = small - F.avg_pool2d(x, self.factor)
            return x + missing.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)

        made = family.restore(net, agreed, c, noise, sampler)
        for _ in range(self.mean_of - 1):
            made = made + family.restore(net, agreed, c, noise, sampler)
        return made / self.mean_of
