"""Contact sheets, read back by others: Pillow, a terminal's characters, a page."""

import base64
import io
import re

import numpy as np
import PIL.Image
import pytest
from rich.console import Console

from genai.errors import InputError
from jobs import sheet
from jobs.show import Gathered, Shown

RED, BLUE = (200, 0, 0), (0, 0, 200)


def gathered(*rows, side=8):
    """Rows of pictures, each of one colour."""
    made = {}
    for name, colours in rows:
        pixels = [np.full((side, side, len(colour)), colour, np.uint8) for colour in colours]
        made[name] = [Shown(i, name, array) for i, array in enumerate(pixels)]
    return Gathered("run-1", made)


def printed(samples, width=40, **how):
    out = io.StringIO()
    sheet.terminal(samples, Console(file=out, width=width, **how))
    return out.getvalue()


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


def test_a_terminal_with_colours_gets_two_pixels_in_a_character():
    """The upper in the colour of the letter, the lower in that of its ground."""
    pixels = np.array([[RED], [BLUE]], np.uint8)
    text = printed(Gathered("x", {"": [Shown(0, "", pixels)]}), color_system="truecolor", force_terminal=True)

    assert "\x1b[38;2;200;0;0;48;2;0;0;200m▀" in text


def test_a_terminal_without_colours_gets_shades():
    """Neither an escape nor a colour; as many samples as a line takes."""
    text = printed(gathered(("dark", [(0,)] * 20), ("light", [(255,)] * 20)), color_system=None)
    lines = text.splitlines()

    assert "\x1b" not in text
    assert max(map(len, lines)) <= 40
    assert (lines[1], lines[6], "".join(lines[2:6]).strip()) == ("dark", "light", "")
    assert lines[7] == ("@" * 8 + " ") * 4


def test_one_class_takes_as_many_lines_as_it_has_samples():
    """Of several, each takes one."""
    one, two = gathered(("a", [(255,)] * 20)), gathered(("a", [(255,)] * 20), ("b", [(255,)] * 20))

    assert printed(one, color_system=None).count("@") == 20 * 8 * 4
    assert printed(two, color_system=None).count("@") == 2 * 4 * 8 * 4


def test_names_are_no_commands_for_a_terminal_or_a_page():
    """Neither markup of rich nor HTML."""
    name = "[red]<script>x</script>"
    samples = gathered((name, [RED]))

    assert name in printed(samples, color_system="truecolor", force_terminal=True).replace("\x1b[1m", "")
    assert "<script>" not in sheet.page(samples, "genai show x")


def test_a_page_has_the_samples_in_itself():
    """As PNGs with the pixels that they have."""
    html = sheet.page(gathered(("a", [RED, BLUE])), "genai show x --page")
    found = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', html)]

    assert [PIL.Image.open(io.BytesIO(data)).getpixel((3, 3)) for data in found] == [RED, BLUE]
    assert "http" not in re.sub(r"http-equiv", "", html)
