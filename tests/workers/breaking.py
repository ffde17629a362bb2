"""A family whose training breaks with an error that is not ours, some steps after each start."""

from dataclasses import dataclass
from itertools import count

from genai.families.vae import Vae

LOSSES = 100  # of a process
_COUNT = count(1)


@dataclass(frozen=True)
class Breaking(Vae):
    """Its hundredth loss is none."""

    backbone: str = "dense"
    latent: int = 4
    width: int | None = 16

    def loss(self, net, x, c, noise):
        if next(_COUNT) == LOSSES:
            raise ValueError(f"loss {LOSSES} cannot be had\nand more words")
        return super().loss(net, x, c, noise)
