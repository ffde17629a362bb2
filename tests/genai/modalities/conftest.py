"""A resolved modality of each kind with values of it; a new kind joins `MAKERS` and inherits the suite."""

import io
import wave
from dataclasses import dataclass

import numpy as np
import pytest

from genai.modalities import Modality
from genai.modalities.audio import Audio
from genai.modalities.image import Image


@dataclass(frozen=True)
class Case:
    modality: Modality
    values: list  # source values that the modality can decode, all different
    exact: bool = True  # whether a tensor has all of its array


def _images(mode: str, channels: int) -> Case:
    values = list(np.random.default_rng(0).integers(0, 256, (5, 6, 7, channels), dtype=np.uint8))
    return Case(Image(size=(6, 7), mode=mode).resolve(values[0]), values)


def _recordings(channels: int, **fields) -> Case:
    """WAVs of a tenth of a second, as the standard library writes them."""
    rng, values = np.random.default_rng(0), []
    for level in (300, 3000, 9000, 30000):
        sink = io.BytesIO()
        with wave.open(sink, "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(4000)
            file.writeframes(rng.integers(-level, level, (400, channels), np.int16).tobytes())
        values.append(sink.getvalue())
    audio = Audio(seconds=0.1, bands=16, **fields).resolve(values[0])
    return Case(audio, values, exact=audio.representation == "waveform")


MAKERS = {
    "audio": [
        lambda: _recordings(1, representation="waveform"),
        lambda: _recordings(2, representation="waveform", file="flac"),
        lambda: _recordings(1),
        lambda: _recordings(2),
    ],
    "image": [lambda: _images("L", 1), lambda: _images("RGB", 3)],
}


@pytest.fixture(params=[(kind, i) for kind, makers in MAKERS.items() for i in range(len(makers))], ids=str)
def case(request):
    kind, number = request.param
    return MAKERS[kind][number]()


@pytest.fixture
def kinds():
    return set(MAKERS)
