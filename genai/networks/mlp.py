"""A network for vectors whose numbers have no order, such as the rows of a table: a residual perceptron under time and
label (He et al. 2016; the blocks of Gorishniy et al. 2021, with the condition scaling and shifting each).

Normalisation is within a row, never over a batch, so that a row does not depend on its neighbours.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from genai.networks.condition import condition
from genai.networks.waves import FREQUENCIES, waves
from genai.space import Space

WIDER = 4  # times its own width a block is inside


class Mlp(nn.Module):
    """v(x, t, e) for vectors, under the embedding e that `label` makes of a class or caption; `depth` blocks of
    `width`.
    """

    def __init__(self, space: Space, classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.shape, self.classes = space.shape, classes
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.label = condition(space, classes, width)
        self.stem = nn.Linear(space.shape[0], width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, space.shape[0])
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, t: Tensor, e: Tensor) -> Tensor:
        """`x` (rows, features), `t` (rows,) in [0, 1], `e` (rows, width) -> velocity (rows, features), float32."""
        e = F.silu(self.time(waves(t)) + e)
        h = self.stem(x)
        for block in self.blocks:
            h = block(h, e)
        return self.out(F.silu(self.norm(h))).float()


class _Block(nn.Module):
    """norm, scale and shift, two layers beside a short cut; the second starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.film = nn.LayerNorm(width), nn.Linear(width, 2 * width)
        self.inner, self.outer = nn.Linear(width, WIDER * width), nn.Linear(WIDER * width, width)
        nn.init.zeros_(self.outer.weight)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        scale, shift = self.film(e).chunk(2, dim=1)
        return h + self.outer(F.silu(self.inner(self.norm(h) * (1 + scale) + shift)))
