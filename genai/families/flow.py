"""Rectified flow: a velocity that carries noise to data along straight lines (Liu et al. 2023; flow matching: Lipman
et al. 2023), under a class or a caption, with classifier-free guidance (Ho and Salimans 2022).

x_t = (1 - t) x_0 + t x_1 with noise x_0 and data x_1; the network learns x_1 - x_0 and sampling integrates from 0 to 1.
Logit-normal times (Esser et al. 2024) see the middle of the way, where the error is, more often than its ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le, Len, doc

from genai.abilities import Codes, Denoises, Restores, Varies
from genai.families import Family

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise
    from genai.space import Space

    Velocity = Callable[[Tensor, float], Tensor]  # (x, t) -> (rows, *shape)

Width = Annotated[int, Ge(8), Le(4096)]


@dataclass(frozen=True)
class Solver:
    """How a flow goes from noise to sample."""

    method: Annotated[Literal["euler", "heun"], doc("Heun: of second order, at twice the cost.")] = "heun"
    steps: Annotated[int, Ge(1), Le(10_000), doc("Steps from noise to sample.")] = 16
    guidance: Annotated[float, Ge(0), doc("1: none; above: more of the label, less variety.")] = 1.5


@dataclass(frozen=True)
class Flow(Family, Varies, Restores, Denoises, Codes):
    """A straight-line flow with a U-Net, for clips with attention over frames; for rows of a table with a perceptron,
    as wide as the last of `widths`.
    """

    widths: Annotated[tuple[Width, ...], Len(1, 6), doc("Channels of each level; each halves the sides.")] = (64, 128)
    depth: Annotated[int, Ge(1), Le(16), doc("Residual blocks of a level.")] = 2
    times: Annotated[Literal["logit_normal", "uniform"], doc("Where on the way to train.")] = "logit_normal"
    label_dropout: Annotated[float, Ge(0), Le(1), doc("Share of labels hidden in training: what guidance needs.")] = 0.1

    Sampler = Solver
    captions = True
    unlabelled = True

    def network(self, space: Space, classes: int) -> nn.Module:
        if len(space.shape) == 1:
            from genai.networks.mlp import Mlp

            return Mlp(space, classes, self.widths[-1], self.depth * len(self.widths))
        from genai.networks.clips import ClipUNet
        from genai.networks.unet import UNet

        kind = ClipUNet if space.frames > 1 else UNet
        return kind(space, classes, self.widths, self.depth)

    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        hidden = noise.uniform() < self.label_dropout
        return self._error(net, x, net.label.hidden(c, hidden), noise)  # type: ignore[operator, union-attr]  # a module

    def held_out(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        return {"velocity_error": self._error(net, x, c, noise)}

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Solver) -> Tensor:
        start = noise.normal(*net.shape)  # type: ignore[misc]  # mypy: a network's attributes
        return solve(guided(net, c, sampler.guidance), start, sampler.method, sampler.steps)

    def vary(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise, sampler: Solver, strength: float) -> Tensor:
        """From where the rows and noise are mixed so, on (Meng et al. 2022)."""
        begun = (1 - strength) * x + strength * noise.normal(*x.shape[1:])
        steps = max(1, round(sampler.steps * strength))
        return solve(guided(net, c, sampler.guidance), begun, sampler.method, steps, start=1 - strength)

    def restore(
        self, net: nn.Module, agreed: Callable[[Tensor], Tensor], c: Tensor, noise: Noise, sampler: Solver
    ) -> Tensor:
        """At each step the sample that is expected is made to agree, and the next is drawn as the noising of that would
        have it (Wang et al. 2023): with new noise, so that what is made anew can still follow what is known.
        """
        shape: tuple[int, ...] = net.shape  # type: ignore[assignment]  # mypy: a network's attributes
        velocity, x = guided(net, c, sampler.guidance), noise.normal(*shape)
        for i in range(sampler.steps):
            t, after = i / sampler.steps, (i + 1) / sampler.steps
            expected = agreed((x + (1 - t) * velocity(x, t)).clamp(-1, 1))
            kept, new = renoised(t, after)
            x = after * expected + kept * (x - t * expected) / (1 - t) + new * noise.normal(*shape)
        return x

    def denoise(self, net: nn.Module, y: Tensor, c: Tensor, deviation: float, sampler: Solver) -> Tensor:
        """`y` is x_t / t at the time t when noise and data are mixed so."""
        t = 1 / (1 + deviation)
        x: Tensor = t * y + (1 - t) * guided(net, c, 1)(t * y, t)
        return x

    def encode(self, net: nn.Module, x: Tensor, c: Tensor, sampler: Solver) -> Tensor:
        """The noise that a row comes from: the same way, back."""
        return solve(guided(net, c, 1), x, sampler.method, sampler.steps, start=1, stop=0)

    def decode(self, net: nn.Module, z: Tensor, c: Tensor, sampler: Solver) -> Tensor:
        return solve(guided(net, c, sampler.guidance), z, sampler.method, sampler.steps)

    def _error(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        """Squared error of the velocity at one random time, (rows,), averaged over the elements of a row."""
        t = noise.normal().sigmoid() if self.times == "logit_normal" else noise.uniform()
        start = noise.normal(*x.shape[1:])
        way = t.view(-1, *[1] * (x.ndim - 1))
        v = net((1 - way) * start + way * x, t, net.label(c))  # type: ignore[operator]  # mypy: a network's attributes
        return (v - (x - start)).square().flatten(1).mean(1)


def guided(net: nn.Module, c: Tensor, guidance: float) -> Velocity:
    """v(x, t) = v_none + guidance (v_c - v_none). One pass where that is enough: guidance 1, or nothing to be under."""
    import torch

    label: Any = net.label
    under = label(c)

    def alone(x: Tensor, t: float) -> Tensor:
        return net(x, x.new_full((len(x),), t), under)

    if guidance == 1 or not label.says:
        return alone
    doubled = torch.cat([under, label(label.hidden(c))])

    def both(x: Tensor, t: float) -> Tensor:
        told, untold = net(torch.cat([x, x]), x.new_full((2 * len(x),), t), doubled).chunk(2)
        return untold + guidance * (told - untold)

    return both


def renoised(t: float, after: float) -> tuple[float, float]:
    """How much of x_after, given x_t and the sample x_1, is the noise of x_t, and how much is new: x_after is normal,
    with mean after x_1 + kept (x_t - t x_1) / (1 - t) and deviation `new` (Ho et al. 2020, eq. 6 and 7).
    """
    variance = (1 - after) ** 2 * (1 - (t * (1 - after) / (after * (1 - t))) ** 2)
    return max((1 - after) ** 2 - variance, 0) ** 0.5, variance**0.5


def solve(velocity: Velocity, x: Tensor, method: str, steps: int, start: float = 0, stop: float = 1) -> Tensor:
    """Carry `x` from t = `start` to `stop` along dx/dt = velocity(x, t), in `steps` equal steps.

    Heun's method corrects each Euler step by the velocity at its end.
    """
    h = (stop - start) / steps
    for i in range(steps):
        v = velocity(x, start + i * h)
        if method == "heun":
            v = (v + velocity(x + h * v, start + (i + 1) * h)) / 2
        x = x + h * v
    return x
