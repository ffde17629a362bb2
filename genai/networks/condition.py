"""What a sample is drawn under, as a vector: an embedding of its class, or a small encoder of its caption, which is
trained along.

- Both have a way to say nothing, for classifier-free guidance and for rows of which nothing is known: class -1, and
  the empty caption.
- The encoder reads UTF-8 byte by byte, so no vocabulary has to be settled: positions are learned, each block is
  attention and a perceptron (Vaswani et al. 2017; normed before, Xiong et al. 2020), and the bytes' mean is the vector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genai.networks.attention import attended, heads_of
from genai.space import Space

BYTES = 256
DEPTH = 2  # blocks of the encoder
WIDER = 4  # times its own width a block is inside


class Classes(nn.Embedding):
    """(rows,) in [-1, classes) -> (rows, width); -1 is no class, and has an embedding of its own."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(classes + 1, width)
        self.says = classes > 0  # whether there is more than one thing to be said

    def forward(self, c: Tensor) -> Tensor:
        return super().forward(c.remainder(self.num_embeddings))

    @staticmethod
    def hidden(c: Tensor, where: Tensor | None = None) -> Tensor:
        """Nothing said of the rows `where`, or of any."""
        return torch.full_like(c, -1) if where is None else c.masked_fill(where, -1)


class Captions(nn.Module):
    """(rows, length) bytes that zeros end -> (rows, width)."""

    says = True

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(BYTES, width), nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(DEPTH))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, c: Tensor) -> Tensor:
        given = c > 0
        given[:, 0] = True  # an empty caption is one byte of nothing
        h = self.token(c) + self.place
        for block in self.blocks:
            h = block(h, given)
        h = self.norm(h) * given[:, :, None]
        return self.out(h.sum(1) / given.sum(1, keepdim=True))

    @staticmethod
    def hidden(c: Tensor, where: Tensor | None = None) -> Tensor:
        """Nothing said of the rows `where`, or of any."""
        return torch.zeros_like(c) if where is None else c.masked_fill(where[:, None], 0)


class _Block(nn.Module):
    """Attention among the bytes that are given, and a perceptron, each beside a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = heads_of(width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, WIDER * width), nn.Linear(WIDER * width, width)

    def forward(self, h: Tensor, given: Tensor) -> Tensor:
        h = h + self.mixed(attended(self.qkv(self.norm1(h)), self.heads, given[:, None, None, :]))
        return h + self.outer(F.gelu(self.inner(self.norm2(h))))


def condition(space: Space, classes: int, width: int) -> Classes | Captions:
    """The part of a network that reads what rows of a space are drawn under."""
    return Captions(space.caption, width) if space.caption else Classes(classes, width)
