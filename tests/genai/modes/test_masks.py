"""Holes: where they are, how large, and that they are each row's own."""

import pytest
import torch

from genai.modes._masks import HALVES, drawn
from genai.noise import IndexNoise

CPU = torch.device("cpu")


def holes(kind, area=0.25, size=(20, 30), rows=200):
    return drawn(kind, area, IndexNoise(0, range(rows)), size, CPU)


WHERE = {
    "left": (..., slice(15)),
    "right": (..., slice(15, 30)),
    "top": (slice(10), slice(None)),
    "bottom": (slice(10, 20), slice(None)),
}


@pytest.mark.parametrize("kind", HALVES)
def test_a_half_is_that_half(kind):
    """Of 20 x 30 pixels."""
    expected = torch.zeros(20, 30, dtype=torch.bool)
    expected[WHERE[kind]] = True

    assert (holes(kind)[:, 0] == expected).all()


def test_half_is_one_of_the_four():
    """Each about as often."""
    found = holes("half")
    counts = [int((found == holes(kind, rows=1)).all((1, 2, 3)).sum()) for kind in HALVES]

    assert sum(counts) == 200
    assert min(counts) > 30


@pytest.mark.parametrize("kind", ["box", "brush"])
@pytest.mark.parametrize("area", [0.1, 0.25, 0.6])
def test_boxes_and_strokes_are_of_the_area_asked_for(kind, area):
    """On average, to a tenth of it; and no two rows have the same."""
    found = holes(kind, area)

    assert found.shape == (200, 1, 20, 30)
    assert found.float().mean().item() == pytest.approx(area, rel=0.1)
    assert len({hole.numpy().tobytes() for hole in found}) > 100


def test_a_whole_picture_can_be_the_hole():
    """With an area of 1 nothing is known."""
    assert holes("box", 1.0).all()
    assert holes("brush", 1.0).all()


def test_a_hole_is_the_rows_own():
    """Whatever stands beside it."""
    alone = drawn("brush", 0.25, IndexNoise(0, [7]), (20, 30), CPU)

    assert torch.equal(holes("brush")[7], alone[0])
