"""Generator and discriminator of a GAN: residual networks without normalisation (R3GAN: Huang et al. 2024).

- 2x2 pixels are one position of four times the channels, so that no convolution runs at the full size; each further
  level halves the sides by averages, or doubles them by bilinear interpolation. The smallest level is dense: R3GAN's
  one pattern a channel is enough for its 768 channels, not for 64 (it learned digits five times more slowly).
- In place of normalisation, initial weights as in Fixup (Zhang et al. 2019): the last convolution of a block starts at
  zero, the one before is scaled down by the number of blocks.
- The class joins the generator's code as an embedding, and the discriminator's score as a projection of its features
  (Miyato and Koyama 2018).
"""

from __future__ import annotations

from itertools import pairwise
from math import prod, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genai.networks.residual import image_shape, pad

SLOPE = 0.2  # of leaky ReLU below zero
GAIN = sqrt(2 / (1 + SLOPE**2))  # keeps the variance through it (He et al. 2015)


class Players(nn.Module):
    """Both players, for images of any size: sides that do not divide are padded and cropped. `widths` are the channels
    of each level, `depth` its residual blocks, of each player.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, latent: int, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.shape, self.classes, self.multiple = shape, classes, 2 ** len(widths)
        channels, height, across = image_shape(shape)
        small = (-(-height // self.multiple), -(-across // self.multiple))
        self.generator = _Generator(4 * channels, classes, latent, widths[::-1], depth, small)
        self.discriminator = _Discriminator(4 * channels, classes, widths, depth, small)

    def generate(self, z: Tensor, c: Tensor) -> Tensor:
        """Codes (rows, latent) and labels (rows,) -> samples (rows, *shape), float32."""
        x = F.pixel_shuffle(self.generator(z, c).float(), 2)
        return x[:, :, : self.shape[1], : self.shape[2]]

    def score(self, x: Tensor, c: Tensor) -> Tensor:
        """How real the discriminator finds `x` (rows, *shape) as a member of class `c` (rows,): (rows,), float32."""
        return self.discriminator(F.pixel_unshuffle(pad(x, self.multiple), 2), c).float()


class _Generator(nn.Module):
    def __init__(
        self, channels: int, classes: int, latent: int, widths: tuple[int, ...], depth: int, small: tuple[int, int]
    ) -> None:
        super().__init__()
        self.label = nn.Embedding(classes, latent) if classes else None
        self.small = (widths[0], *small)
        self.stem = _scaled(nn.Linear(latent * (2 if classes else 1), prod(self.small)), 1)
        self.levels = nn.ModuleList(_blocks(width, depth, depth * len(widths)) for width in widths)
        self.changes = nn.ModuleList(_scaled(nn.Conv2d(a, b, 1), 1) for a, b in pairwise(widths))
        self.out = _scaled(nn.Conv2d(widths[-1], channels, 3, padding=1), 1)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        e = z if self.label is None else torch.cat([z, self.label(c)], dim=1)
        h = self.stem(e).unflatten(1, self.small)
        for level, blocks in enumerate(self.levels):
            if level:
                h = F.interpolate(self.changes[level - 1](h), scale_factor=2, mode="bilinear")
            h = blocks(h)
        return self.out(h)


class _Discriminator(nn.Module):
    def __init__(
        self, channels: int, classes: int, widths: tuple[int, ...], depth: int, small: tuple[int, int]
    ) -> None:
        super().__init__()
        self.stem = _scaled(nn.Conv2d(channels, widths[0], 3, padding=1), 1)
        self.levels = nn.ModuleList(_blocks(width, depth, depth * len(widths)) for width in widths)
        self.changes = nn.ModuleList(_scaled(nn.Conv2d(a, b, 1), 1) for a, b in pairwise(widths))
        self.features = _scaled(nn.Linear(widths[-1] * prod(small), widths[-1]), 1)
        self.out = _scaled(nn.Linear(widths[-1], 1), 1)
        self.label = nn.Embedding(classes, widths[-1]) if classes else None

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        h = self.stem(x)
        for level, blocks in enumerate(self.levels):
            h = blocks(self.changes[level - 1](F.avg_pool2d(h, 2)) if level else h)
        f = F.leaky_relu(self.features(F.leaky_relu(h, SLOPE).flatten(1)), SLOPE)
        plain = self.out(f).squeeze(1)
        return plain if self.label is None else plain + (f * self.label(c)).sum(1) / sqrt(f.shape[1])


class _Block(nn.Module):
    """Convolution, leaky ReLU, convolution, beside a short cut; `blocks` is how many the network has."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.conv1 = _scaled(nn.Conv2d(width, width, 3, padding=1), GAIN / sqrt(blocks))
        self.conv2 = _scaled(nn.Conv2d(width, width, 3, padding=1), 0)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(h, SLOPE)), SLOPE))


def _blocks(width: int, depth: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width, blocks) for _ in range(depth)))


def _scaled(layer: nn.Linear | nn.Conv2d, gain: float) -> nn.Linear | nn.Conv2d:
    """Weights of the variance gain^2 / fan-in, and no bias to start with."""
    assert layer.bias is not None
    nn.init.normal_(layer.weight, std=gain / sqrt(layer.weight[0].numel()))
    nn.init.zeros_(layer.bias)
    return layer
