"""How a person takes in what was made: a row, and two datasets beside each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """One row: a picture (PNG), words, or a sound (a file that browsers play) or a clip with its picture."""

    png: bytes = b""
    words: str = ""
    sound: bytes = b""
    sound_type: str = "audio/wav"
    motion: bytes = b""  # an animated WebP


@dataclass(frozen=True)
class Figure:
    """A picture (PNG) of all rows, such as the histograms of a column, real beside synthetic."""

    title: str
    png: bytes
