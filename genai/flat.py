"""A network's trainable weights as one vector, and their gradients as another.

The parameters become views of the vectors, each in its own memory layout, so that summing, clipping, stepping and
averaging are single passes over memory, and what workers send is one contiguous piece.
"""

from __future__ import annotations

import torch
from torch import nn


class Flat:
    """`weights` and `gradient` of `net`, (size,) float32; writing to them writes to the network. `places` says where in
    them each parameter is.
    """

    def __init__(self, net: nn.Module) -> None:
        named = {name: p for name, p in net.named_parameters() if p.requires_grad}
        parameters = list(named.values())
        assert all(p.dtype == torch.float32 for p in parameters), "weights are float32; precision is autocast's"
        size, device = sum(p.numel() for p in parameters), parameters[0].device
        self.net = net
        self.weights = torch.empty(size, device=device)
        self.gradient = torch.zeros(size, device=device)
        self.places: dict[str, slice] = {}
        at = 0
        with torch.no_grad():
            for name, p in named.items():
                self.places[name] = slice(at, at + p.numel())
                view = self.weights.as_strided(p.size(), p.stride(), at)
                view.copy_(p)
                p.data = view
                p.grad = self.gradient.as_strided(p.size(), p.stride(), at)
                at += p.numel()
        self.weights.grad = self.gradient
