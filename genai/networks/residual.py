"""Convolutional pieces that the image networks share: a residual block under a condition, and the frame around them.

Normalisation is by groups within a row, never over a batch, so that a row does not depend on its neighbours.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from genai.errors import InputError


class Residual(nn.Module):
    """norm, SiLU, convolution, twice, beside a short cut (He et al. 2016); the condition scales and shifts between
    the two (Perez et al. 2018), and the second convolution starts at zero, so that the block starts as its short cut.
    """

    def __init__(self, inward: int, outward: int, condition: int = 0) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inward), nn.Conv2d(inward, outward, 3, padding=1)
        self.norm2, self.conv2 = norm(outward), nn.Conv2d(outward, outward, 3, padding=1)
        self.film = nn.Linear(condition, 2 * outward) if condition else None
        self.short = nn.Conv2d(inward, outward, 1) if inward != outward else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, h: Tensor, e: Tensor | None = None) -> Tensor:
        """`h` (rows, inward, height, width) under `e` (rows, condition) -> (rows, outward, height, width)."""
        r = self.norm2(self.conv1(F.silu(self.norm1(h))))
        if self.film is not None:
            scale, shift = self.film(e)[:, :, None, None].chunk(2, dim=1)
            r = r * (1 + scale) + shift
        return self.short(h) + self.conv2(F.silu(r))


def norm(channels: int) -> nn.GroupNorm:
    """Groups of at least four channels, eight groups where they divide."""
    groups = next(g for g in (8, 4, 2, 1) if (channels % g == 0 and channels // g >= 4) or g == 1)
    return nn.GroupNorm(groups, channels)


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(channels, height, width). Raises InputError where a sample is no image."""
    if len(shape) != 3:
        raise InputError(f"model: found samples of shape {shape}; allowed: images, (channels, height, width)")
    channels, height, width = shape
    return channels, height, width


def pad(x: Tensor, multiple: int) -> Tensor:
    """Zeros below and to the right, until both sides are multiples of `multiple`."""
    return F.pad(x, (0, -x.shape[3] % multiple, 0, -x.shape[2] % multiple))
