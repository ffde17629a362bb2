"""Held-out measures."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genai.errors import GenaiError
from genai.evaluate import ROWS, means
from genai.exchange import Alone
from genai.modalities.image import Image

NET = torch.nn.Linear(1, 1)
IMAGE = Image((1, 1), "L")


def held(rows):
    """Rows of all gray levels in turn, labelled by their number."""
    return np.arange(rows, dtype=np.uint8).reshape(rows, 1, 1, 1), np.arange(rows)


def measure(net, x, c, noise):
    return {"x": x.flatten(), "c": c.float(), "noise": noise.normal()}


@pytest.mark.parametrize("rows", [1, ROWS, ROWS + 1, 3 * ROWS - 1])
def test_means_are_over_all_rows_for_any_number_of_workers(together, rows):
    """Each row counts once, also in a short last batch, and with fewer batches than workers."""
    alone = means(measure, NET, IMAGE, held(rows), 0, Alone())
    assert alone["c"] == pytest.approx((rows - 1) / 2)
    assert alone["x"] == pytest.approx(float(np.mean(held(rows)[0] / 127.5 - 1)), abs=1e-6)
    for size in (2, 4):
        found = together(size, lambda exchange: means(measure, NET, IMAGE, held(rows), 0, exchange))
        assert found == [alone] * size


def test_an_amount_of_something_is_the_quotient_of_the_sums(together):
    """Two numbers a row: one of many tokens weighs more than one of few, whatever batch it is in."""

    def nats(net, x, c, noise):
        return {"nats_per_token": torch.stack([c.float(), c + 1.0], dim=1)}

    rows = ROWS + 3
    found = means(nats, NET, IMAGE, held(rows), 0, Alone())
    assert found["nats_per_token"] == pytest.approx((rows - 1) / (rows + 1))
    assert together(2, lambda exchange: means(nats, NET, IMAGE, held(rows), 0, exchange)) == [found] * 2


def test_a_row_keeps_its_noise():
    """It follows from the seed and the row's number, not from its batch."""
    alone, seen = SimpleNamespace(rank=0, size=1, gather=lambda value: [value]), []

    def listen(net, x, c, noise):
        seen.append(noise.normal(2))
        return {"c": c.float()}

    for rows in (ROWS + 3, ROWS + 3, 2):
        means(listen, NET, IMAGE, held(rows), 0, alone)
    assert torch.equal(torch.cat(seen[:2]), torch.cat(seen[2:4]))
    assert torch.equal(seen[0][:2], seen[4])


def test_a_measure_that_is_not_finite_is_named():
    """Nothing could be compared with it."""
    with pytest.raises(GenaiError, match=r"found {'c': nan}"):
        means(lambda net, x, c, noise: {"c": c / 0.0}, NET, IMAGE, (held(1)[0], np.zeros(1, np.int64)), 0, Alone())
