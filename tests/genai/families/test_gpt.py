"""Which tokens of a row count, and that drawing ends where a sequence does."""

from itertools import product
from math import log

import pytest
import torch

from genai.errors import InputError
from genai.families.gpt import Gpt, Sampling
from genai.families.vqvae import Vqvae
from genai.noise import IndexNoise
from genai.space import Space

FAMILY = Gpt(width=16, depth=1, heads=2)
C = torch.zeros(3, dtype=torch.int64)


@pytest.fixture
def net():
    """Of three tokens, in sequences of at most four."""
    torch.manual_seed(0)
    found = FAMILY.network(Space((4,), 3), 2).eval()
    with torch.no_grad():
        for p in found.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return found


def test_a_row_counts_its_tokens_and_its_end():
    """An untrained network pays log 3 for each of them; a row that fills its places has no end to pay for."""
    x = torch.tensor([[1, 0, 0, 0], [2, 2, 1, 1], [0, 0, 0, 0]])
    net = FAMILY.network(Space((4,), 3), 2)
    found = FAMILY.held_out(net, x, C, IndexNoise(0, range(3)))["nats_per_token"]
    torch.testing.assert_close(found, torch.tensor([[2 * log(3), 2], [4 * log(3), 4], [log(3), 1]]))
    torch.testing.assert_close(FAMILY.loss(net, x, C, IndexNoise(0, range(3))), found[:, 0] / 4)


@torch.no_grad()
def test_what_follows_the_end_is_not_counted(net):
    """Whatever stands there."""
    rows = [torch.tensor([[2, 1, 0, end]] * 3) for end in (0, 1, 2)]
    first, *others = (FAMILY.loss(net, x, C, IndexNoise(0, range(3))) for x in rows)
    assert all(torch.equal(first, other) for other in others)


@torch.no_grad()
def test_probabilities_of_all_sequences_sum_to_one(net):
    """Of those that end, and of those that fill their places."""
    every = {
        (*row[: row.index(0)], *[0] * (4 - row.index(0))) if 0 in row else row for row in product(range(3), repeat=4)
    }
    x = torch.tensor(sorted(every))
    nats, _ = FAMILY._terms(net, x, torch.ones(len(x), dtype=torch.int64))
    torch.testing.assert_close((-nats).exp().sum(), torch.tensor(1.0))


@torch.no_grad()
def test_sequences_are_drawn_as_often_as_they_are_probable(net):
    """Each of the 31 sequences, of 8,192 drawn: within four standard deviations."""
    c = torch.zeros(8192, dtype=torch.int64)
    drawn = FAMILY.sample(net, c, IndexNoise(0, range(8192)), Sampling())
    found, counts = drawn.unique(dim=0, return_counts=True)
    p = (-FAMILY._terms(net, found, c[: len(found)])[0]).exp()
    assert p.sum() > 0.99
    assert ((counts - 8192 * p).abs() < 4 * (8192 * p * (1 - p)).sqrt() + 1).all()


@torch.no_grad()
def test_after_the_end_there_is_nothing(net):
    """All tokens after the first 0 are 0."""
    drawn = FAMILY.sample(net, torch.zeros(64, dtype=torch.int64), IndexNoise(0, range(64)), Sampling())
    ended = drawn.eq(0).cumsum(1) > 0
    assert ended.any()
    assert not drawn[ended].any()


def test_numbers_are_refused():
    """A family of tokens says what it takes."""
    with pytest.raises(InputError, match=r"gpt and samples of numbers, \(1, 8, 8\); allowed: tokens"):
        FAMILY.network(Space((1, 8, 8)), 0)


@pytest.mark.parametrize(("family", "prefix"), [(Gpt, ""), (Vqvae, "prior_")])
def test_heads_that_do_not_divide_the_width_are_refused(family, prefix):
    """Positions turn pairs of numbers, so a head needs an even share; said when a job file is read."""
    with pytest.raises(InputError, match=rf"{prefix}width 18 and {prefix}heads 4; allowed: .* twice the heads, 8"):
        family(**{f"{prefix}width": 18, f"{prefix}heads": 4})
