"""The velocity network of a flow: a small U-Net under time and label.

2x2 pixels become one position of four times the channels (space to depth), so that no convolution runs at the full
size: that is what makes it quick on a CPU. Attention stands at the smallest level only.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genai.networks.attention import attended, heads_of
from genai.networks.condition import condition
from genai.networks.residual import Residual, image_shape, norm, pad
from genai.networks.waves import FREQUENCIES, waves
from genai.space import Space


class UNet(nn.Module):
    """v(x, t, e) for images of any size, under the embedding e that `label` makes of a class or caption. `widths` are
    the channels of each level, `depth` its residual blocks on the way down; sizes that do not divide are padded and
    cropped.
    """

    def __init__(self, space: Space, classes: int, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.shape, self.classes, self.widths, self.depth = space.shape, classes, widths, depth
        channels, wide = 4 * image_shape(space.shape)[0], 2 * widths[0]
        self.multiple = 2 ** len(widths)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.label = condition(space, classes, wide)
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.falls = nn.ModuleList(Residual(w, w, wide) for w in widths for _ in range(depth))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.attention = Attention(widths[-1])
        self.middle = Residual(widths[-1], widths[-1], wide)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.rises = nn.ModuleList(Residual(2 * w, w, wide) for w in widths[:-1])
        self.norm, self.out = norm(widths[0]), nn.Conv2d(widths[0], channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, t: Tensor, e: Tensor) -> Tensor:
        """`x` (rows, *shape), `t` (rows,) in [0, 1], `e` (rows, width) -> velocity (rows, *shape), float32."""
        e = F.silu(self.time(waves(t)) + e)
        h = self.stem(F.pixel_unshuffle(pad(x, self.multiple), 2).contiguous(memory_format=torch.channels_last))
        kept = []
        for level in range(len(self.widths)):
            h = self.fall(self.downs[level - 1](h) if level else h, e, level)
            kept.append(h)
        h = self.middle(self.attention(h), e)
        for level in reversed(range(len(self.ups))):
            h = self.rises[level](torch.cat([self.ups[level](h), kept[level]], dim=1), e)
        v = F.pixel_shuffle(self.out(F.silu(self.norm(h))).float(), 2)
        return v[:, :, : self.shape[1], : self.shape[2]]

    def fall(self, h: Tensor, e: Tensor, level: int) -> Tensor:
        """A level on the way down."""
        for block in self.falls[level * self.depth : (level + 1) * self.depth]:
            h = block(h, e)
        return h


class Attention(nn.Module):
    """Self-attention of all positions, beside a short cut (Vaswani et al. 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = heads_of(channels)
        self.norm, self.qkv, self.out = norm(channels), nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, h: Tensor) -> Tensor:
        """(rows, channels, height, width), as it came."""
        positions = self.norm(h).flatten(2).transpose(1, 2)  # (rows, positions, channels)
        mixed = attended(self.qkv(positions), self.heads)
        return h + self.out(mixed).transpose(1, 2).unflatten(2, h.shape[2:])
