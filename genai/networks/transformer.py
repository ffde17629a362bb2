"""A decoder-only transformer over tokens, under a class (Vaswani et al. 2017), and how sequences are drawn from it.

- Before the first token stands the class, as a token of its own; class `classes` is no class.
- Pre-norm by root mean square (Zhang and Sennrich 2019), rotary positions (Su et al. 2021), normed queries and keys
  (Henry et al. 2020), a gated feed-forward part (SwiGLU, Shazeer 2020). A block starts as its short cut, logits at 0.
- Drawing keeps the keys and values of what was seen in memory that is taken once. A token is the inverse of its
  distribution's sum at one given uniform number, so a sequence depends on its own noise only.

Shapes: B rows, N tokens, H heads, D numbers of a head, W = H D the width, V the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class Cache:
    """Keys and values of all blocks, (depth, B, H, N, D); those before the position that is at work are filled."""

    keys: Tensor
    values: Tensor


class Transformer(nn.Module):
    """Logits of each token of a sequence of at most `length`, under those before it and the class."""

    turns: Tensor  # cosine and sine of each position's angles, (2, N, D / 2)

    def __init__(self, vocabulary: int, length: int, classes: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        assert width % (2 * heads) == 0, "families check their fields"
        self.shape, self.classes, self.vocabulary, self.heads = (length,), classes, vocabulary, heads
        self.label, self.token = nn.Embedding(classes + 1, width), nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(depth))
        self.norm, self.out = nn.RMSNorm(width), nn.Linear(width, vocabulary, bias=False)
        nn.init.zeros_(self.out.weight)
        rates = ROTARY_BASE ** -torch.linspace(0, 1, width // heads // 2 + 1)[:-1]
        angles = torch.arange(length)[:, None] * rates
        self.register_buffer("turns", torch.stack([angles.cos(), angles.sin()]), persistent=False)

    def forward(self, tokens: Tensor, c: Tensor) -> Tensor:
        """`tokens` (B, N) int64, `c` (B,) -> the logits of each of them, (B, N, V); the last one is not looked at."""
        h = torch.cat([self.label(c)[:, None], self.token(tokens[:, :-1])], dim=1)
        turns = self.turns[:, : h.shape[1]]
        for block in self.blocks:
            h = block(h, turns, None, 0)
        return self.out(self.norm(h)).float()

    def step(self, h: Tensor, cache: Cache, at: int) -> Tensor:
        """The logits (B, V) of the token at position `at`, from the embedding `h` (B, W) of what stands before it."""
        h, turns = h[:, None], self.turns[:, at : at + 1]
        for number, block in enumerate(self.blocks):
            h = block(h, turns, Cache(cache.keys[number], cache.values[number]), at)
        return self.out(self.norm(h[:, 0])).float()

    def cache(self, rows: int, length: int) -> Cache:
        """Memory for `rows` sequences of `length` tokens."""
        width = self.label.weight.shape[1]
        size = (len(self.blocks), rows, self.heads, length, width // self.heads)
        return Cache(self.label.weight.new_empty(size), self.label.weight.new_empty(size))


class _Block(nn.Module):
    """Attention to what came before, then a feed-forward part; each beside a short cut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, hidden = heads, 8 * -(-width // 3)
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.norm_q, self.norm_k = nn.RMSNorm(width // heads), nn.RMSNorm(width // heads)
        self.qkv, self.mixed = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 2 * hidden, bias=False), nn.Linear(hidden, width, bias=False)
        nn.init.normal_(self.qkv.weight, std=width**-0.5)
        nn.init.normal_(self.up.weight, std=width**-0.5)
        nn.init.zeros_(self.mixed.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, h: Tensor, turns: Tensor, cache: Cache | None, at: int) -> Tensor:
        """(B, N, W), as it came; with a cache, N is 1 and the token stands at position `at`."""
        h = h + self._attend(self.norm1(h), turns, cache, at)
        gate, value = self.up(self.norm2(h)).chunk(2, dim=2)
        return h + self.down(F.silu(gate) * value)

    def _attend(self, h: Tensor, turns: Tensor, cache: Cache | None, at: int) -> Tensor:
        q, k, v = self.qkv(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, H, N, D)
        q, k = turned(self.norm_q(q), turns), turned(self.norm_k(k), turns)
        if cache is not None:
            cache.keys[:, :, at : at + 1], cache.values[:, :, at : at + 1] = k, v
            k, v = cache.keys[:, :, : at + 1], cache.values[:, :, : at + 1]
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        return self.mixed(mixed.transpose(1, 2).flatten(2))


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Each pair (x_i, x_{i + D/2}) turned by its position's angle: (B, H, N, D), (2, N, D / 2) -> (B, H, N, D)."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = turns
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1).type_as(x)


def choose(logits: Tensor, u: Tensor, temperature: float, top_k: int | None, top_p: float) -> Tensor:
    """The token of each row, (B,): the first, from the likeliest on, with which their sum exceeds u (B,) in [0, 1).

    Of the likeliest `top_k` tokens, and of the fewest that together are as probable as `top_p` (Holtzman et al. 2020).
    """
    p, order = (logits / temperature).softmax(1).sort(dim=1, descending=True, stable=True)  # (B, V)
    p, order = p[:, :top_k], order[:, :top_k]
    total = p.cumsum(1)
    p = p.masked_fill(total - p >= top_p * total[:, -1:], 0) if top_p < 1 else p
    total = p.cumsum(1)
    place = (total <= u[:, None] * total[:, -1:]).sum(1, keepdim=True)
    last = (p > 0).sum(1, keepdim=True) - 1  # where rounding brings u to the very end
    return order.gather(1, place.minimum(last))[:, 0]


def draw(
    net: Transformer,
    c: Tensor,
    uniforms: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    stop: int | None = None,
) -> Tensor:
    """A sequence for each row of `c`, from one uniform number a token: (B,), (B, N) -> tokens (B, N).

    What follows the token `stop` is that token again.
    """
    rows, length = uniforms.shape
    cache, h = net.cache(rows, length), net.label(c)
    tokens = torch.empty(rows, length, dtype=torch.int64, device=c.device)
    for at in range(length):
        chosen = choose(net.step(h, cache, at), uniforms[:, at], temperature, top_k, top_p)
        if stop is not None:
            chosen = chosen.masked_fill(tokens[:, at - 1] == stop, stop) if at else chosen
            if (chosen == stop).all():
                tokens[:, at:] = stop
                break
        tokens[:, at] = chosen
        h = net.token(chosen)
    return tokens
