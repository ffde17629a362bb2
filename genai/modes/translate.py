"""Rows of one class as rows of another, in their own manner: the code of a row under its own class, decoded under that
which is asked for (Su et al. 2023; of a conditional autoencoder: Kingma et al. 2014, section 4.3).

The job says the classes as for new samples, by `generate.count` and `generate.labels`; each row is translated to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from genai.abilities import Codes
from genai.modes import Given, Mode

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise


@dataclass(frozen=True)
class Translate(Mode):
    """Rows of the source as rows of other classes."""

    needs: ClassVar[type[Any]] = Codes
    targets: ClassVar[bool] = True

    def draw(self, family: Codes, net: nn.Module, given: Given, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        return family.decode(net, family.encode(net, given.x[0], given.c[0], sampler), c, sampler)
