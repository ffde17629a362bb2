"""The order of an epoch: index arithmetic."""

from collections import Counter, deque
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.augment.order import REAL, Mix, Shuffled, rows, served, share
from genai.sources import Row

COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)


class Numbers:
    """Blocks whose rows are their own numbers; `asked` is what was read."""

    def __init__(self, counts):
        self.counts = np.array(counts, np.int64)
        self.first, self.asked = np.cumsum(self.counts) - self.counts, []

    def read(self, block, wanted):
        assert (np.diff(wanted) > 0).all()
        self.asked += (self.first[block] + wanted).tolist()
        return (Row(b"", int(self.first[block] + place), "") for place in wanted)


def sequence(counts, window, epoch, start=0, stop=None, seed=3):
    blocks = Numbers(counts)
    order = Shuffled(blocks.counts, window, seed, epoch, REAL)
    stop = int(blocks.counts.sum()) if stop is None else stop
    return [row.label for row in rows(blocks, order, start, stop)], blocks.asked


@given(COUNTS, st.integers(1, 20), st.integers(0, 5))
def test_an_epoch_of_a_side_has_each_row_once(counts, window, epoch):
    """Whatever the blocks and the window are, and it reads each once."""
    found, asked = sequence(counts, window, epoch)

    assert sorted(found) == sorted(asked) == list(range(sum(counts)))


@given(COUNTS, st.integers(1, 20), st.data())
def test_a_stretch_of_a_side_is_had_without_the_rest(counts, window, data):
    """Its rows are those of the whole sequence at these places, and no other row is read."""
    start = data.draw(st.integers(0, sum(counts)))
    stop = data.draw(st.integers(start, sum(counts)))
    found, asked = sequence(counts, window, 1, start, stop)

    assert found == sequence(counts, window, 1)[0][start:stop]
    assert sorted(asked) == sorted(found)


def test_seeds_and_epochs_have_orders_of_their_own():
    """The same twice; another seed or epoch is another order."""
    counts = [10] * 10
    assert sequence(counts, 20, 0) == sequence(counts, 20, 0)
    assert sequence(counts, 20, 0)[0] != sequence(counts, 20, 1)[0]
    assert sequence(counts, 20, 0)[0] != sequence(counts, 20, 0, seed=4)[0]


def test_no_more_than_a_window_is_held():
    """A window is read when its first row is asked for, and not before."""
    blocks = Numbers([10] * 10)
    found = rows(blocks, Shuffled(blocks.counts, 25, 0, 0, REAL), 0, 100)
    for given_, read in ((1, 25), (24, 25), (1, 50)):
        list(islice(found, given_))
        assert len(blocks.asked) == read


@given(st.integers(0, 60), st.integers(0, 60), st.data())
def test_every_stretch_has_the_proportion(real, synthetic, data):
    """Of the first t rows t * share are synthetic, to the nearest; of any stretch, within one row."""
    mix = Mix(real, synthetic)
    flags = [mix.is_synthetic(place) for place in range(mix.total)]
    exact = synthetic / max(1, mix.total)
    start = data.draw(st.integers(0, mix.total))

    assert sum(flags) == synthetic
    assert all(abs(sum(flags[:t]) - t * exact) <= 0.5 + 1e-9 for t in range(mix.total + 1))
    assert all(abs(sum(flags[start : start + t]) - t * exact) <= 1 + 1e-9 for t in range(mix.total - start + 1))


@given(st.integers(0, 200), st.integers(1, 5), st.integers(1, 4), st.integers(1, 9))
def test_shares_are_disjoint_and_complete(total, world, workers, unit):
    """Ranks and workers together have each place once; any two of a rank differ by a unit at most."""
    ranks = [share(range(total), rank, world) for rank in range(world)]
    parts = [[share(rank, worker, workers, unit) for worker in range(workers)] for rank in ranks]
    consumers = [part for rank in parts for part in rank]

    assert [place for part in consumers for place in part] == list(range(total))
    assert max(map(len, ranks)) - min(map(len, ranks)) <= 1
    for rank in parts:
        assert max(map(len, rank)) - min(map(len, rank)) <= unit
        assert sum(-(-len(part) // unit) for part in rank) == -(-sum(map(len, rank)) // unit)
    if unit == 1:
        assert max(map(len, consumers)) - min(map(len, consumers)) <= 1


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5), st.data())
def test_batches_are_counted_as_a_dataloader_deals_them(of_worker, data):
    """Round and round, past those that are at their end."""
    batches = data.draw(st.integers(0, sum(of_worker)))
    left, queue, order = list(of_worker), deque(range(len(of_worker))), []
    while any(left):
        worker = queue[0]
        queue.rotate(-1)
        if left[worker]:
            left[worker] -= 1
            order.append(worker)
    given_, turn = served(batches, of_worker)

    assert given_ == [Counter(order[:batches])[worker] for worker in range(len(of_worker))]
    assert batches == len(order) or turn == order[batches]


@pytest.mark.parametrize(
    ("mix", "flags"), [(Mix(3, 1), "RSRR"), (Mix(2, 2), "SRSR"), (Mix(0, 2), "SS"), (Mix(2, 0), "RR")]
)
def test_the_sides_are_interleaved(mix, flags):
    """Evenly, and one side alone where the other has none."""
    assert "".join("RS"[mix.is_synthetic(place)] for place in range(mix.total)) == flags
