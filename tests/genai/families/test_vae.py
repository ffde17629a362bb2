"""The bounds of the variational autoencoder, against what is known in closed form."""

from math import log, pi

import pytest
import torch
from torch import nn

from genai.families._elbo import iwae, kl, log_bernoulli, log_normal
from genai.families.vae import SMALLEST, Vae
from genai.noise import EVALUATE, IndexNoise
from genai.space import Space


def test_the_divergence_is_that_of_samples():
    """KL in closed form against the mean of log q - log p over draws of q."""
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.tensor([[0.5, -1.0, 0.0]]), torch.tensor([[-1.0, 0.3, 0.0]])
    z = mean + (0.5 * log_variance).exp() * torch.randn(200_000, 3, generator=generator)
    zero = torch.zeros_like(z)
    sampled = (log_normal(z, mean.expand_as(z), log_variance.expand_as(z)) - log_normal(z, zero, zero)).mean()
    assert kl(mean, log_variance).item() == pytest.approx(sampled.item(), abs=0.01)
    assert kl(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0


def test_likelihoods_are_those_of_torch():
    """Densities and probabilities agree with torch.distributions, summed over a row."""
    x, m, v = torch.randn(3, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    ours = log_normal(x, m, v)
    torch.testing.assert_close(ours, torch.distributions.Normal(m, (v / 2).exp()).log_prob(x).sum((1, 2)))
    bits = (x > 0).float()
    torch.testing.assert_close(
        log_bernoulli(bits, m), torch.distributions.Bernoulli(logits=m).log_prob(bits).sum((1, 2))
    )


class Linear(nn.Module):
    """x = w z + noise of the family's deviation: its evidence and its posterior are known."""

    def __init__(self, w: float, deviation: float) -> None:
        super().__init__()
        self.shape, self.classes, self.w = (1,), 0, w
        self.log_deviation = nn.Parameter(torch.tensor(deviation).square().sub(SMALLEST**2).log() / 2)
        self.variance = 1 / (1 + w**2 / deviation**2)
        self.gain, self.off = self.variance * w / deviation**2, 0.0

    def encode(self, x, c):
        return self.gain * x + self.off, torch.full_like(x, self.variance).log()

    def decode(self, z, c):
        return self.w * z


def evidence(x, w, deviation):
    """Log N(x; 0, w^2 + deviation^2)."""
    variance = w**2 + deviation**2
    return -0.5 * (x**2 / variance + log(2 * pi * variance))


def bounds(net, x, samples):
    family = Vae("dense", latent=1, likelihood="gaussian", importance_samples=samples)
    return family.final(net, x, torch.zeros(len(x), dtype=torch.int64), IndexNoise(0, range(len(x)), purpose=EVALUATE))


@torch.no_grad()
def test_with_the_true_posterior_bounds_are_the_evidence():
    """Every importance weight is then p(x), so the IWAE bound is exact; the ELBO is so on average."""
    x = torch.linspace(-2, 2, 50)[:, None].repeat(40, 1)
    found, exact = bounds(Linear(1.5, 0.5), x, 3), evidence(x[:, 0], 1.5, 0.5)
    torch.testing.assert_close(-found["iwae"], exact, rtol=1e-4, atol=1e-4)
    assert -found["nelbo"].mean().item() == pytest.approx(exact.mean().item(), abs=0.05)


@torch.no_grad()
def test_more_importance_samples_give_a_tighter_bound():
    """With a wrong posterior: ELBO < IWAE of 8 < IWAE of 64 < evidence."""
    net, x = Linear(1.5, 0.5), torch.linspace(-2, 2, 50)[:, None].repeat(40, 1)
    net.off = 0.5
    elbo = -bounds(net, x, 1)["nelbo"].mean()
    few, many = (-bounds(net, x, samples)["iwae"].mean() for samples in (8, 64))
    assert elbo + 0.1 < few < many < evidence(x[:, 0], 1.5, 0.5).mean() + 1e-3


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 3, 7, 10_000])
def test_the_bound_does_not_depend_on_how_it_is_sliced(rows):
    """Memory is bounded by decoding few rows at a time; the values are the same."""
    mean, log_variance = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(9, 5, 3, generator=torch.Generator().manual_seed(1))

    decoded = []

    def log_likelihood(z, part):
        decoded.append(len(z))
        return z.sum(1) + torch.arange(9.0)[part].repeat_interleave(len(z) // len(range(9)[part]))

    whole = iwae(log_likelihood, mean, log_variance, noise, 45)
    decoded.clear()
    torch.testing.assert_close(iwae(log_likelihood, mean, log_variance, noise, rows), whole)
    assert max(decoded) <= rows


def test_beta_weighs_the_cost_of_the_code_only(rows):
    """loss(beta) = reconstruction + beta KL, so it is linear in beta; measures do not know beta."""
    net = Vae("dense", latent=4, width=16).network(Space((1, 8, 8)), 10)
    families = [Vae("dense", latent=4, beta=beta) for beta in (0.0, 1.0, 4.0)]
    at0, at1, at4 = (family.loss(net, *rows, IndexNoise(0, range(24))) for family in families)
    torch.testing.assert_close(at4, at0 + 4 * (at1 - at0))
    torch.testing.assert_close(at1, families[2].held_out(net, *rows, IndexNoise(0, range(24)))["nelbo"])


def test_gray_pixels_are_binarised_by_their_level():
    """Black stays 0, white 1, and the gray between is white as often as it is bright."""
    x = torch.tensor([-1.0, 0.5, 1.0]).repeat(4000, 1, 1, 1)
    bits = Vae()._seen(x, IndexNoise(0, range(4000)))
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(bits.mean(0)[0, 0], torch.tensor([0.0, 0.75, 1.0]), atol=0.02, rtol=0)
    assert Vae(likelihood="gaussian")._seen(x, IndexNoise(0, range(4000))) is x
