"""A recording drawn for the eye: time to the right, frequency upwards (in mel, as it is heard), loudness as colour.

Small and quick: it stands beside a player, a hundred to a page. Free of torch, as what is shown needs no model.
"""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

HEIGHT, WIDTH, LEVELS = 96, 192, 32
DEPTH = 60  # decibels below the loudest that are not black
QUIET = -60  # decibels of full scale: what is nowhere louder stays dark
_FULL = 32768.0
_COLOURS = ((0, 0, 0), (45, 15, 95), (140, 40, 130), (230, 85, 85), (254, 185, 110), (252, 253, 220))  # dark to bright


def drawn(levels: np.ndarray, rate: int) -> list[bytes]:
    """The picture (PNG) of each of (rows, samples, channels) int16; of both channels one, of their mean."""
    return [_png(_shares(row.mean(axis=1) / _FULL, rate)) for row in levels]


def _shares(x: np.ndarray, rate: int) -> np.ndarray:
    """Loudness from 0 to 1, (HEIGHT, WIDTH)."""
    size = max(64, 2 ** round(np.log2(rate * 0.032)))
    starts = np.linspace(0, max(1, len(x)), WIDTH, endpoint=False).astype(np.int64)
    padded, window = np.pad(x, size // 2), np.hanning(size)
    pieces = np.stack([padded[at : at + size] for at in starts]) * (window / window.sum() * 2)
    decibels = 10 * np.log10(_mel(np.abs(np.fft.rfft(pieces)).T ** 2, rate) + 1e-12)
    return np.clip((decibels - max(decibels.max(), QUIET)) / DEPTH + 1, 0, 1)[::-1]


def _mel(power: np.ndarray, rate: int) -> np.ndarray:
    """(frequencies, WIDTH) as (HEIGHT, WIDTH): the frequency in the middle of each line."""
    top = np.log10(1 + rate / 2 / 700)
    wanted = 700 * (10 ** (top * (np.arange(HEIGHT) + 0.5) / HEIGHT) - 1)
    frequencies = np.linspace(0, rate / 2, len(power))
    return np.stack([np.interp(wanted, frequencies, column) for column in power.T], axis=1)


def _png(shares: np.ndarray) -> bytes:
    """Few colours, so that noise too is a small file."""
    anchors = np.linspace(0, LEVELS - 1, len(_COLOURS))
    bands = [np.interp(np.arange(LEVELS), anchors, band) for band in zip(*_COLOURS, strict=True)]
    picture = PIL.Image.fromarray(np.rint(shares * (LEVELS - 1)).astype(np.uint8))
    picture.putpalette(np.rint(np.stack(bands, axis=1)).astype(np.uint8).tobytes())
    sink = io.BytesIO()
    picture.save(sink, "PNG")
    return sink.getvalue()
