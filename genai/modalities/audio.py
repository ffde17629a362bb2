"""Recordings: WAV, FLAC or Ogg in, WAV or FLAC of 16 bits out.

Decisions: a row is so many samples of one rate and one number of channels, 16 bits each. Stereo becomes mono as the
mean of both, mono becomes stereo twice the same. Another rate is resampled by soxr at its high quality. A recording
that is longer than `seconds` is cut, a shorter one ends in silence. Where the job file names no rate and no number of
channels, the first recording settles them and others are refused; where it names no `seconds`, the longest does.

What a model sees is a picture of the spectrum (`_spectrum`), which every family of images can model, or the wave
itself, (channels, samples). Files are decoded in `_recording`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Gt, Le, doc

from genai.errors import DataError, InputError
from genai.modalities._files import OfFiles

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from genai.look import Look
    from genai.modalities._spectrum import Spectrum
    from genai.sources import Row

FASTEST, LONGEST = 192_000, 1  # samples a second; seconds of a window
SIDE = 16  # the picture's width is a multiple of it, so that families which halve sides need not pad

Rate = Annotated[int, Ge(1_000), Le(FASTEST)]
Seconds = Annotated[float, Gt(0), Le(600)]
Bands = Annotated[int, Ge(8), Le(1024)]


@dataclass(frozen=True)
class Audio(OfFiles):
    """Recordings of one length and rate."""

    rate: Annotated[Rate | None, doc("Samples a second; null: as the data has them.")] = None
    seconds: Annotated[
        Seconds | None, doc("Length of a row: longer recordings are cut, shorter end in silence; null: the longest.")
    ] = None
    channels: Annotated[Literal[1, 2] | None, doc("Mono or stereo; null: as the data is.")] = None
    file: Annotated[Literal["wav", "flac"], doc("What is published, 16 bits a sample.")] = "wav"
    representation: Annotated[
        Literal["spectrum", "waveform"], doc("What a model sees: a picture of the spectrum, or the samples.")
    ] = "spectrum"
    bands: Annotated[Bands, doc("Height of the picture: bands of the spectrum, in mel.")] = 64
    window: Annotated[float, Ge(0.002), Le(LONGEST), doc("Seconds of sound that a column of the picture looks at.")] = (
        0.032
    )
    hop: Annotated[float, Ge(0.001), Le(1), doc("Seconds from one column to the next.")] = 0.0125

    noun: ClassVar[str] = "recording"
    files: ClassVar[tuple[str, ...]] = (".wav", ".flac", ".ogg", ".oga", ".opus")
    column: ClassVar[str] = "audio"
    feature: ClassVar[str] = "Audio"
    _settled: ClassVar[str] = ""  # what was taken from the data: another row may then not differ in it

    def __post_init__(self) -> None:
        if not self.hop <= self.window / 2 <= LONGEST / 2:
            raise InputError(
                f"found a hop of {self.hop} and a window of {self.window}; allowed: a hop of at most half the window, "
                f"and a window of at most {LONGEST} s"
            )

    @property
    def suffix(self) -> str:  # type: ignore[override]  # of the instance: the job file says which
        return f".{self.file}"

    def resolve(self, value: Any) -> Self:
        from genai.modalities._recording import header

        found = header(value)
        settled = " ".join(name for name in ("rate", "channels") if getattr(self, name) is None)
        rate, channels, seconds = self.rate or found.rate, self.channels or found.channels, self.seconds
        return self._made(settled or self._settled, rate=rate, channels=channels, seconds=seconds or found.seconds)

    def settle(self, rows: Iterable[Row]) -> Self:
        """The longest recording is known when all have been seen: what their headers say."""
        if self.seconds is not None:
            return super().settle(rows)
        from genai.modalities._recording import header

        made, longest, refused = None, 0.0, None
        for row in rows:
            try:
                made, longest = made or self.resolve(row.value), max(longest, header(row.value).seconds)
            except DataError as error:
                refused = refused or DataError(f"{row.where}: {error}")
        if made is None:
            raise refused or DataError("found no row with a recording and a label; allowed: at least one")
        return made._made(made._settled, seconds=longest)  # noqa: SLF001  # one of its own

    def _made(self, settled: str, **found: Any) -> Self:
        made = replace(self, **found)
        object.__setattr__(made, "_settled", settled)
        return made

    @property
    def array_shape(self) -> tuple[int, ...]:
        assert self.rate and self.seconds and self.channels, "resolve first"
        assert 0 < self.rate <= FASTEST, f"found {self.rate:,} samples a second"
        return max(1, round(self.seconds * self.rate)), self.channels, 2

    @property
    def shape(self) -> tuple[int, ...]:
        samples, channels, _ = self.array_shape
        if self.representation == "waveform":
            return channels, samples
        _, hop = self._steps
        columns = 1 + -(-samples // hop)
        return channels, self.bands, -(-columns // SIDE) * SIDE

    @property
    def _steps(self) -> tuple[int, int]:
        """Window and hop in samples."""
        assert self.rate, "resolve first"
        hop = max(1, round(self.hop * self.rate))
        return max(2 * hop, round(self.window * self.rate)), hop

    def decode(self, value: Any) -> tuple[np.ndarray, bytes]:
        from genai.modalities._recording import recording

        samples, channels, _ = self.array_shape
        assert self.seconds, "resolve first"
        natural, rate, content = recording(value, self.seconds)
        found = self._at_rate(self._in_channels(natural), rate)[:samples]
        if "seconds" in self._settled and len(natural) != samples:
            raise DataError(f"the recording is not {samples:,} samples long; allowed here: that length")
        array = np.zeros((samples, channels), "<i2")
        array[: len(found)] = found
        return array.view(np.uint8).reshape(self.array_shape), content

    def _in_channels(self, natural: np.ndarray) -> np.ndarray:
        if natural.shape[1] == self.channels:
            return natural
        if "channels" in self._settled:
            raise DataError(
                f"the number of channels is {natural.shape[1]}, the first recording has {self.channels}; "
                "set data.modality.channels to 1 or 2"
            )
        if self.channels == 2:
            return np.repeat(natural, 2, axis=1)
        return np.rint(natural.mean(axis=1, keepdims=True)).astype(np.int16)

    def _at_rate(self, found: np.ndarray, rate: int) -> np.ndarray:
        if rate == self.rate:
            return found
        if "rate" in self._settled:
            raise DataError(
                f"the recording has {rate:,} samples a second, the first one has {self.rate:,}; "
                f"set data.modality.rate, for instance to {self.rate}, and all are resampled"
            )
        from genai.modalities._recording import resampled

        assert self.rate, "resolve first"
        return resampled(found, rate, self.rate)

    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        import torch

        from genai.modalities._recording import FULL

        x = torch.from_numpy(_levels(arrays).transpose(0, 2, 1).astype(np.float32, order="C")).div_(FULL)
        return x if self.representation == "waveform" else self._spectrum.pictures(x)

    def from_tensor(self, x: Tensor) -> np.ndarray:
        from genai.modalities._recording import to_levels

        x = x.detach().float().cpu()
        if self.representation == "spectrum":
            x = self._spectrum.sounds(x, self.array_shape[0])
        levels = np.ascontiguousarray(to_levels(x.numpy()).transpose(0, 2, 1), "<i2")
        return levels.view(np.uint8).reshape(-1, *self.array_shape)

    @property
    def _spectrum(self) -> Spectrum:
        from genai.modalities._spectrum import spectrum

        assert self.rate, "resolve first"
        return spectrum(self.rate, *self.shape[1:], *self._steps)

    def cells(self, arrays: np.ndarray) -> list[bytes]:
        from genai.modalities._recording import written

        assert self.rate, "resolve first"
        return [written(levels, self.rate, self.file) for levels in _levels(arrays)]

    def looks(self, arrays: np.ndarray) -> list[Look]:
        from genai.look import Look
        from genai.modalities._spectrogram import drawn

        assert self.rate, "resolve first"
        pictures = drawn(_levels(arrays), self.rate)
        kind = f"audio/{self.file}"
        return [Look(png=p, sound=s, sound_type=kind) for p, s in zip(pictures, self.cells(arrays), strict=True)]

    def columns(self, arrays: np.ndarray, names: list[str]) -> dict[str, tuple[pa.Array, dict[str, Any]]]:
        ((column, feature),) = super().columns(arrays, names).values()
        return {self.column: (column, {**feature, "sampling_rate": self.rate})}

    def strict(self) -> Self:
        return self._made("rate seconds channels")


def _levels(arrays: np.ndarray) -> np.ndarray:
    """(rows, samples, channels, 2) bytes as (rows, samples, channels) of 16 bits."""
    return np.ascontiguousarray(arrays).view("<i2")[..., 0]
