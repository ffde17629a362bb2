"""Measures of held-out rows, dealt to the workers by batch, with the same sums for any number of them."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

import torch
from torch import Tensor, nn

from genai.errors import GenaiError
from genai.exchange import Exchange
from genai.modalities import Modality
from genai.noise import EVALUATE, IndexNoise, Noise
from genai.order import Batch

ROWS = 128  # of a batch
Measure = Callable[[nn.Module, Tensor, Tensor, Noise], dict[str, Tensor]]  # Family.held_out or Family.final


@torch.no_grad()
def means(
    measure: Measure, net: nn.Module, modality: Modality, held: Batch, seed: int, exchange: Exchange
) -> dict[str, float]:
    """The mean of each measure over all rows of `held`, (arrays, labels); row i has its own fixed noise. Of a measure
    that is two numbers a row, an amount and what it is an amount of, the quotient of their sums.

    Batch k is worker k mod W's; sums are float64 and added in the order of batches. Raises GenaiError where a mean is
    not finite.
    """
    arrays, labels = held
    device = next(net.parameters()).device
    starts = range(0, len(labels), ROWS)
    own = range(exchange.rank, len(starts), exchange.size) or range(len(starts) - 1, len(starts))
    net.eval()
    table, names = torch.zeros(0), []
    for k in own:  # a worker without a batch computes the last one too: it needs the names
        rows = range(starts[k], min(starts[k] + ROWS, len(labels)))
        part = arrays[rows.start : rows.stop], labels[rows.start : rows.stop]
        x, c = modality.to_tensor(part[0]).to(device), modality.under(*part).to(device)
        values = measure(net, x, c, IndexNoise(seed, rows, purpose=EVALUATE, device=device))
        names = list(values)
        table = table if table.numel() else torch.zeros(len(starts), len(names), 2, dtype=torch.float64, device=device)
        table[k] = torch.stack([_sums(v) for v in values.values()])
    gathered = exchange.gather(table)
    sums = torch.stack([gathered[k % exchange.size][k] for k in range(len(starts))]).sum(0)
    found = dict(zip(names, (sums[:, 0] / sums[:, 1]).tolist(), strict=True))
    odd = {name: value for name, value in found.items() if not isfinite(value)}
    if odd:
        raise GenaiError(f"held-out rows: found {odd}; measures must be finite: try a smaller train.learning_rate")
    return found


def _sums(values: Tensor) -> Tensor:
    """What a batch adds to the two sums of a measure; where nothing else is said, a row counts one."""
    if values.ndim == 2:
        return values.double().sum(0)
    return torch.stack([values.double().sum(), values.new_tensor(len(values), dtype=torch.float64)])
