"""What each mode makes of rows, which it takes, and what a family has to be able to do."""

from dataclasses import replace

import numpy as np
import pytest

from genai import modes
from genai.checkpoint import Checkpoint
from genai.errors import InputError
from genai.families.flow import Flow, Solver
from genai.families.gpt import Gpt
from genai.families.vae import Vae
from genai.generate import Generator
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.modes import Mode, check
from genai.modes.denoise import Denoise
from genai.modes.enlarge import Enlarge
from genai.modes.inpaint import Inpaint
from genai.modes.interpolate import Interpolate
from genai.modes.translate import Translate
from genai.modes.variation import Variation
from genai.registry import find, names
from genai.testing.originals import editing
from genai.train import initial

MODES = [find(modes, name, Mode) for name in names(modes)]
PICTURE, CLASSES = Image((8, 8), "L"), ("a", "b", "c")
FAMILY = Flow(widths=(8, 16), depth=1)
WEIGHTS = initial(FAMILY, PICTURE.space, 3, 0).state_dict()
WEIGHTS |= {name: 0 * WEIGHTS[name] for name in ("out.weight", "out.bias")}
CHECKPOINT = Checkpoint(FAMILY, PICTURE, CLASSES, WEIGHTS, {})  # its velocity is zero everywhere
ROWS = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 1), np.uint8)
LABELS = np.arange(10) % 3


def generator(mode, rows=ROWS, turns=1, steps=3):
    source = editing(mode, replace(PICTURE, size=rows.shape[1:3]), CLASSES, rows, LABELS, turns)
    return Generator(CHECKPOINT, 1, 16, Solver(steps=steps), editing=source)


def drawn(mode, count=10, **how):
    """Samples 0 to `count`, each of its row's class."""
    made = generator(mode, **how)
    return made.draw(range(count), made.editing.labels(range(count)))


@pytest.mark.parametrize("mask", ["half", "box", "brush"])
def test_what_is_known_stays_to_the_last_bit(mask):
    """And what is not is made anew, in each row."""
    made = drawn(Inpaint(mask, area=0.3))
    share = (made != ROWS).mean((1, 2, 3))

    assert share.min() > 0.05
    assert share.max() <= {"half": 0.5, "box": 0.5, "brush": 0.31}[mask]


def test_a_small_strength_changes_little_and_a_great_one_all():
    """The mean distance grows with it."""
    far = [np.abs(drawn(Variation(strength)).astype(int) - ROWS).mean() for strength in (0.01, 0.2, 1.0)]

    assert far[0] < 3
    assert far == sorted(far)


def test_a_translation_goes_to_each_class_in_turn():
    """Of each row one sample a class; with a velocity that heeds none the row comes back."""
    made = generator(Translate(), turns=3)
    samples = made.draw(range(6), [0, 1, 2, 0, 1, 2])

    assert made.editing.numbers(range(6)).tolist() == [[0], [0], [0], [1], [1], [1]]
    np.testing.assert_array_equal(samples, ROWS[[0, 0, 0, 1, 1, 1]])


def test_between_two_rows_lie_even_steps():
    """Each of the class of the nearer end, the first where neither is; the last row's neighbour is the first."""
    made = generator(Interpolate(steps=3))

    assert made.editing.numbers([0, 2, 3, 29]).tolist() == [[0, 1], [0, 1], [1, 2], [9, 0]]
    assert made.editing.labels(range(6)).tolist() == [0, 0, 1, 1, 1, 2]
    near, middle, far = (np.abs(made.draw([i], [0])[0].astype(int) - ROWS[0]).mean() for i in (0, 1, 2))
    assert near < middle < far


def test_a_larger_picture_has_the_pixels_of_the_small_one():
    """Averaged over its squares, but for rounding."""
    small = ROWS[:, ::2, ::2] // 2 + 64  # so that nothing is clipped
    made = drawn(Enlarge(mean_of=3), rows=small, steps=4)
    means = made.reshape(10, 4, 2, 4, 2).mean((2, 4))

    assert made.shape == (10, 8, 8, 1)
    assert np.abs(means - small[..., 0]).max() <= 1


def test_noise_of_no_velocity_only_dims():
    """(x + noise) t, where the network adds nothing."""
    made = drawn(Denoise(0.5)).astype(float) / 127.5 - 1

    np.testing.assert_allclose(made, (ROWS / 127.5 - 1) / 2, atol=0.01)


@pytest.mark.parametrize("kind", MODES)
def test_rows_begin_anew_after_the_last(kind):
    """Sample 10 is drawn from the same as sample 0; with other noise."""
    numbers = editing(kind(), PICTURE, CLASSES, ROWS, LABELS).numbers

    np.testing.assert_array_equal(numbers([10]), numbers([0]))


@pytest.mark.parametrize("kind", [Inpaint, Denoise, Enlarge])
def test_texts_are_no_pictures(kind):
    """Said with what they are."""
    with pytest.raises(InputError, match=r"found \w+ for texts; allowed: rows that are pictures"):
        kind().reads(Text(length=12))


def test_a_side_that_the_factor_does_not_divide_is_refused():
    """With the sides."""
    with pytest.raises(InputError, match=r"found factor 3 for images of 8 x 8; allowed: one that divides their sides"):
        Enlarge(3).reads(PICTURE)


def test_a_mode_that_a_family_cannot_do_names_those_that_it_can():
    """None where there is none."""
    with pytest.raises(
        InputError, match="found inpaint, which vae cannot do; allowed: interpolate, translate, variation"
    ):
        check(Inpaint(), Vae, MODES)
    with pytest.raises(InputError, match="found variation, which gpt cannot do; allowed: no mode: leave it out"):
        check(Variation(), Gpt, MODES)
    check(Inpaint(), Flow, MODES)
