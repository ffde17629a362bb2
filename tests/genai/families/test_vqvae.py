"""Codes and tokens of the discrete autoencoder, its likelihood, and which part teaches which weights."""

import pytest
import torch

from genai.families.vqvae import Sampling, Vqvae, log_logistic
from genai.noise import IndexNoise
from genai.space import Space

FAMILY = Vqvae(levels=(4, 3), halvings=1, width=8, prior_width=16, prior_depth=1, prior_heads=2)


@pytest.fixture
def net():
    """For 8x8 pixels: 4x4 tokens of twelve."""
    torch.manual_seed(0)
    return FAMILY.network(Space((1, 8, 8)), 10)


def test_probabilities_of_all_levels_sum_to_one():
    """Wherever the middle lies, and however narrow the distribution is."""
    levels = torch.linspace(-1, 1, 256, dtype=torch.float64)[:, None]
    middle = torch.tensor([-3.0, -1.0, 0.1, 0.99, 2.0], dtype=torch.float64)
    for scale in (0.001, 0.02, 0.5):
        found = log_logistic(levels, middle, torch.tensor(scale, dtype=torch.float64))
        torch.testing.assert_close(found.exp().sum(0), torch.ones(5, dtype=torch.float64), rtol=0, atol=1e-6)


def test_a_level_has_the_probability_of_its_interval():
    """The difference of the logistic distribution at its two ends."""
    x, scale, half = torch.tensor(1 / 255), torch.tensor(0.05), 1 / 255
    expected = ((x + half) / scale).sigmoid() - ((x - half) / scale).sigmoid()
    torch.testing.assert_close(log_logistic(x, torch.zeros(()), scale).exp(), expected)


def test_a_code_and_its_tokens_are_the_same_thing(net):
    """Each of the twelve tokens has a code of its own, on levels at equal distances, and comes back from it."""
    tokens = torch.arange(16).remainder(12)[None]
    code = net.code(tokens)
    assert code.shape == (1, 4, 4, 2)
    assert sorted(set(code[..., 1].flatten().tolist())) == [-1, 0, 1]
    torch.testing.assert_close(code[..., 0].unique(), torch.tensor([-1, -1 / 3, 1 / 3, 1]))
    assert torch.equal(net.tokens(code), tokens)


def test_what_is_encoded_lies_on_the_levels(net, rows):
    """Rounded to the nearest level, so that its tokens decode to the very same picture."""
    z = net.encode(rows[0])
    torch.testing.assert_close(net.code(net.tokens(z)), z)
    assert len(net.tokens(z).unique()) > 4


def test_the_gradient_goes_straight_through_the_rounding(net, rows):
    """It is that of the tanh, whatever level the number was rounded to."""
    free = []
    net.to_code.register_forward_hook(lambda _module, _given, found: free.append(found))
    net.encode(rows[0]).sum().backward()
    expected = (1 - free[0].tanh().square()).sum((0, 2, 3))
    torch.testing.assert_close(net.to_code.bias.grad, expected)


def test_the_prior_teaches_the_encoder_nothing(net, rows):
    """Nor does the reconstruction teach the prior: two objectives in one loss."""
    reconstruction, prior = FAMILY._terms(net, *rows)
    prior.sum().backward(retain_graph=True)
    assert {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None} == {"prior"}
    net.zero_grad()
    reconstruction.sum().backward()
    assert all(p.grad is None for p in net.prior.parameters())


def test_an_untrained_prior_knows_nothing(net, rows):
    """It then costs log(12) nats for each of the 16 tokens, and the bound is the sum of both parts."""
    found = FAMILY.held_out(net, *rows, IndexNoise(0, range(24)))
    torch.testing.assert_close(found["prior"], torch.full((24,), 16 * torch.tensor(12.0).log().item()))
    torch.testing.assert_close(found["bound"], found["reconstruction"] + found["prior"])


@torch.no_grad()
def test_the_sampler_is_heeded(net):
    """With a single likeliest token, all noise gives one picture; otherwise each its own."""
    for p in net.parameters():
        p.add_(0.1 * torch.randn_like(p))
    c = torch.zeros(8, dtype=torch.int64)
    one, many = (FAMILY.sample(net, c, IndexNoise(0, range(8)), how) for how in (Sampling(top_k=1), Sampling()))
    assert len(one.unique(dim=0)) == 1
    assert len(many.unique(dim=0)) == 8
