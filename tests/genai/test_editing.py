"""Rows to draw from: which, in what order, and that few of them are fetched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genai.editing import Editing
from genai.modalities.image import Image
from genai.modes.interpolate import Interpolate
from genai.modes.translate import Translate
from genai.modes.variation import Variation
from genai.testing.originals import editing

ROWS = np.arange(5000, dtype="<u4").view(np.uint8).reshape(5000, 2, 2, 1)
LABELS = np.arange(5000) % 2
SOURCE = editing(Variation(), Image((2, 2), "L"), ("a", "b"), ROWS, LABELS)


@given(st.lists(st.integers(0, 4999), min_size=1, max_size=40))
def test_rows_come_as_they_are_asked_for(numbers):
    """In any order, twice if asked for twice."""
    arrays, labels = SOURCE.fetched(np.array(numbers))

    np.testing.assert_array_equal(arrays, ROWS[numbers])
    np.testing.assert_array_equal(labels, LABELS[numbers])


def test_only_what_is_asked_for_is_opened():
    """Rows that lie in one record batch are read at once."""
    opened = []

    def open_(name):
        opened.append(name)
        return SOURCE.open_(name)

    Editing(SOURCE.mode, SOURCE.source, open_).fetched(np.arange(100, 228))

    assert opened == ["train-00000.arrow"]


def test_samples_of_a_turn_share_their_row():
    """With three classes asked for, three samples; the rows begin anew after the last."""
    made = editing(Translate(), Image((2, 2), "L"), ("a", "b"), ROWS[:4], LABELS[:4], turns=3)

    assert made.numbers([0, 1, 2, 3, 11, 12])[:, 0].tolist() == [0, 0, 0, 1, 3, 0]


def test_labels_are_those_of_the_rows():
    """Of each sample's own, or of the nearer of two."""
    two = editing(Interpolate(steps=2), Image((2, 2), "L"), ("a", "b"), ROWS, LABELS)

    assert SOURCE.labels([0, 1, 5001]).tolist() == [0, 1, 1]
    assert two.labels([0, 1, 2, 3]).tolist() == [0, 1, 1, 0]
