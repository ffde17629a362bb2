"""Generative adversarial networks by the recipe of R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN!").

Each real row x is paired with a fake G(z) of its own class c. With f(t) = log(1 + e^-t) and the gap D(x) - D(G(z)):

- the discriminator's loss is f(gap) + gamma / 2 (|grad D(x)|^2 + |grad D(G(z))|^2): relativistic pairing (Jolicoeur-
  Martineau 2019) with zero-centred penalties on real and on fake rows, R1 and R2 (Mescheder et al. 2018);
- the generator's is f(-gap). Its gradient at a fake is -sigmoid(gap) grad D(G(z)), which R2 has computed already, so
  it costs no pass of its own.

The loss of a row is their sum, in which each player's weights have the gradient of their own loss only: Adam's moments
are by the weight, so that one step of it is a simultaneous step of two optimisers. They want `train: betas: [0, 0.99]`,
`clip: null` and an `ema`.

No player's loss says how good the samples are. The energy score does (Gneiting and Raftery 2007), with samples X, X' of
the row's class: E|X - x| - E|X - X'| / 2. It is least where the samples are distributed as the rows, so neither blurred
nor too similar ones win, and it picks the best checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, Len, doc

from genai.families import Family

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise
    from genai.space import Space

DRAWS = 4  # samples a held-out row is scored by
Width = Annotated[int, Ge(8), Le(4096)]


@dataclass(frozen=True)
class Gan(Family):
    """A generator and a discriminator."""

    widths: Annotated[tuple[Width, ...], Len(1, 6), doc("Channels of each level; each halves the sides.")] = (32, 64)
    depth: Annotated[int, Ge(1), Le(16), doc("Residual blocks of a level.")] = 1
    latent: Annotated[int, Ge(1), Le(4096), doc("Numbers in the code.")] = 64
    gamma: Annotated[float, Ge(0), doc("Weight of both gradient penalties; larger: steadier, slower.")] = 1.0

    RECIPE: ClassVar[Mapping[str, Any]] = {"betas": (0.0, 0.99), "clip": None, "ema": 0.999}

    def network(self, space: Space, classes: int) -> nn.Module:
        from genai.networks.gan import Players

        return Players(space.shape, classes, self.latent, self.widths, self.depth)

    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        import torch
        from torch.nn.functional import softplus

        fake = net.generate(noise.normal(self.latent), c)  # type: ignore[operator]  # mypy: a network's methods
        seen = torch.cat([x, fake.detach()]).requires_grad_()
        scores = net.score(seen, torch.cat([c, c]))  # type: ignore[operator]
        (slopes,) = torch.autograd.grad(scores.sum(), seen, create_graph=True)
        r1, r2 = slopes.square().flatten(1).sum(1).chunk(2)
        real, false = scores.chunk(2)
        gap = real - false
        critic = softplus(-gap) + self.gamma / 2 * (r1 + r2)
        slope = (-gap.sigmoid().view(-1, *[1] * (x.ndim - 1)) * slopes.chunk(2)[1]).detach()
        towards = (slope * fake).flatten(1).sum(1)
        return critic + softplus(gap).detach() + (towards - towards.detach())

    def held_out(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        z = noise.normal(DRAWS, self.latent).flatten(0, 1)
        drawn = self._drawn(net, z, c.repeat_interleave(DRAWS)).view(len(x), DRAWS, -1)
        return {"energy_score": energy_score(x.flatten(1), drawn)}

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        return self._drawn(net, noise.normal(self.latent), c)

    def _drawn(self, net: nn.Module, z: Tensor, c: Tensor) -> Tensor:
        return net.generate(z, c).clamp(-1, 1)  # type: ignore[operator]


def energy_score(x: Tensor, drawn: Tensor) -> Tensor:
    """The mean of |X_i - x|, less half that of |X_i - X_j| over i != j: (rows,), of x (rows, d) and X (rows, k, d)."""
    k = drawn.shape[1]
    near = (drawn - x[:, None]).norm(dim=2).mean(1)
    apart = (drawn[:, :, None] - drawn[:, None]).norm(dim=3).sum((1, 2)) / (k * (k - 1))
    return near - apart / 2
