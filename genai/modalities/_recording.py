"""A recording's own samples, by libsndfile: a file's bytes, which are hostile until they are decoded.

Only the containers and encodings named here are tried. What the header claims (channels, rate, frames) is bounded
before a sample is decoded, and decoding goes by blocks, of which no more is kept than a row takes. libsndfile takes a
WAV that was cut off for a shorter one, and so an Ogg; that is looked for here.

Everything becomes 16-bit samples: of 24 and 32 bits the upper ones count, rounded; a float is a share of full scale.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from genai.errors import DataError, InputError

if TYPE_CHECKING:
    from soundfile import SoundFile

RATES = (1_000, 192_000)  # samples a second
SAMPLES = 1 << 26  # of a recording, all channels: 12 minutes of stereo at 44.1 kHz
FILE_BYTES = 1 << 29
LOUDEST = 8.0  # of a float: more is no overshoot but another scale
CHUNKS = 1_000  # of a WAV that are looked through for its samples
FULL = 32768.0  # a float of 1 as a 16-bit sample

_MAGIC = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg"}
_WHOLE = ("PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW")  # encodings that 16 bits hold
_ENCODINGS = (*_WHOLE, "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "VORBIS", "OPUS")
_BLOCK = 1 << 16  # frames that are decoded at a time
_MARGIN = 0.01  # seconds that are kept beyond what is asked for, for resampling to end in sound, not in silence


@dataclass(frozen=True)
class Header:
    """What a file says of its samples."""

    rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def header(value: Any) -> Header:
    """Of the bytes of a file. Raises DataError where it is no whole recording, as far as can be seen undecoded."""
    with _opened(value) as file:
        return _header(file)


def recording(value: Any, seconds: float) -> tuple[np.ndarray, int, bytes]:
    """The recording as it is, (frames, channels) int16, its rate, and the SHA-256 of all its samples. Only the first
    `seconds`, and little more, are kept.
    """
    with _opened(value) as file:
        said = _header(file)
        digest = hashlib.sha256(repr((said.rate, said.channels, said.frames)).encode())
        wanted = min(said.frames, ceil((seconds + _MARGIN) * said.rate))
        kept, found = np.zeros((wanted, said.channels), np.int16), 0
        for block in _blocks(file):
            digest.update(np.ascontiguousarray(block, "<i2").data)
            kept[found : found + len(block)] = block[: max(0, wanted - found)]
            found += len(block)
        if found != said.frames:
            raise ValueError(f"{said.frames:,} samples claimed, {found:,} there")
        return kept, said.rate, digest.digest()


def to_levels(x: np.ndarray) -> np.ndarray:
    """Floats of [-1, 1) as 16-bit samples."""
    return np.clip(np.rint(x * FULL), -FULL, FULL - 1).astype(np.int16)


def written(levels: np.ndarray, rate: int, kind: str) -> bytes:
    """(samples, channels) int16 as a file; no clock is in it (in FLAC the name of the encoder is)."""
    sink = io.BytesIO()
    _library("soundfile", "reads and writes recordings").write(sink, levels, rate, "PCM_16", format=kind.upper())
    return sink.getvalue()


def resampled(x: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(samples, channels) int16 at another rate."""
    soxr = _library("soxr", "resamples recordings")
    return to_levels(soxr.resample((x / FULL).astype(np.float32), rate, wanted, "HQ"))


def _library(name: str, does: str) -> Any:
    try:
        return import_module(name)
    except (ImportError, OSError):  # the second: soundfile without libsndfile
        raise InputError(
            f"data.modality: {name} is not installed, which {does}; pip install 'genai-jobs[audio]'"
        ) from None


@contextmanager
def _opened(value: Any) -> Iterator[SoundFile]:
    """The door through which all that is wrong with a file becomes one DataError."""
    soundfile = _library("soundfile", "reads and writes recordings")
    try:
        if not isinstance(value, bytes):
            raise TypeError(f"{type(value).__name__} instead of a file's bytes")
        _check(value)
        with soundfile.SoundFile(io.BytesIO(value)) as file:
            yield file
    except Exception as error:  # noqa: BLE001 (on hostile bytes libsndfile may say anything)
        told = getattr(error, "error_string", None) or str(error) or type(error).__name__
        size = f" ({len(value):,} bytes)" if isinstance(value, bytes) else ""
        found = told.split("\n")[0].rstrip(".")[:200] + size
    else:
        return
    raise DataError(
        f"not a usable recording: {found}; allowed: a whole WAV, FLAC or Ogg of at most {SAMPLES:,} samples, with 1 or "
        f"2 channels and {RATES[0]:,} to {RATES[1]:,} samples a second"
    )


def _check(value: bytes) -> None:
    """What can be seen without libsndfile. Raises ValueError."""
    kind = _MAGIC.get(value[:4])
    if kind is None or (kind == "WAV" and value[8:12] != b"WAVE"):
        raise ValueError("no WAV, FLAC or Ogg" if value else "an empty file")
    if len(value) > FILE_BYTES:
        raise ValueError("too large a file")
    if (kind == "WAV" and _lacks(value)) or (kind == "Ogg" and not _ends(value)):
        raise ValueError(f"truncated, its {kind} should go on")


def _lacks(value: bytes) -> bool:
    """Whether a WAV's samples are fewer than its header says; what a pipe wrote says nothing of that."""
    at = 12
    for _ in range(CHUNKS):
        size = int.from_bytes(value[at + 4 : at + 8], "little")
        if value[at : at + 4] == b"data":
            return at + 8 + size > len(value) and size != 0xFFFFFFFF
        at += 8 + size + size % 2
    return False


def _ends(value: bytes) -> bool:
    """Whether the last page of an Ogg says that it is the last."""
    at = value.rfind(b"OggS")
    return at + 5 < len(value) and bool(value[at + 5] & 4)


def _header(file: SoundFile) -> Header:
    rate, channels, frames = file.samplerate, file.channels, file.frames
    if file.subtype not in _ENCODINGS:
        raise ValueError(f"{file.subtype} samples")
    if channels not in (1, 2) or not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"channels: {channels:,}, samples a second: {rate:,}")
    if not 0 < frames <= SAMPLES // channels:
        raise ValueError(f"channels: {channels}, samples in each: {frames:,}" if frames else "a length of zero")
    return Header(rate, channels, frames)


def _blocks(file: SoundFile) -> Iterator[np.ndarray]:
    """All samples, a block at a time: (frames, channels) int16."""
    whole = file.subtype in _WHOLE
    while len(block := file.read(_BLOCK, dtype="int16" if whole else "float32", always_2d=True)):
        if not whole:
            loudest = float(np.abs(block).max())
            if not loudest <= LOUDEST:
                raise ValueError(f"a sample of {loudest:,.1f} where full scale is 1")
            block = to_levels(block)
        yield block
