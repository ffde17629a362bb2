"""A contact sheet: samples laid out by class, as a PNG, as lines for a terminal, or as a page.

Decisions: small pictures grow by whole factors, so that a pixel stays a square; large ones shrink. The sheet follows
from the samples alone: the font is the one that Pillow carries, and there is no date on it. In the terminal one
character is two pixels, the upper half block in two colours; rich knows how many colours a terminal takes. Where it
takes none the brightness is told by a character.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genai.errors import InputError
from jobs.show import Gathered, Shown

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from rich.console import Console
    from rich.text import Text

CELL, LARGEST = 56, 256  # pixels that a picture's width is to have at least, and at most
GAP, MARGIN, COLUMNS = 2, 16, 10
HEAD, NAME, CHARACTER = 26, 15, 8  # heights of the two sizes of text, and about how wide one letter of a name is
PIXELS = 1 << 26  # of a sheet
PAPER, INK, QUIET = (252, 252, 250), (28, 29, 32), (99, 102, 109)
TERMINAL_CELL = 16  # columns of a picture in a terminal
SHADES = " .:-=+*#%@"


def png(gathered: Gathered) -> bytes:
    """The sheet as a PNG. Raises InputError where it would be too large to open."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    wide, gutter, size = _measured(gathered)
    sheet = PIL.Image.new("RGB", size, PAPER)
    pen, font = PIL.ImageDraw.Draw(sheet), PIL.ImageFont.load_default(NAME)
    pen.text((MARGIN, MARGIN - 6), title(gathered), QUIET, font)
    top = MARGIN + HEAD
    for name, row in gathered.rows.items():
        pen.text((MARGIN, top + 2), name[:24], INK, font)
        for number, shown in enumerate(row):
            line, column = divmod(number, COLUMNS)
            place = MARGIN + gutter + column * (wide + GAP), top + line * (_tallest(row) + GAP)
            sheet.paste(_scaled(shown), place)
        top += _height(row)
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def _measured(gathered: Gathered) -> tuple[int, int, tuple[int, int]]:
    """Width of a cell, width of the names, and the size of the whole. Raises InputError where that is too large."""
    rows = gathered.rows.values()
    wide = max(_fitted(shown)[0] for row in rows for shown in row)
    gutter = min(200, CHARACTER * max(map(len, gathered.rows)) + 8) if any(gathered.rows) else 0
    columns = min(COLUMNS, max(map(len, rows)))
    size = (max(480, 2 * MARGIN + gutter + columns * (wide + GAP)), 2 * MARGIN + HEAD + sum(map(_height, rows)))
    if size[0] * size[1] > PIXELS:
        raise InputError(
            f"{gathered.name}: a sheet of {size[0]:,}x{size[1]:,} pixels; allowed: fewer (--count, --label)"
        )
    return wide, gutter, size


def _fitted(shown: Shown) -> tuple[int, int]:
    """Width and height of a picture on the sheet."""
    tall, wide = shown.pixels.shape[:2]
    if wide < CELL and tall < LARGEST:
        factor = max(1, min(-(-CELL // wide), LARGEST // tall))
        return wide * factor, tall * factor
    shrink = min(1.0, LARGEST / max(wide, tall))
    return max(1, round(wide * shrink)), max(1, round(tall * shrink))


def title(gathered: Gathered) -> str:
    """What stands above the samples."""
    count = sum(map(len, gathered.rows.values()))
    return f"{gathered.name}: {count:,} samples, synthetic"


def terminal(gathered: Gathered, console: Console) -> None:
    """Print the samples: of each class as many as a line takes, of one class all."""
    console.print(title(gathered), markup=False, highlight=False)
    for name, row in gathered.rows.items():
        pictures = [_small(shown.pixels) for shown in row]
        fits = max(1, (console.width + 1) // (max(p.width for p in pictures) + 1))
        if name:
            console.print(name, markup=False, highlight=False, style="bold")
        for start in range(0, len(pictures) if len(gathered.rows) == 1 else 1, fits):
            for line in _lines(pictures[start : start + fits], colour=console.color_system is not None):
                console.print(line, no_wrap=True, crop=True)


def page(gathered: Gathered, command: str) -> str:
    """The samples on a page of their own, as HTML."""
    from jobs.report import Grid, GridRow, Page, Picture, render

    rows = [GridRow(name, tuple(Picture(_file(s), s.index) for s in row)) for name, row in gathered.rows.items()]
    count = sum(map(len, gathered.rows.values()))
    grid = Grid("Samples", tuple(rows))
    return render(
        Page(
            title=gathered.name, job=gathered.name, command=command, created="",
            sentence=f"{count:,} published samples, by class.", grids=(grid,),
        )
    )  # fmt: skip


def _file(shown: Shown) -> bytes:
    from genai import png as encoder

    return encoder.encode(shown.pixels[None])[0]


def _tallest(row: list[Shown]) -> int:
    return max(_fitted(shown)[1] for shown in row)


def _height(row: list[Shown]) -> int:
    return -(-len(row) // COLUMNS) * (_tallest(row) + GAP) + 4 * GAP


def _scaled(shown: Shown) -> Image:
    """A picture in the size of the sheet's cells."""
    from PIL.Image import Resampling

    from genai.modalities._pixels import to_picture

    size = _fitted(shown)
    grown = size[0] > shown.pixels.shape[1]
    return to_picture(shown.pixels).resize(size, Resampling.NEAREST if grown else Resampling.LANCZOS)


def _small(pixels: np.ndarray) -> Image:
    """A picture of at most `TERMINAL_CELL` columns and an even number of lines."""
    from PIL.Image import Resampling

    from genai.modalities._pixels import to_picture

    picture = to_picture(pixels)
    wide = min(picture.width, TERMINAL_CELL)
    tall = max(2, min(64, round(picture.height * wide / picture.width / 2) * 2))
    return picture.resize((wide, tall), Resampling.BOX).convert("RGB")


def _lines(pictures: list[Image], *, colour: bool) -> Iterator[Text]:
    """The lines of some pictures side by side, two of their pixels in a character."""
    import numpy as np
    from rich.text import Text

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
