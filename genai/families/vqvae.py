"""A discrete autoencoder (van den Oord et al. 2017) with finite scalar quantisation (Mentzer et al. 2023), and an
autoregressive prior over its codes, under the label.

- Both are trained in one loss, in nats a row: -log p(x | z) - log p(z | c), z = z(x). The prior's part gives no
  gradient to the encoder, which would otherwise make codes that are easy to foretell and hold nothing; so the two parts
  share no weights, and Adam's steps do not heed how large either is.
- The code is a function of x, so the sum is a bound on -log p(x | c): that is the measure that picks a checkpoint.
- A pixel has a logistic distribution over its 256 levels, the last ones reaching on without end (Salimans et al. 2017),
  with one learned scale. Its middle is a sharp picture where a Gaussian's mean is a blurred one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le, Len, doc

from genai.families import Family
from genai.families._tokens import Sampling, check_heads

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise
    from genai.space import Space

Levels = Annotated[int, Ge(2), Le(64)]


@dataclass(frozen=True)
class Vqvae(Family):
    """Tokens of an image, and a transformer that draws them."""

    levels: Annotated[tuple[Levels, ...], Len(1, 8), doc("Levels of each number of a code; their product: tokens.")] = (
        8,
        6,
        5,
    )
    halvings: Annotated[int, Ge(1), Le(8), doc("How often the sides are halved: 2, 28x28 pixels have 7x7 codes.")] = 2
    width: Annotated[int, Ge(1), Le(4096), doc("Channels of the first level; up to four times of the last.")] = 32
    prior_width: Annotated[int, Ge(2), Le(8192), doc("Numbers of a token in the prior.")] = 128
    prior_depth: Annotated[int, Ge(1), Le(64), doc("Blocks of the prior.")] = 4
    prior_heads: Annotated[int, Ge(1), Le(64), doc("Heads of its attention.")] = 4

    Sampler = Sampling

    def __post_init__(self) -> None:
        check_heads(self.prior_width, self.prior_heads, "prior_")

    def network(self, space: Space, classes: int) -> nn.Module:
        from genai.networks.vqvae import Quantised

        prior = (self.prior_width, self.prior_depth, self.prior_heads)
        return Quantised(space.shape, classes, self.levels, self.width, self.halvings, prior)

    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        reconstruction, prior = self._terms(net, x, c)
        return reconstruction + prior

    def held_out(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        reconstruction, prior = self._terms(net, x, c)
        return {"bound": reconstruction + prior, "reconstruction": reconstruction, "prior": prior}

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Sampling) -> Tensor:
        from genai.networks.transformer import draw

        uniforms = noise.uniform(*net.prior.shape)  # type: ignore[misc]  # mypy: a network's attributes
        tokens = draw(net.prior, c, uniforms, sampler.temperature, sampler.top_k, sampler.top_p)  # type: ignore[arg-type]
        return net.decode(net.code(tokens))  # type: ignore[operator]

    def _terms(self, net: nn.Module, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """-log p(x | z) and -log p(z | c), each (rows,)."""
        from torch.nn.functional import cross_entropy

        z = net.encode(x)  # type: ignore[operator]
        tokens = net.tokens(z.detach())  # type: ignore[operator]
        logits = net.prior(tokens, c)  # type: ignore[operator]
        prior = cross_entropy(logits.transpose(1, 2), tokens, reduction="none").sum(1)
        return -log_logistic(x, net.decode(z), net.log_scale.exp()).flatten(1).sum(1), prior  # type: ignore[operator]


def log_logistic(x: Tensor, middle: Tensor, scale: Tensor) -> Tensor:
    """Log-probability of each level x in {-1, -1 + 2/255, …, 1} under a logistic distribution that was cut into them.

    With a and b the ends of a level in the scale: sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)).
    """
    from torch.nn.functional import logsigmoid

    half = 1 / 255
    off = x - middle
    below, above = logsigmoid((off + half) / scale), logsigmoid((half - off) / scale)
    inside = below + above + (-(-2 * half / scale).expm1()).log()
    return above.where(x > 1 - half, below.where(x < half - 1, inside))
