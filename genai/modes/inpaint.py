"""Pictures of the source with a part of them made anew, in keeping with the rest, which stays as it is to the last bit.

What is made anew is a half, a box or the strokes of a brush, drawn for each sample; or the white of the mask that the
job names, `generate.source.mask`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Gt, Le, doc

from genai.abilities import Fills
from genai.modes import Given, Mode

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise


@dataclass(frozen=True)
class Inpaint(Mode):
    """Pictures with a part of them made anew."""

    mask: Annotated[
        Literal["left", "right", "top", "bottom", "half", "box", "brush", "given"],
        doc("What is made anew: a half (half: one of the four), a box, strokes of a brush; or that of source.mask."),
    ] = "box"
    area: Annotated[float, Gt(0), Le(1), doc("Of box and brush: the share of the picture, about.")] = 0.25

    needs: ClassVar[type[Any]] = Fills
    pictures: ClassVar[bool] = True

    @property
    def masked(self) -> bool:
        return self.mask == "given"

    def draw(self, family: Fills, net: nn.Module, given: Given, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        from genai.modes._masks import drawn

        x = given.x[0]
        hole = given.hole
        if hole is None:
            hole = drawn(self.mask, self.area, noise, (x.shape[2], x.shape[3]), x.device)
        hole = hole.expand(len(x), 1, -1, -1)
        return family.fill(net, x, hole, c, noise, sampler).where(hole, x)
