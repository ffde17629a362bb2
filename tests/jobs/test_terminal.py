"""Samples as a terminal shows them: in colours where it takes them, in shades where it does not."""

import io

import numpy as np
from rich.console import Console

from genai import png
from genai.look import Look
from jobs import terminal
from jobs.show import Gathered, Shown
from tests.jobs.test_sheet import BLUE, RED, gathered


def printed(samples, width=40, **how):
    out = io.StringIO()
    terminal.show(samples, Console(file=out, width=width, **how))
    return out.getvalue()


def test_a_terminal_with_colours_gets_two_pixels_in_a_character():
    """The upper in the colour of the letter, the lower in that of its ground."""
    pixels = np.array([[RED], [BLUE]], np.uint8)
    text = printed(
        Gathered("x", {"": [Shown(0, "", Look(png.encode(pixels[None])[0]))]}),
        color_system="truecolor",
        force_terminal=True,
    )

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
    assert [printed(each, color_system=None).splitlines()[0].partition(": ")[2] for each in (one, two)] == [
        "20 samples, synthetic", "8 samples, synthetic",
    ]  # fmt: skip


def test_names_are_no_commands_for_a_terminal():
    """They are no markup of rich."""
    samples = gathered(("[red]<x>[/]", [RED]))

    assert "[red]<x>[/]" in printed(samples, color_system="truecolor", force_terminal=True)


def test_words_are_printed_and_move_no_cursor():
    """A line each; what a model wrote is only shown."""
    text = printed(Gathered("x", {"": [Shown(0, "", Look(words="anna\x1b[2J")), Shown(1, "", Look(words="bob"))]}))
    assert text.splitlines()[1:] == ["anna\N{REPLACEMENT CHARACTER}[2J", "bob"]
