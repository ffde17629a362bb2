"""A resolved modality of each kind with values of it; a new kind joins `MAKERS` and inherits the suite."""

import io
import wave
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from genai import png
from genai.modalities import Modality
from genai.modalities.audio import Audio
from genai.modalities.captioned import Captioned
from genai.modalities.image import Image
from genai.modalities.table import Table
from genai.modalities.text import Text
from genai.modalities.video import Video
from genai.sources import Row


@dataclass(frozen=True)
class Case:
    modality: Modality
    values: list  # source values that the modality can decode, all different
    exact: bool = True  # whether a tensor has all of its array


def _images(mode: str, channels: int) -> Case:
    values = list(np.random.default_rng(0).integers(0, 256, (5, 6, 7, channels), dtype=np.uint8))
    if channels == 4:
        values[0][2:4, :, 3] = 0  # not seen, with colours
    return Case(Image(size=(6, 7), mode=mode).resolve(values[0]), values)


def _texts(symbols: str) -> Case:
    values = ["Ada", b"\xc3\x89mile", "李", "a\r\nb\t\x7f ", "\ufeff\ufffd?"]
    rows = [Row(value, None, "") for value in [*values, "another other"] if len(value) < 10 or symbols == "bpe"]
    return Case(Text(length=13, symbols=symbols, vocabulary=270).settle(rows), values)


def _table() -> Case:
    """Every kind of column, with and without what is missing."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    values = [
        {
            "price": n * 1.25 - 3, "zeros": max(0, n - 6), "seats": n if n % 4 else None, "plan": f"p{n % 3}",
            "city": ("Ulm", None)[n % 2], "open": n % 3 == 0, "paid": (True, None, False)[n % 3],
            "born": date(1990, 1, 1) + timedelta(days=n), "seen": start + timedelta(minutes=n),
        }
        for n in range(9)
    ]  # fmt: skip
    return Case(Table().settle([Row(value, None, f"row {n}") for n, value in enumerate(values)]), values)


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


def _captioned() -> Case:
    """Pictures, each with a text."""
    images = _images("L", 1)
    said = ["a cat", "ein Käfer, grün", "猫", "x" * 20, "two  words "]
    made = Captioned(of=images.modality, length=20)
    return Case(made, list(zip(images.values, said, strict=True)), exact=False)


def _clips(mode: str, channels: int) -> Case:
    """Lists of PNGs of three frames."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 6, 7, channels), dtype=np.uint8)
    pixels[0, 1] = pixels[0, 0]  # nothing moves
    pixels[1, :, 2:4, :, -1] = 0  # with alpha: not seen
    values = [png.encode(frames) for frames in pixels]
    return Case(Video(mode=mode).resolve(values[0]), values)


MAKERS = {
    "audio": [
        lambda: _recordings(1, representation="waveform"),
        lambda: _recordings(2, representation="waveform", file="flac"),
        lambda: _recordings(1),
        lambda: _recordings(2),
    ],
    "captioned": [_captioned],
    "image": [lambda: _images("L", 1), lambda: _images("RGB", 3), lambda: _images("RGBA", 4)],
    "table": [_table],
    "text": [lambda: _texts("bytes"), lambda: _texts("characters"), lambda: _texts("bpe")],
    "video": [lambda: _clips("L", 1), lambda: _clips("RGB", 3), lambda: _clips("RGBA", 4)],
}


@pytest.fixture(params=[(kind, i) for kind, makers in MAKERS.items() for i in range(len(makers))], ids=str)
def case(request):
    kind, number = request.param
    return MAKERS[kind][number]()


@pytest.fixture
def kinds():
    return set(MAKERS)
