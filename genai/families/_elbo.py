"""The evidence bounds of a variational autoencoder, in nats a row.

ELBO: log p(x | z) - KL(q(z | x) || p(z)), z ~ q (Kingma and Welling 2014, eq. 3 and appendix B).
IWAE: log of the mean of K weights p(x, z) / q(z | x) (Burda et al. 2016, eq. 8); K = 1 is the ELBO in expectation.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi

import torch
from torch import Tensor
from torch.nn import functional as F


def kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)), summed over latents: (rows, latent) -> (rows,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


def log_normal(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log-density of independent Gaussians, summed over all but the rows."""
    return -0.5 * ((x - mean).square() / log_variance.exp() + log_variance + log(2 * pi)).flatten(1).sum(1)


def log_bernoulli(b: Tensor, logits: Tensor) -> Tensor:
    """Log-probability of bits `b`, summed over all but the rows."""
    return (b * logits - F.softplus(logits)).flatten(1).sum(1)


def iwae(
    log_likelihood: Callable[[Tensor, slice], Tensor], mean: Tensor, log_variance: Tensor, noise: Tensor, rows: int
) -> Tensor:
    """The importance-weighted bound of each row, (rows,), with the standard normal `noise` (rows, K, latent).

    `log_likelihood(z, part)` is log p(x | z) of the codes `z` (n k, latent), k for each of the n rows in the slice
    `part`. At most `rows` codes are decoded at a time.
    """
    count, samples, _ = noise.shape
    chunk = min(samples, rows)
    step = max(1, rows // chunk)

    def log_weights(part: slice, draws: slice) -> Tensor:
        part_noise = noise[part, draws]
        m, v = (t[part].repeat_interleave(part_noise.shape[1], 0) for t in (mean, log_variance))
        z = m + (0.5 * v).exp() * part_noise.flatten(0, 1)
        prior = log_normal(z, torch.zeros_like(z), torch.zeros_like(z))
        return (log_likelihood(z, part) + prior - log_normal(z, m, v)).view(part_noise.shape[:2])

    bounds = []
    for part in (slice(a, min(a + step, count)) for a in range(0, count, step)):
        found = [log_weights(part, slice(a, a + chunk)) for a in range(0, samples, chunk)]
        bounds.append(torch.logsumexp(torch.cat(found, dim=1), dim=1) - log(samples))
    return torch.cat(bounds)
