"""A convolutional autoencoder of images whose code is a grid of tokens, and a transformer that has learned the tokens.

Finite scalar quantisation (Mentzer et al. 2023): each position of the code is a few numbers, each brought into [-1, 1]
by tanh and rounded to the nearest of its L levels, which lie at equal distances from -1 to 1, so that there is no
codebook to keep alive. The gradient goes straight through the rounding. A token is the number of a combination.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genai.networks.conv import LARGEST, Decoder, Encoder
from genai.networks.residual import image_shape, pad
from genai.networks.transformer import Transformer


class Quantised(nn.Module):
    """`levels` of each number of a position; the sides of an image are halved `halvings` times. `prior` is
    (width, depth, heads) of the transformer over the tokens, row by row.
    """

    levels: Tensor
    places: Tensor  # what one step of each level adds to the token

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        levels: tuple[int, ...],
        width: int,
        halvings: int,
        prior: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self.shape, self.classes, self.multiple = shape, classes, 2**halvings
        channels, height, across = image_shape(shape)
        widths = [width * min(2**level, LARGEST) for level in range(halvings)]
        self.grid = (-(-height // self.multiple), -(-across // self.multiple))
        self.encoder, self.decoder = Encoder(4 * channels, widths, 0), Decoder(4 * channels, widths[::-1], 0)
        self.to_code = nn.Conv2d(widths[-1], len(levels), 1)
        self.from_code = nn.Conv2d(len(levels), widths[-1], 1)
        self.log_scale = nn.Parameter(torch.tensor(-2.0))  # of a pixel's distribution
        self.prior = Transformer(prod(levels), prod(self.grid), classes, *prior)
        places = torch.tensor([prod(levels[:i]) for i in range(len(levels))])
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("places", places, persistent=False)

    def encode(self, x: Tensor) -> Tensor:
        """The code, (rows, *grid, numbers), on the levels in [-1, 1]."""
        h = F.pixel_unshuffle(pad(x, self.multiple), 2).contiguous(memory_format=torch.channels_last)
        free = self.to_code(self.encoder(h, None)).float().permute(0, 2, 3, 1).tanh()
        steps = (self.levels - 1) / 2
        return free + ((free + 1).mul(steps).round() / steps - 1 - free).detach()

    def decode(self, z: Tensor) -> Tensor:
        """The middle of each pixel's distribution, (rows, *shape), under the code `z` (rows, *grid, numbers)."""
        h = self.from_code(z.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last))
        x = F.pixel_shuffle(self.decoder(h, None).float(), 2)
        return x[:, :, : self.shape[1], : self.shape[2]]

    def tokens(self, z: Tensor) -> Tensor:
        """The code as tokens: (rows, *grid, numbers) -> (rows, tokens) int64, row by row of the grid."""
        digits = ((z + 1) * (self.levels - 1) / 2).round().long()
        return (digits * self.places).sum(3).flatten(1)

    def code(self, tokens: Tensor) -> Tensor:
        """The code of which these are the tokens."""
        digits = tokens.view(-1, *self.grid, 1) // self.places % self.levels
        return digits * 2 / (self.levels - 1) - 1
