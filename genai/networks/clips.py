"""The velocity network of a flow of clips: the U-Net of pictures on each frame, with attention over frames between its
levels (factorised as in Ho et al. 2022, "Video diffusion models").

What moves stands at another place in each frame. Where a level has few places, all of them in all frames look at each
other; where it has many, each place at itself in the other frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genai.networks.attention import attended, heads_of
from genai.networks.residual import norm
from genai.networks.unet import UNet
from genai.space import Space

FEW = 64  # places that all look at each other


class ClipUNet(UNet):
    """v(x, t, e) for clips: (rows, frames x channels, height, width), frame by frame."""

    def __init__(self, space: Space, classes: int, widths: tuple[int, ...], depth: int) -> None:
        channels, height, width = space.shape
        super().__init__(
            Space((channels // space.frames, height, width), caption=space.caption), classes, widths, depth
        )
        self.shape, self.frames = space.shape, space.frames
        self.moment = nn.Embedding(space.frames, 2 * widths[0])
        self.mixes = nn.ModuleList(Mix(width, space.frames) for width in widths)

    def forward(self, x: Tensor, t: Tensor, e: Tensor) -> Tensor:
        """`x` (rows, *shape), `t` (rows,) in [0, 1], `e` (rows, width) -> velocity (rows, *shape), float32."""
        frames = x.reshape(-1, x.shape[1] // self.frames, *x.shape[2:])
        t, e = t.repeat_interleave(self.frames), e.repeat_interleave(self.frames, 0)
        v = super().forward(frames, t, e + self.moment.weight.repeat(len(x), 1))
        return v.reshape(x.shape)

    def fall(self, h: Tensor, e: Tensor, level: int) -> Tensor:
        mixed: Tensor = self.mixes[level](super().fall(h, e, level))
        return mixed


class Mix(nn.Module):
    """Self-attention over the frames of a clip, beside a short cut."""

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.heads = heads_of(channels)
        self.moment = nn.Parameter(0.1 * torch.randn(frames, channels))
        self.norm, self.qkv, self.out = norm(channels), nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, h: Tensor) -> Tensor:
        """(rows x frames, channels, height, width), as it came."""
        places = h.shape[2] * h.shape[3]
        tokens = self.norm(h).flatten(2).unflatten(0, (-1, self.frames)).transpose(2, 3) + self.moment[:, None]
        together = places <= FEW  # (rows, frames, places, channels)
        tokens = tokens.flatten(1, 2) if together else tokens.transpose(1, 2).flatten(0, 1)
        mixed = self.out(attended(self.qkv(tokens), self.heads))
        mixed = mixed.unflatten(1, (self.frames, -1)) if together else mixed.unflatten(0, (-1, places)).transpose(1, 2)
        return h + mixed.flatten(0, 1).transpose(1, 2).unflatten(2, h.shape[2:])
