"""Samples as characters of a terminal: one is two pixels, the upper half block in two colours.

rich, which draws the progress of a run, knows how many colours a terminal takes, and brings ours down to them; so no
further library is needed. Where it takes none, the brightness is told by a character.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from jobs.sheet import title
from jobs.show import Gathered, Shown

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

CELL, TALLEST, WIDEST = 16, 64, 4  # columns and pixels of a picture, at most; one that is wide takes up to four cells
SHADES = " .:-=+*#%@"


def show(gathered: Gathered, console: Console | None = None) -> None:
    """Print the samples: of each class as many pictures as a line takes, of one class all."""
    console = console or Console(soft_wrap=True)
    rows = gathered.rows
    if len(rows) > 1:
        rows = {name: row[: _fits(row, console.width)] if _drawn(row) else row for name, row in rows.items()}
    console.print(title(gathered.name, sum(map(len, rows.values()))), markup=False, highlight=False)
    for name, row in rows.items():
        if name:
            console.print(name, markup=False, highlight=False, style="bold")
        if not _drawn(row):
            for shown in row:
                console.print(_printable(shown.look.words), markup=False, highlight=False)
            continue
        fits, pictures = _fits(row, console.width), [_small(shown.pixels) for shown in row]
        for start in range(0, len(pictures), fits):
            for line in _lines(pictures[start : start + fits], colour=console.color_system is not None):
                console.print(line, no_wrap=True, crop=True)


def _drawn(row: list[Shown]) -> bool:
    """Whether they are pictures, and not words alone."""
    return any(shown.look.png for shown in row)


def _fits(row: list[Shown], columns: int) -> int:
    """How many pictures a line takes."""
    return max(1, (columns + 1) // (max(_columns(*shown.pixels.shape[:2]) for shown in row) + 1))


def _columns(height: int, width: int) -> int:
    """Of a picture."""
    return min(width, CELL * max(1, min(WIDEST, width // height)))


def _printable(words: str) -> str:
    """What a model wrote may move a cursor."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in words)


def _small(pixels: np.ndarray) -> Image:
    """A picture of at most `CELL` columns and an even number of lines."""
    from PIL.Image import Resampling

    from genai.modalities._pixels import to_picture

    picture = to_picture(pixels)
    wide = _columns(picture.height, picture.width)
    tall = max(2, min(TALLEST, round(picture.height * wide / picture.width / 2) * 2))
    return picture.resize((wide, tall), Resampling.BOX).convert("RGB")


def _lines(pictures: list[Image], *, colour: bool) -> Iterator[Text]:
    """The lines of some pictures side by side, two of their pixels in a character."""
    import numpy as np

    arrays = [np.asarray(picture).tolist() for picture in pictures]
    for y in range(0, max(map(len, arrays)), 2):
        line = Text()
        for array in arrays:
            for upper, lower in zip(*array[y : y + 2], strict=True) if y < len(array) else ():
                line.append(*(_halves(upper, lower) if colour else (_shade(upper + lower),)))
            line.append(" ")
        yield line


def _halves(upper: list[int], lower: list[int]) -> tuple[str, str]:
    """The character of two pixels, and its style."""
    return "▀", f"rgb({','.join(map(str, upper))}) on rgb({','.join(map(str, lower))})"


def _shade(values: list[int]) -> str:
    return SHADES[sum(values) * len(SHADES) // (len(values) * 256)]
