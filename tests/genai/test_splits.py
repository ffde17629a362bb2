"""Splits of samples follow from their indices alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genai.splits import members

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
INDICES = st.lists(st.integers(0, 2**62), min_size=1, unique=True).map(np.array)


def of(indices, shares):
    """The split of each index."""
    found = np.full(len(indices), "", dtype="<U10")
    for name, mask in members(indices, shares):
        assert (found[mask] == "").all()
        found[mask] = name
    return found


@given(INDICES)
def test_a_sample_stays_in_its_split_whatever_is_around_it(indices):
    """Each is in exactly one, alone as in company."""
    together = of(indices, SHARES)
    assert set(together) <= set(SHARES)
    assert all(of(indices[i : i + 1], SHARES)[0] == together[i] for i in range(len(indices)))


@given(INDICES)
def test_a_share_that_grows_only_takes_from_the_next(indices):
    """Samples of train stay there where train grows."""
    before = of(indices, {"train": 0.6, "validation": 0.4, "test": 0.0})
    after = of(indices, {"train": 0.8, "validation": 0.2, "test": 0.0})
    assert (after[before == "train"] == "train").all()


def test_shares_are_had():
    """Of many samples, within what chance allows."""
    found = of(np.arange(100_000), SHARES)
    assert all(abs((found == name).mean() - share) < 0.006 for name, share in SHARES.items())


def test_without_shares_there_is_one_split_without_a_name():
    """All of it."""
    assert [(name, mask.tolist()) for name, mask in members(np.arange(3), None)] == [("", [True] * 3)]
