"""The time of a flow as a network is told it: sines and cosines (Vaswani et al. 2017)."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

FREQUENCIES = 32


def waves(t: Tensor) -> Tensor:
    """32 frequencies, from 1 to 1000 in equal ratios: (rows,) in [0, 1] -> (rows, 64)."""
    rates = torch.exp(torch.linspace(0, log(1000), FREQUENCIES, device=t.device))
    angles = t[:, None].float() * rates
    return torch.cat([angles.cos(), angles.sin()], dim=1)
