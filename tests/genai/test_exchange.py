"""Sums whose bits do not depend on who computed what."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import InputError
from genai.exchange import Alone, share, subtrees, total

LEAVES = torch.randn(13, 50, generator=torch.Generator().manual_seed(0)) * torch.logspace(-4, 4, 13)[:, None]


def leaf(number):
    return LEAVES[number].clone()


@given(st.integers(1, 40), st.data())
def test_shares_are_all_leaves_once(leaves, data):
    """Contiguous, none empty, and cut into subtrees that cover them from left to right."""
    size = data.draw(st.integers(1, leaves))
    shares = [share(rank, size, leaves) for rank in range(size)]
    assert [i for part in shares for i in part] == list(range(leaves))
    for part in shares:
        assert part
        nodes = subtrees(part, (0, leaves))
        assert [i for lo, hi in nodes for i in range(lo, hi)] == list(part)


def test_two_workers_send_one_partial_sum_each():
    """What makes the fixed tree no dearer than an all-reduce."""
    assert [subtrees(share(rank, 2, 8), (0, 8)) for rank in (0, 1)] == [[(0, 4)], [(4, 8)]]


@pytest.mark.parametrize("leaves", [1, 4, 7, 13])
def test_any_number_of_workers_gives_one_sum(together, leaves):
    """To the last bit, though the terms differ by eight orders of magnitude; a plain sum in another order differs."""
    alone = total(leaf, leaves, Alone())
    torch.testing.assert_close(alone.double(), LEAVES[:leaves].double().sum(0), rtol=1e-4, atol=1e-3)
    for size in range(1, min(leaves, 6) + 1):
        for found in together(size, lambda exchange: total(leaf, leaves, exchange)):
            assert torch.equal(found, alone)


def test_more_workers_than_leaves_are_refused():
    """A worker without work is a mistake in the spec."""
    with pytest.raises(InputError, match=r"train.workers.count is 5; allowed: at most train.micro_batches, 4"):
        share(0, 5, 4)
