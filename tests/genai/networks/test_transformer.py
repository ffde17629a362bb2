"""The transformer: what a token may look at, that drawing sees what training saw, and the choice of a token."""

import pytest
import torch

from genai.networks.transformer import Transformer, choose, draw

TOKENS = torch.randint(11, (16, 9), generator=torch.Generator().manual_seed(1))
C = torch.arange(16) % 4  # 3 is no class


@pytest.fixture
def net():
    """Of 11 tokens, 9 positions and 3 classes; every weight random, since some start at zero."""
    torch.manual_seed(0)
    found = Transformer(11, 9, 3, width=16, depth=2, heads=2).eval()
    with torch.no_grad():
        for p in found.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return found


@torch.no_grad()
def test_a_token_is_foretold_from_those_before_it_alone(net):
    """Another token at position 4 changes the logits of position 5 and of all later ones, and of none before."""
    other = TOKENS.clone()
    other[:, 4] = (other[:, 4] + 1) % 11
    same = (net(TOKENS, C) == net(other, C)).all(2).all(0)
    assert same.tolist() == [True] * 5 + [False] * 4


@torch.no_grad()
def test_the_class_is_seen_from_the_first_token_on(net):
    """No class, too, is one of its own."""
    first = torch.stack([net(TOKENS[:1], torch.tensor([c]))[0, 0] for c in range(4)])
    assert len({tuple(row) for row in first.tolist()}) == 4


@torch.no_grad()
def test_position_counts(net):
    """The same tokens in another order foretell another next one."""
    turned = torch.cat([TOKENS[:, :7].flip(1), TOKENS[:, 7:]], dim=1)
    assert not torch.allclose(net(TOKENS, C)[:, 7], net(turned, C)[:, 7], atol=1e-3)


@torch.no_grad()
def test_step_by_step_it_says_what_it_says_at_once(net):
    """With keys and values kept, the logits of each position are those of a pass over the whole sequence."""
    cache, h, found = net.cache(16, 9), net.label(C), []
    for at in range(9):
        found.append(net.step(h, cache, at))
        h = net.token(TOKENS[:, at])
    torch.testing.assert_close(torch.stack(found, dim=1), net(TOKENS, C), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_sequence_does_not_depend_on_its_neighbours(net):
    """Rows change places: each keeps its tokens, to the last."""
    u, turn = torch.rand(16, 9, generator=torch.Generator().manual_seed(2)), torch.randperm(16)
    drawn = draw(net, C, u)
    assert torch.equal(draw(net, C[turn], u[turn]), drawn[turn])
    assert len(drawn.unique(dim=0)) == 16


@torch.no_grad()
def test_what_is_drawn_has_the_networks_probabilities(net):
    """The first tokens of 4,096 sequences, at even uniform numbers, come as often as the network says."""
    c = torch.zeros(4096, dtype=torch.int64)
    drawn = draw(net, c, ((torch.arange(4096) + 0.5) / 4096)[:, None])
    expected = net(drawn[:1], c[:1])[0, 0].softmax(0)
    torch.testing.assert_close(drawn[:, 0].bincount(minlength=11) / 4096, expected, rtol=0, atol=1e-3)


LOGITS = torch.tensor([0.1, 0.4, 0.2, 0.3]).log()
U = (torch.arange(1000) + 0.5) / 1000


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ((1.0, None, 1.0), [0.1, 0.4, 0.2, 0.3]),
        ((0.5, None, 1.0), [1 / 30, 16 / 30, 4 / 30, 9 / 30]),
        ((1.0, 2, 1.0), [0, 4 / 7, 0, 3 / 7]),
        ((1.0, 99, 1.0), [0.1, 0.4, 0.2, 0.3]),
        ((1.0, None, 0.65), [0, 4 / 7, 0, 3 / 7]),
        ((1.0, None, 0.75), [0, 4 / 9, 2 / 9, 3 / 9]),
        ((1.0, 2, 0.5), [0, 1, 0, 0]),
        ((1.0, None, 1e-9), [0, 1, 0, 0]),
        ((1e-4, None, 1.0), [0, 1, 0, 0]),
    ],
)
def test_a_token_comes_as_often_as_it_should(how, expected):
    """Temperature, the k likeliest, the fewest that hold p (counted among the k), and all of them together."""
    found = choose(LOGITS.expand(1000, 4), U, *how).bincount(minlength=4) / 1000
    torch.testing.assert_close(found, torch.tensor(expected).float(), rtol=0, atol=2e-3)


def test_the_ends_of_the_uniform_numbers_choose_what_has_a_probability():
    """Zero is the likeliest token, the largest number below one the least likely that may be drawn."""
    logits = torch.tensor([0.0, -torch.inf, 1.0]).expand(2, 3)
    assert choose(logits, torch.tensor([0.0, 1 - 2**-24]), 1.0, None, 1.0).tolist() == [2, 0]
