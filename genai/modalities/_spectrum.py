"""The picture of a sound, and a sound that has such a picture.

There: magnitudes of short stretches of sound (STFT, Hann), averaged over bands that are evenly spaced in mel
(2595 log10(1 + f / 700), O'Shaughnessy 1987), in decibels: -80 and less is -1, a sine of full scale is 1.
Back: magnitudes whose averages are those (multiplicative updates of Lee and Seung 2001, which keep them positive), then
phases that agree with them (Griffin and Lim 1984, with the momentum of Perraudin et al. 2013), from those that sines at
the middle of each frequency have. Phases are what the picture lacks: the way there and back is not exact.

A row is computed by itself: the bits of a matrix product may depend on how many columns it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import log10, pi

import torch
from torch import Tensor
from torch.nn import functional as F

RANGE = 80  # decibels from -1 to 1
INVERSIONS, ITERATIONS = 30, 32
MOMENTUM = 0.99


@dataclass(frozen=True)
class Spectrum:
    """Pictures of `bands` x `columns`, one column every `hop` samples of a stretch of `window`."""

    rate: int
    bands: int
    columns: int
    window: int
    hop: int

    def pictures(self, x: Tensor) -> Tensor:
        """(rows, channels, samples) in [-1, 1] -> (rows, channels, bands, columns) in [-1, 1]."""
        return torch.stack([self._picture(row) for row in x])

    def sounds(self, y: Tensor, samples: int) -> Tensor:
        """(rows, channels, bands, columns) -> (rows, channels, samples)."""
        return torch.stack([self._sound(row) for row in y])[..., :samples]

    def _picture(self, x: Tensor) -> Tensor:
        magnitudes = self._stft(F.pad(x, (0, self._length - x.shape[-1]))).abs() / self._full
        decibels = 20 * torch.log10((self._bands @ magnitudes).clamp(min=10 ** (-RANGE / 20)))
        return (decibels * (2 / RANGE) + 1).clamp(max=1)

    def _sound(self, y: Tensor) -> Tensor:
        m = self._magnitudes(y)
        p, last = torch.polar(torch.ones_like(self._phases), self._phases).expand(m.shape), torch.zeros_like(m)
        for _ in range(ITERATIONS):
            now = self._stft(self._istft(m * p))
            p = now - MOMENTUM / (1 + MOMENTUM) * last
            p, last = p / p.abs().clamp(min=1e-12), now
        return self._istft(m * p)

    def _magnitudes(self, y: Tensor) -> Tensor:
        """Of the frequencies, whose averages over the bands are those of `y`; what is at the floor is silence."""
        y = y.clamp(-1, 1)
        wanted = torch.where(y > -1, 10 ** ((y - 1) * (RANGE / 40)), 0.0)
        back = self._bands.T
        aim = back @ wanted
        m = aim / back.sum(1, keepdim=True).clamp(min=1e-6)
        for _ in range(INVERSIONS):
            m = m * aim / (back @ (self._bands @ m)).clamp(min=1e-9)
        return m * self._full

    @property
    def _size(self) -> int:
        """Of the transform: even, and with more frequencies than bands."""
        return max(self.window + self.window % 2, 2 * self.bands)

    @property
    def _length(self) -> int:
        return (self.columns - 1) * self.hop

    @cached_property
    def _hann(self) -> Tensor:
        return torch.hann_window(self.window)

    @cached_property
    def _full(self) -> float:
        """Magnitude of a sine of full scale."""
        return float(self._hann.sum()) / 2

    @cached_property
    def _bands(self) -> Tensor:
        return triangles(self.bands, self._size // 2 + 1, self.rate)

    @cached_property
    def _phases(self) -> Tensor:
        """Of sines in the middle of each frequency: 2 pi k t hop / size, (frequencies, columns)."""
        k, t = torch.arange(self._size // 2 + 1)[:, None], torch.arange(self.columns)
        return (k * t * self.hop % self._size) * (2 * pi / self._size)

    def _stft(self, x: Tensor) -> Tensor:
        return torch.stft(x, self._size, self.hop, self.window, self._hann, pad_mode="constant", return_complex=True)

    def _istft(self, z: Tensor) -> Tensor:
        return torch.istft(z, self._size, self.hop, self.window, self._hann, length=self._length)


@cache
def spectrum(rate: int, bands: int, columns: int, window: int, hop: int) -> Spectrum:
    """One that keeps what it has computed."""
    return Spectrum(rate, bands, columns, window, hop)


def triangles(bands: int, frequencies: int, rate: int) -> Tensor:
    """Weights of each frequency in each band, (bands, frequencies): triangles that overlap by half, at least as wide
    as the frequencies are apart. Those of a band sum to 1.
    """
    top, step = _mel(rate / 2), rate / 2 / (frequencies - 1)
    edges = torch.tensor([_hertz(top * i / (bands + 1)) for i in range(bands + 2)], dtype=torch.float64)
    middle = edges[1:-1, None]
    low = torch.minimum(edges[:-2, None], middle - step)
    high = torch.maximum(edges[2:, None], middle + step)
    f = torch.linspace(0, rate / 2, frequencies, dtype=torch.float64)
    weights = torch.minimum((f - low) / (middle - low), (high - f) / (high - middle)).clamp(min=0)
    return (weights / weights.sum(1, keepdim=True)).float()


def _mel(f: float) -> float:
    return 2595 * log10(1 + f / 700)


def _hertz(mel: float) -> float:
    return 700 * (10 ** (mel / 2595) - 1)
