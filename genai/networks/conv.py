"""A convolutional variational autoencoder for images of any size.

2x2 pixels become one position of four times the channels; each further level halves the sides again, until they are
about 7. Sizes that do not divide are padded on the way in and cropped on the way out.
"""

from __future__ import annotations

from itertools import pairwise
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genai.networks.residual import Residual, image_shape, norm, pad

CONDITION = 64
LARGEST = 4  # times the first width


class ConvVae(nn.Module):
    """Encoder and decoder of images; `width` is the channels of the first level, labels join as an embedding."""

    def __init__(self, shape: tuple[int, ...], classes: int, latent: int, width: int) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        channels, height, across = image_shape(shape)
        levels = max(1, round(log2(max(height, across) / 6)))
        self.multiple = 2**levels
        widths = [width * min(2**level, LARGEST) for level in range(levels)]
        self.small = (widths[-1], -(-height // self.multiple), -(-across // self.multiple))
        self.label = nn.Embedding(classes, CONDITION) if classes else None
        self.encoder = Encoder(4 * channels, widths, CONDITION if classes else 0)
        self.to_latent = nn.Linear(self.small[0] * self.small[1] * self.small[2], 2 * latent)
        self.from_latent = nn.Linear(latent, self.small[0] * self.small[1] * self.small[2])
        self.decoder = Decoder(4 * channels, widths[::-1], CONDITION if classes else 0)

    def encode(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x, c), each (rows, latent)."""
        h = F.pixel_unshuffle(pad(x, self.multiple), 2).contiguous(memory_format=torch.channels_last)
        h = self.encoder(h, self._condition(c))
        mean, log_variance = self.to_latent(h.flatten(1)).float().chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor, c: Tensor) -> Tensor:
        """What p(x | z, c) is made from, (rows, *shape)."""
        h = self.from_latent(z).unflatten(1, self.small).contiguous(memory_format=torch.channels_last)
        x = F.pixel_shuffle(self.decoder(h, self._condition(c)).float(), 2)
        return x[:, :, : self.shape[1], : self.shape[2]]

    def _condition(self, c: Tensor) -> Tensor | None:
        return self.label(c) if self.label is not None else None


class Encoder(nn.Module):
    """From positions of `channels` to `widths[-1]` channels, at half the sides for each width after the first."""

    def __init__(self, channels: int, widths: list[int], condition: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(Residual(w, w, condition) for w in widths)
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.norm = norm(widths[-1])

    def forward(self, h: Tensor, e: Tensor | None) -> Tensor:
        h = self.stem(h)
        for level, block in enumerate(self.blocks):
            h = block(self.downs[level - 1](h) if level else h, e)
        return F.silu(self.norm(h))


class Decoder(nn.Module):
    """From `widths[0]` channels to positions of `channels`, at twice the sides for each width after the first."""

    def __init__(self, channels: int, widths: list[int], condition: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Residual(w, w, condition) for w in widths)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.norm, self.out = norm(widths[-1]), nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, h: Tensor, e: Tensor | None) -> Tensor:
        for level, block in enumerate(self.blocks):
            h = block(self.ups[level - 1](h) if level else h, e)
        return self.out(F.silu(self.norm(h)))
