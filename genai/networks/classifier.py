"""A classifier of samples, and what a sample may become without changing its class.

Pictures are turned, sheared, scaled and moved a little, all in one resampling (none is mirrored: a mirrored digit is
none); the numbers of a row of a table, which have no such symmetries, are blurred and some of them hidden.
Normalisation is within a row, never over a batch, so that a row does not depend on its neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genai.networks.residual import norm, pad
from genai.noise import Noise

PICTURE = 3  # axes of one
TURN, SHEAR, SCALE, MOVE = 0.35, 0.3, 0.2, 0.2  # at most: radians, of the height, of the size, of half the size
BLUR, HIDDEN = 0.1, 0.1  # standard deviation, share of the numbers
CORNERS = 2  # the features that are looked at in the end are of so many places a side


class Classifier(nn.Module):
    """Logits (rows, classes) of samples (rows, *shape): `width` channels at half the size and twice as many at a
    quarter, or eight times `width` hidden units, twice.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, width: int) -> None:
        super().__init__()
        if len(shape) == PICTURE:
            self.layers = nn.Sequential(
                nn.PixelUnshuffle(2), _conv(4 * shape[0], width), _conv(width, width), nn.AvgPool2d(2, ceil_mode=True),
                _conv(width, 2 * width), _conv(2 * width, 2 * width), nn.AdaptiveAvgPool2d(CORNERS), nn.Flatten(),
            )  # fmt: skip
            self.out = nn.Linear(2 * width * CORNERS**2, classes)
        else:
            self.layers = nn.Sequential(_dense(shape[0], 8 * width), _dense(8 * width, 8 * width))
            self.out = nn.Linear(8 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.layers(pad(x, 2) if x.ndim > PICTURE else x)).float()


def distorted(x: Tensor, noise: Noise) -> Tensor:
    """Samples that are others of the same class."""
    if x.ndim == 2:
        return (x + BLUR * noise.normal(x.shape[1])) * (noise.uniform(x.shape[1]) >= HIDDEN)
    turn, shear, scale, right, down = (noise.uniform(5) * 2 - 1).unbind(1)
    sin, cos, size = (TURN * turn).sin(), (TURN * turn).cos(), 1 + SCALE * scale
    above = torch.stack([cos * size, SHEAR * shear - sin, MOVE * right], 1)
    places = torch.stack([above, torch.stack([sin, cos * size, MOVE * down], 1)], 1)  # (rows, 2, 3)
    grid = F.affine_grid(places, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _conv(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inward, outward, 3, padding=1), norm(outward), nn.ReLU())


def _dense(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inward, outward), nn.LayerNorm(outward), nn.ReLU())
