"""The digest of what samples are, whatever bytes carry them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genai.formats import Samples, content_digest

some = st.integers(2, 6).flatmap(
    lambda rows: st.builds(
        Samples,
        hnp.arrays(np.int64, rows, elements=st.integers(0, 2**62), unique=True),
        st.none() | hnp.arrays(np.int64, rows, elements=st.integers(0, 9)),
        hnp.arrays(np.uint8, (rows, 2, 3, 1)),
    )
)


def changed(samples, **columns):
    return Samples(**vars(samples) | columns)


@given(some, st.randoms())
def test_the_order_of_the_rows_does_not_count(samples, random):
    """Rows are digested by index."""
    order = random.sample(range(len(samples)), len(samples))
    mixed = {name: None if column is None else column[order] for name, column in vars(samples).items()}
    assert content_digest(Samples(**mixed)) == content_digest(samples)


@given(some)
def test_every_part_of_a_row_counts(samples):
    """One more, one less or another index, label or pixel is another content."""
    digest = content_digest(samples)
    labels = samples.labels
    others = [
        changed(samples, indices=samples.indices + 1),
        changed(samples, arrays=samples.arrays ^ np.eye(1, 6, dtype=np.uint8).reshape(2, 3, 1)),
        changed(samples, arrays=samples.arrays.reshape(-1, 3, 2, 1)),
        changed(samples, labels=np.zeros(len(samples), np.int64) if labels is None else labels + 1),
        changed(samples, labels=np.zeros(len(samples), np.int64) if labels is None else None),
        Samples(samples.indices[1:], None if labels is None else labels[1:], samples.arrays[1:]),
    ]
    assert digest not in map(content_digest, others)


def test_the_digest_stays_what_it_was():
    """Manifests of earlier releases can still be verified."""
    samples = Samples(np.arange(3), np.array([0, 1, 0]), np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1))
    assert content_digest(samples) == "b9ebb004749078dfa2655d32a678a3fff264d3c72a6c5767787e1f07774658dc"


@pytest.mark.parametrize(
    ("indices", "labels", "arrays", "fault"),
    [
        (np.arange(2, dtype=np.int32), None, np.zeros((2, 1), np.uint8), "indices are int32"),
        (np.arange(2), np.arange(3), np.zeros((2, 1), np.uint8), r"labels have the shape \(3,\)"),
        (np.arange(2), None, np.zeros((2, 1)), "arrays are float64"),
        (np.zeros(2, np.int64), None, np.zeros((2, 1), np.uint8), "an index stands twice"),
    ],
)
def test_samples_that_contradict_themselves_are_a_fault_of_ours(indices, labels, arrays, fault):
    """Columns have one type and one length, and an index is one sample."""
    with pytest.raises(AssertionError, match=fault):
        Samples(indices, labels, arrays)
