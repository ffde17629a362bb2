"""The training order."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import DataError
from genai.order import Order, Rows, Stream, chunk_rows


@st.composite
def orders(draw):
    micro = draw(st.integers(1, 5))
    batch = draw(st.integers(micro, 12))
    rows = draw(st.integers(batch, 60))
    return Order(rows, batch, micro, draw(st.integers(0, 2**63 - 1)), draw(st.integers(1, 9)), draw(st.integers(1, 4)))


def load(ranges):
    """Rows that are their own numbers."""
    numbers = np.concatenate([np.arange(r.start, r.stop) for r in ranges])
    return numbers.astype(np.uint8), numbers


def read(order, micro, steps, start=0):
    return [labels.tolist() for _, labels in islice(Stream(order, load).batches(micro, start), steps)]


@given(orders())
def test_an_epoch_gives_every_row_of_the_share_once(order):
    """Each stream runs through its own share, and the shares are all rows."""
    for micro in range(order.micro_batches):
        share = order.share(micro)
        rows = [row for batch in read(order, micro, 2 * len(share)) for row in batch]
        for epoch in range(2):
            assert sorted(rows[epoch * len(share) : (epoch + 1) * len(share)]) == list(share)
    assert [row for micro in range(order.micro_batches) for row in order.share(micro)] == list(range(order.rows))


@given(orders(), st.integers(0, 40))
def test_a_late_start_gives_the_same_tail(order, start):
    """What step s sees does not depend on where the reading began, within an epoch and across."""
    for micro in range(order.micro_batches):
        assert read(order, micro, 9, start) == read(order, micro, start + 9)[start:]


@given(orders())
def test_the_pieces_of_a_batch_sum_to_it(order):
    """Micro-batch sizes differ by one at most, and never change."""
    sizes = [order.size(micro) for micro in range(order.micro_batches)]
    assert sum(sizes) == order.batch
    assert max(sizes) - min(sizes) <= 1
    for micro, size in enumerate(sizes):
        assert {len(rows) for rows in read(order, micro, 20)} == {size}


@given(orders())
def test_a_window_is_bounded(order):
    """No more than `group` chunks are in memory at a time."""
    for window in islice(order.windows(0), 10):
        assert len(window.ranges) <= order.group
        assert all(0 < len(rows) <= order.chunk for rows in window.ranges)
        assert sorted(window.permutation) == list(range(sum(map(len, window.ranges))))


def test_seeds_streams_and_epochs_have_orders_of_their_own():
    """Another seed or epoch is another order; the same is the same."""
    a, b = Order(40, 20, 2, seed=1, chunk=4, group=2), Order(40, 20, 2, seed=2, chunk=4, group=2)
    assert read(a, 0, 4) == read(a, 0, 4) != read(b, 0, 4)
    assert read(a, 0, 2) != read(a, 0, 4)[2:]
    assert read(a, 0, 2) != [[row - 20 for row in batch] for batch in read(a, 1, 2)]


def test_rows_in_memory_come_in_the_same_order():
    """An in-memory source and one that loads windows agree, arrays and labels."""
    arrays = np.arange(50 * 6, dtype=np.uint8).reshape(50, 2, 3)
    rows = Rows(arrays, np.arange(50), batch=7, micro_batches=3, seed=5)
    order = Order(50, 7, 3, 5, chunk_rows(6))
    assert rows.rows == 50
    for micro in range(3):
        for (a, c), expected in zip(islice(rows.batches(micro, 4), 30), read(order, micro, 30, 4), strict=True):
            assert c.tolist() == expected
            assert (a == arrays[c]).all()


@pytest.mark.parametrize("row_bytes", [1, 784, 1 << 20, 1 << 30])
def test_a_chunk_follows_from_the_size_of_a_row(row_bytes):
    """About a mebibyte, never empty."""
    assert chunk_rows(row_bytes) >= 1
    assert chunk_rows(row_bytes) == 1 or chunk_rows(row_bytes) * row_bytes <= 1 << 20


def test_fewer_rows_than_a_batch_are_refused():
    """The message says both numbers and what to set."""
    with pytest.raises(DataError, match=r"has 80 rows, fewer than one batch of 128; .* train\.batch to at most 80"):
        Order(80, 128, 4, 0)


def test_a_batch_of_fewer_rows_than_micro_batches_is_refused():
    """Each micro-batch has a row at least."""
    with pytest.raises(DataError, match=r"train\.batch is 3; allowed: at least train\.micro_batches, 4"):
        Order(80, 3, 4, 0)
