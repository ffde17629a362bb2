"""Randomness is an argument: noise keyed by what it is for, never drawn inside a model.

`IndexNoise` gives each sample its own stream, so sample 17 sees the same numbers in whatever batch, on
whatever worker it is drawn, and on whatever device (numbers are made on the CPU, then moved).
`StepNoise` does the same for training: one stream per (seed, step, micro-batch).
The streams themselves, which need no torch, are in `genai.philox`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from genai.philox import EVALUATE, INITIALISE, SAMPLE, SHUFFLE, STEP, stream

__all__ = ["EVALUATE", "INITIALISE", "SAMPLE", "SHUFFLE", "STEP", "IndexNoise", "Noise", "StepNoise", "stream"]


class Noise(Protocol):
    """What a family draws from. Successive calls continue each row's stream."""

    rows: int

    def normal(self, *shape: int) -> Tensor:
        """Standard normal float32, (rows, *shape)."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1) float32, (rows, *shape)."""
        ...


class IndexNoise:
    """Noise of the samples `indices`, at their `attempt`-th try each."""

    def __init__(
        self,
        seed: int,
        indices: Sequence[int],
        attempt: int = 0,
        *,
        purpose: int = SAMPLE,
        device: torch.device | str = "cpu",
    ) -> None:
        self.rows = len(indices)
        self._streams = [stream(seed, purpose, int(i), attempt) for i in indices]
        self._device = device

    def normal(self, *shape: int) -> Tensor:
        return self._stack(shape, lambda s, out: s.standard_normal(dtype=np.float32, out=out))

    def uniform(self, *shape: int) -> Tensor:
        return self._stack(shape, lambda s, out: s.random(dtype=np.float32, out=out))

    def _stack(self, shape: tuple[int, ...], fill: Callable[[np.random.Generator, np.ndarray], object]) -> Tensor:
        out = np.empty((self.rows, int(np.prod(shape, dtype=np.int64))), dtype=np.float32)
        for row, generator in zip(out, self._streams, strict=True):
            fill(generator, row)
        return torch.from_numpy(out.reshape(self.rows, *shape)).to(self._device)


class StepNoise:
    """Noise of one micro-batch of one training step."""

    def __init__(self, seed: int, step: int, micro: int, rows: int, *, device: torch.device | str = "cpu") -> None:
        self.rows = rows
        self._stream = stream(seed, STEP, step, micro)
        self._device = device

    def normal(self, *shape: int) -> Tensor:
        return torch.from_numpy(self._stream.standard_normal((self.rows, *shape), dtype=np.float32)).to(self._device)

    def uniform(self, *shape: int) -> Tensor:
        return torch.from_numpy(self._stream.random((self.rows, *shape), dtype=np.float32)).to(self._device)
