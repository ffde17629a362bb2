"""A fully connected variational autoencoder: one hidden layer each way (Kingma and Welling 2014, appendix C)."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DenseVae(nn.Module):
    """Encoder and decoder of samples of any `shape`; labels, where there are `classes`, join as one-hot vectors."""

    def __init__(self, shape: tuple[int, ...], classes: int, latent: int, width: int) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        self.encoder = nn.Sequential(nn.Linear(prod(shape) + classes, width), nn.ReLU(), nn.Linear(width, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent + classes, width), nn.ReLU(), nn.Linear(width, prod(shape)))

    def encode(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x, c), each (rows, latent)."""
        mean, log_variance = self.encoder(self._with_label(x.flatten(1), c)).float().chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor, c: Tensor) -> Tensor:
        """What p(x | z, c) is made from, (rows, *shape)."""
        return self.decoder(self._with_label(z, c)).float().unflatten(1, self.shape)

    def _with_label(self, h: Tensor, c: Tensor) -> Tensor:
        return torch.cat([h, F.one_hot(c, self.classes).to(h.dtype)], dim=1) if self.classes else h
