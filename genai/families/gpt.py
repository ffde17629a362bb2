"""Sequences of tokens, one after another, by a decoder-only transformer (Radford et al. 2018) under the label.

- Token 0 ends a sequence: it is foretold like any other, and what follows it is neither seen nor counted.
- The loss of a row is the nats of all its tokens over the number of its places, so that every token weighs the same in
  whatever row it stands. The measure is nats a token, over all tokens of all rows.
- A sequence that fills its places has no end, and pays for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le, doc

from genai.errors import InputError
from genai.families import Family
from genai.families._tokens import Sampling, check_heads

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genai.noise import Noise
    from genai.space import Space

END = 0


@dataclass(frozen=True)
class Gpt(Family):
    """A transformer over tokens."""

    width: Annotated[int, Ge(2), Le(16384), doc("Numbers of a token; a multiple of twice the heads.")] = 128
    depth: Annotated[int, Ge(1), Le(256), doc("Blocks.")] = 4
    heads: Annotated[int, Ge(1), Le(256), doc("Heads of the attention.")] = 4

    Sampler = Sampling
    tokens = True

    def __post_init__(self) -> None:
        check_heads(self.width, self.heads)

    def network(self, space: Space, classes: int) -> nn.Module:
        from genai.networks.transformer import Transformer

        if not space.vocabulary:
            raise InputError(f"model: found gpt and samples of numbers, {space.shape}; allowed: tokens")
        (length,) = space.shape
        return Transformer(space.vocabulary, length, classes, self.width, self.depth, self.heads)

    def loss(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        nats, _ = self._terms(net, x, c)
        return nats / x.shape[1]

    def held_out(self, net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
        import torch

        return {"nats_per_token": torch.stack(self._terms(net, x, c), dim=1)}

    def sample(self, net: nn.Module, c: Tensor, noise: Noise, sampler: Sampling) -> Tensor:
        from genai.networks.transformer import draw

        uniforms = noise.uniform(*net.shape)  # type: ignore[misc]  # mypy: a network's attributes
        return draw(net, c, uniforms, sampler.temperature, sampler.top_k, sampler.top_p, stop=END)  # type: ignore[arg-type]

    def _terms(self, net: nn.Module, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """-log p(x | c), and the number of tokens, the one that ends the row among them; each (rows,)."""
        from torch.nn.functional import cross_entropy

        ended = x.eq(END)
        counted = ended.cumsum(1) - ended.long() == 0  # (rows, length): no end stands before
        nats = cross_entropy(net(x, c).transpose(1, 2), x, reduction="none")
        return (nats * counted).sum(1), counted.sum(1)
