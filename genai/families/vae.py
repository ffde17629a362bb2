"""Variational autoencoders (Kingma and Welling 2014; beta: Higgins et al. 2017).

- Bernoulli: a likelihood of binary data only, so gray levels are taken as probabilities and binarised anew each time
  they are seen (dynamic binarisation); a sample is the pixels' means. Colours are three binary channels.
- Gaussian: one standard deviation for all pixels, learned (Rybkin et al. 2021), at least half a gray level; densities
  are those of pixels in [-1, 1]. A sample is the mean. In rows of a table each feature has a deviation of its own, and
  a sample is drawn with it: there, what the code does not say is no noise to be left out.
- All is in nats a row: summed over pixels (or features) and latents, never averaged. Measures are with beta = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le, doc

from genai.abilities import Codes, Varies
from genai.errors import InputError
from genai.families import Family

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise
    from genai.space import Space

WIDTHS = {"dense": 256, "conv": 32}
DECODED = 4096  # rows of one decoder pass of the importance-weighted bound
PICTURE = 3  # axes of one
NARROW = -1.0  # log-deviation of a feature at first: about what a column of numbers has
SMALLEST = 1 / 255  # standard deviation of a pixel: half a gray level


@dataclass(frozen=True)
class Vae(Family, Varies, Codes):
    """A Gaussian code and a decoder."""

    backbone: (
        Annotated[Literal["dense", "conv"], doc("Fully connected, or convolutional (null: of pictures).")] | None
    ) = None
    latent: Annotated[int, Ge(1), Le(4096), doc("Numbers in the code.")] = 50
    width: Annotated[int, Ge(1), Le(65536), doc("Hidden units (256), or first channels (32).")] | None = None
    beta: Annotated[float, Ge(0), doc("Weight of the code's cost in the loss.")] = 1.0
    likelihood: (
        Annotated[Literal["bernoulli", "gaussian"], doc("Of binarised pixels (null: of pictures), or of numbers.")]
        | None
    ) = None
    conditional: Annotated[bool, doc("Heed the label, where there is one.")] = True
    importance_samples: Annotated[int, Ge(1), Le(5000), doc("Codes a row for the final IWAE bound.")] = 64

    def check(self, axes: int) -> None:
        if axes != PICTURE and self.backbone == "conv":
            raise InputError(
                "model.backbone: found conv for rows that are no pictures; allowed: dense, or leave it out"
            )

    def network(self, space: Space, classes: int) -> nn.Module:
        import torch

        from genai.networks.conv import ConvVae
        from genai.networks.dense import DenseVae

        backbone = self.backbone or ("conv" if len(space.shape) == PICTURE else "dense")
        kind = DenseVae if backbone == "dense" else ConvVae
        net = kind(space.shape, classes if self.conditional else 0, self.latent, self.width or WIDTHS[backbone])
        if self._is_gaussian(space.shape):
            start = torch.full(space.shape, NARROW) if len(space.shape) == 1 else torch.zeros(())
            net.log_deviation = torch.nn.Parameter(start)
        return net

    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        reconstruction, cost = self._terms(net, x, c, noise)
        return self.beta * cost - reconstruction

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Any) -> Tensor:
        shape: tuple[int, ...] = net.shape  # type: ignore[assignment]  # mypy: a network's attributes
        made = self.decode(net, noise.normal(self.latent), c, sampler)
        if len(shape) > 1 or not self._is_gaussian(shape):
            return made
        return made + net.log_deviation.exp() * noise.normal(*shape)  # type: ignore[operator]

    def vary(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise, sampler: Any, strength: float) -> Tensor:
        """The code, on its way to another one on the sphere."""
        other = noise.normal(self.latent)
        z = (1 - strength**2) ** 0.5 * self.encode(net, x, c, sampler) + strength * other
        return self.decode(net, z, c, sampler)

    def encode(self, net: nn.Module, x: Tensor, c: Tensor, sampler: Any) -> Tensor:
        """The mean of the code's distribution; of pictures whose pixels are probabilities, under these themselves."""
        given = x if self._is_gaussian(tuple(x.shape[1:])) else (x + 1) / 2
        mean: Tensor = net.encode(given, c)[0]  # type: ignore[operator]
        return mean

    def decode(self, net: nn.Module, z: Tensor, c: Tensor, sampler: Any) -> Tensor:
        """What is expected of rows, without noise."""
        decoded: Tensor = net.decode(z, c)  # type: ignore[operator]
        shape: tuple[int, ...] = net.shape  # type: ignore[assignment]
        return decoded if self._is_gaussian(shape) else decoded.sigmoid() * 2 - 1

    def held_out(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        reconstruction, cost = self._terms(net, x, c, noise)
        return {"nelbo": cost - reconstruction}

    def final(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        from genai.families._elbo import iwae

        seen = self._seen(x, noise)
        mean, log_variance = net.encode(seen, c)  # type: ignore[operator]

        def log_likelihood(z: Tensor, part: slice) -> Tensor:
            x_, c_ = (t[part].repeat_interleave(len(z) // len(t[part]), 0) for t in (seen, c))
            return self._log_likelihood(net, x_, c_, z)

        draws = noise.normal(self.importance_samples, self.latent)
        bound = iwae(log_likelihood, mean, log_variance, draws, DECODED)
        return {**self.held_out(net, x, c, noise), "iwae": -bound}

    def _terms(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Log p(x | z) for one z ~ q(z | x), and KL(q || p); each (rows,)."""
        from genai.families._elbo import kl

        seen = self._seen(x, noise)
        mean, log_variance = net.encode(seen, c)  # type: ignore[operator]
        z = mean + (0.5 * log_variance).exp() * noise.normal(self.latent)
        return self._log_likelihood(net, seen, c, z), kl(mean, log_variance)

    def _seen(self, x: Tensor, noise: Noise) -> Tensor:
        """What is to be explained: bits drawn with the pixels as probabilities, or the numbers themselves."""
        if self._is_gaussian(tuple(x.shape[1:])):
            return x
        return (noise.uniform(*x.shape[1:]) < (x + 1) / 2).to(x.dtype)

    def _log_likelihood(self, net: nn.Module, seen: Tensor, c: Tensor, z: Tensor) -> Tensor:
        from genai.families._elbo import log_bernoulli, log_normal

        decoded = net.decode(z, c)  # type: ignore[operator]
        if not self._is_gaussian(tuple(seen.shape[1:])):
            return log_bernoulli(seen, decoded)
        variance = net.log_deviation.mul(2).exp() + SMALLEST**2  # type: ignore[operator]
        return log_normal(seen, decoded, variance.log())

    def _is_gaussian(self, shape: tuple[int, ...]) -> bool:
        return (self.likelihood or ("bernoulli" if len(shape) == PICTURE else "gaussian")) == "gaussian"
