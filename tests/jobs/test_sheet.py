"""Contact sheets, read back by others: by Pillow, and as a page."""

import base64
import io
import re

import numpy as np
import PIL.Image
import pytest

from genai import png
from genai.errors import InputError
from genai.look import Look
from jobs import sheet
from jobs.show import Gathered, Shown

RED, BLUE = (200, 0, 0), (0, 0, 200)


def gathered(*rows, side=8):
    """Rows of pictures, each of one colour."""
    looks = {
        colour: Look(png.encode(np.full((1, side, side, len(colour)), colour, np.uint8))[0])
        for colour in {colour for _, colours in rows for colour in colours}
    }
    return Gathered(
        "run-1", {name: [Shown(i, name, looks[c]) for i, c in enumerate(colours)] for name, colours in rows}
    )


def test_a_sheet_has_each_sample_at_its_place():
    """A class in a row, ten beside each other, grown by whole factors."""
    made = PIL.Image.open(io.BytesIO(sheet.png(gathered(("a", [RED] * 12), ("b", [BLUE])))))
    left = sheet.MARGIN + sheet.CHARACTER + 8
    top, step = sheet.MARGIN + sheet.HEAD, sheet.CELL + sheet.GAP

    assert (made.format, made.mode) == ("PNG", "RGB")
    assert {made.getpixel((left + 9 * step + x, top + y)) for x in (0, 55) for y in (0, 55)} == {RED}
    assert made.getpixel((left + step, top + step)) == RED  # the twelfth, in the second line
    assert made.getpixel((left + 2 * step, top + step)) == sheet.PAPER
    assert made.getpixel((left + 20, top + 2 * step + 4 * sheet.GAP + 20)) == BLUE
    assert made.getpixel((left + step + 20, top + 2 * step + 4 * sheet.GAP + 20)) == sheet.PAPER


def test_equal_samples_make_equal_sheets():
    """There is no date on it."""
    assert sheet.png(gathered(("a", [RED]))) == sheet.png(gathered(("a", [RED])))


def test_large_pictures_shrink_and_a_sheet_is_bounded():
    """One that nobody could open is refused."""
    assert PIL.Image.open(io.BytesIO(sheet.png(gathered(("", [RED]), side=2000)))).width < 600
    with pytest.raises(InputError, match=r"a sheet of .* pixels; allowed: fewer"):
        sheet.png(gathered(*((str(k), [RED] * 100) for k in range(30)), side=300))


def test_names_are_no_markup_of_a_page():
    """They are told as they are."""
    assert "<script>" not in sheet.page(gathered(("<script>x</script>", [RED])), "genai show x")


def test_a_page_has_the_samples_in_itself():
    """As PNGs with the pixels that they have."""
    html = sheet.page(gathered(("a", [RED, BLUE])), "genai show x --page")
    found = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', html)]

    assert [PIL.Image.open(io.BytesIO(data)).getpixel((3, 3)) for data in found] == [RED, BLUE]
    assert "http" not in re.sub(r"http-equiv", "", html)


def test_words_are_written_on_the_sheet():
    """Wrapped, four beside each other, and cut where they are long."""
    words = [Shown(i, "", Look(words="To be, or not to be: " * 40)) for i in range(5)]
    made = PIL.Image.open(io.BytesIO(sheet.png(Gathered("run-1", {"": words}))))
    assert made.width == 2 * sheet.MARGIN + 4 * (256 + sheet.GAP)
    assert made.convert("L").getextrema() == (30, 252)
    assert "To be, or not to be" in sheet.page(Gathered("run-1", {"": words}), "genai show")
