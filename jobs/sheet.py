"""A contact sheet: samples laid out by class, as a PNG or as a page; `jobs.terminal` has one for a terminal.

Decisions: small pictures grow by whole factors, so that a pixel stays a square; large ones shrink. The sheet follows
from the samples alone: the font is the one that Pillow carries, and there is no date on it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from genai.errors import InputError
from jobs.show import Gathered, Shown

if TYPE_CHECKING:
    from PIL.Image import Image

CELL, LARGEST = 56, 256  # pixels that a picture's width is to have at least, and at most
GAP, MARGIN, COLUMNS, WORDS = 2, 16, 10, 4
HEAD, NAME, CHARACTER = 26, 15, 8  # heights of the two sizes of text, and about how wide one letter of a name is
PIXELS = 1 << 26  # of a sheet
PAPER, INK, QUIET = (252, 252, 250), (28, 29, 32), (99, 102, 109)


def png(gathered: Gathered) -> bytes:
    """The sheet as a PNG. Raises InputError where it would be too large to open."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    wide, gutter, size = _measured(gathered)
    sheet = PIL.Image.new("RGB", size, PAPER)
    pen, font = PIL.ImageDraw.Draw(sheet), PIL.ImageFont.load_default(NAME)
    pen.text((MARGIN, MARGIN - 6), title(gathered.name, sum(map(len, gathered.rows.values()))), QUIET, font)
    top = MARGIN + HEAD
    for name, row in gathered.rows.items():
        pen.text((MARGIN, top + 2), name[:24], INK, font)
        tall = _tallest(row)
        for number, shown in enumerate(row):
            line, column = divmod(number, _columns(gathered))
            place = MARGIN + gutter + column * (wide + GAP), top + line * (tall + GAP)
            sheet.paste(_scaled(shown), place)
        top += _height(row, _columns(gathered))
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def _measured(gathered: Gathered) -> tuple[int, int, tuple[int, int]]:
    """Width of a cell, width of the names, and the size of the whole. Raises InputError where that is too large."""
    rows = gathered.rows.values()
    wide = max(_fitted(shown)[0] for row in rows for shown in row)
    gutter = min(200, CHARACTER * max(map(len, gathered.rows)) + 8) if any(gathered.rows) else 0
    columns = min(_columns(gathered), max(map(len, rows)))
    tall = sum(_height(row, columns) for row in rows)
    size = (max(480, 2 * MARGIN + gutter + columns * (wide + GAP)), 2 * MARGIN + HEAD + tall)
    if size[0] * size[1] > PIXELS:
        raise InputError(
            f"{gathered.name}: a sheet of {size[0]:,}x{size[1]:,} pixels; allowed: fewer (--count, --label)"
        )
    return wide, gutter, size


def _fitted(shown: Shown) -> tuple[int, int]:
    """Width and height of a picture on the sheet."""
    wide, tall = shown.size
    if wide < CELL and tall < LARGEST:
        factor = max(1, min(-(-CELL // wide), LARGEST // tall))
        return wide * factor, tall * factor
    shrink = min(1.0, LARGEST / max(wide, tall))
    return max(1, round(wide * shrink)), max(1, round(tall * shrink))


def title(name: str, count: int) -> str:
    """What stands above so many samples."""
    return f"{name}: {count:,} samples, synthetic"


def page(gathered: Gathered, command: str) -> str:
    """The samples on a page of their own, as HTML."""
    from jobs.report import Exhibit, Grid, GridRow, Page, render

    rows = [GridRow(name, tuple(Exhibit(s.look, s.index) for s in row)) for name, row in gathered.rows.items()]
    count = sum(map(len, gathered.rows.values()))
    grid = Grid("Samples", tuple(rows))
    return render(
        Page(
            title=gathered.name, job="", command=command, created="",
            sentence=f"{count:,} published samples, by class.", grids=(grid,),
        )
    )  # fmt: skip


def _tallest(row: list[Shown]) -> int:
    return max(_fitted(shown)[1] for shown in row)


def _height(row: list[Shown], columns: int) -> int:
    return -(-len(row) // columns) * (_tallest(row) + GAP) + 4 * GAP


def _columns(gathered: Gathered) -> int:
    """As many words as are read side by side, or ten pictures."""
    return COLUMNS if any(shown.look.png for row in gathered.rows.values() for shown in row) else WORDS


def _scaled(shown: Shown) -> Image:
    """A picture in the size of the sheet's cells."""
    from PIL.Image import Resampling

    from genai.modalities._pixels import to_picture

    size = _fitted(shown)
    grown = size[0] > shown.pixels.shape[1]
    return to_picture(shown.pixels).resize(size, Resampling.NEAREST if grown else Resampling.LANCZOS)
