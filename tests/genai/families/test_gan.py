"""The two losses against what automatic differentiation makes of each alone, and the measure that picks the best."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import softplus
from torch.nn.parallel import DistributedDataParallel

from genai.families.gan import Gan, energy_score
from genai.modalities.image import Image
from genai.noise import IndexNoise, StepNoise
from genai.order import Rows
from genai.space import Space
from genai.train import _Objective, fit, initial

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = Gan(widths=(8, 16), latent=4, gamma=3.0)


class Linear(nn.Module):
    """A discriminator w x and a generator of constants, one a class."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(4.0) / 3)
        self.made = nn.Parameter(torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]))

    def generate(self, z, c):
        return self.made[c].view(-1, 1, 2, 2)

    def score(self, x, c):
        return x.flatten(1) @ self.weight


@pytest.fixture
def net():
    """Both players on digits of 8x8, every weight random."""
    made = initial(SMALL, Space((1, 8, 8)), 10, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return made


def gradients(loss, net):
    """Of the summed loss, by the weight's name; those that it does not reach are None."""
    names, weights = zip(*net.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss.sum(), weights, allow_unused=True), strict=True))


def test_the_penalties_of_a_linear_discriminator_are_its_square_norm(rows):
    """R1 + R2 is 2 |w|^2 in every row, so gamma adds gamma |w|^2."""
    net, x, c = Linear(), rows[0][:, :, :2, :2], rows[1] % 2
    without, with_ = (Gan(gamma=g).loss(net, x, c, StepNoise(0, 0, 0, 24)) for g in (0.0, 5.0))
    torch.testing.assert_close(with_ - without, 5 * net.weight.square().sum().expand(24))


def test_players_who_cannot_tell_lose_a_bit_each(rows):
    """Where all scores are equal, both losses are log 2."""
    net = Linear()
    nn.init.zeros_(net.weight)
    losses = Gan().loss(net, rows[0][:, :, :2, :2], rows[1] % 2, StepNoise(0, 0, 0, 24))
    torch.testing.assert_close(losses, torch.full((24,), 2 * log(2)))


def test_the_generators_gradient_is_that_of_its_own_loss(net, rows):
    """As if the discriminator were fixed and asked again."""
    x, c = rows
    fixed = {name: p.detach() for name, p in net.discriminator.named_parameters()}

    def score(shown):
        return functional_call(net, {f"discriminator.{name}": p for name, p in fixed.items()}, (shown, c))

    net.forward = net.score
    loss = softplus(score(x) - score(net.generate(StepNoise(0, 0, 0, 24).normal(4), c)))
    expected, found = gradients(loss, net), gradients(SMALL.loss(net, x, c, StepNoise(0, 0, 0, 24)), net)
    for name in (name for name in found if name.startswith("generator")):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)


def test_the_discriminators_gradient_is_that_of_its_own_loss(net, rows):
    """As if the fakes were data, with the penalties row by row."""
    x, c = rows
    fake = net.generate(StepNoise(0, 0, 0, 24).normal(4), c).detach().requires_grad_()
    real = x.clone().requires_grad_()
    loss = softplus(net.score(fake, c) - net.score(real, c))
    for shown in (real, fake):
        (slope,) = torch.autograd.grad(net.score(shown, c).sum(), shown, create_graph=True)
        loss = loss + SMALL.gamma / 2 * slope.square().sum((1, 2, 3))
    expected, found = gradients(loss, net), gradients(SMALL.loss(net, x, c, StepNoise(0, 0, 0, 24)), net)
    for name in (name for name in found if name.startswith("discriminator")):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)


def test_a_rows_loss_and_gradient_are_its_own(net, rows):
    """The gradient of a batch is the sum of those of its halves, so workers may share it."""
    (x, c), parts = rows, (slice(0, 24), slice(0, 12), slice(12, 24))
    losses = [SMALL.loss(net, x[p], c[p], IndexNoise(0, range(24)[p])) for p in parts]
    torch.testing.assert_close(losses[0], torch.cat(losses[1:]), rtol=1e-4, atol=1e-5)
    whole, first, second = (gradients(loss, net) for loss in losses)
    for name in whole:
        torch.testing.assert_close(whole[name], first[name] + second[name], rtol=1e-4, atol=1e-4)


def test_the_energy_score_of_known_points():
    """Two samples at distances 3 and 5 from the row, 4 apart: 4 - 2."""
    drawn = torch.tensor([[[3.0, 0.0], [3.0, 4.0]]])
    assert energy_score(torch.zeros(1, 2), drawn).tolist() == [2.0]


@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 1.0), (0.0, 0.0), (0.0, 0.5), (0.0, 2.0)])
def test_the_energy_score_is_least_where_samples_are_like_the_rows(mean, deviation):
    """Samples that are off, all alike, too similar or too wide score worse than honest ones."""
    normal = torch.Generator().manual_seed(0)
    x, drawn = (torch.randn(shape, generator=normal) for shape in ((4000, 8), (4000, 4, 8)))
    assert energy_score(x, drawn).mean() + 0.05 < energy_score(x, mean + deviation * drawn).mean()


def test_it_learns_each_class(recipe):
    """What no row's loss shows: of two classes, dark and bright, each comes out as it is, and not always the same."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=512)
    arrays = (40 + 140 * labels[:, None] + rng.integers(36, size=(512, 16))).astype(np.uint8).reshape(512, 4, 4, 1)
    family = Gan(widths=(16,), latent=4)
    usual = replace(recipe, steps=100, micro_batches=1, learning_rate=2e-3, **family.RECIPE)
    made = fit(family, Image((4, 4), "L"), 2, Rows(arrays, labels, 32, 1, 0), usual).weights
    net = family.network(Space((1, 4, 4)), 2)
    net.load_state_dict(made)
    for c, level in enumerate((57.5, 197.5)):
        with torch.no_grad():
            x = family.sample(net, torch.full((64,), c), IndexNoise(0, range(64)), None)
        assert x.mean().item() == pytest.approx(level / 127.5 - 1, abs=0.1)
        assert x.std(0).mean().item() > 0.04  # half that of the data


def test_it_may_be_wrapped_for_ddp(net, rows, tmp_path):
    """The gradient inside the loss and the one of the loss go through DistributedDataParallel as they go without."""
    x, c = rows
    expected = gradients(SMALL.loss(net, x, c, StepNoise(0, 0, 0, 24)), net)
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/meet", world_size=1, rank=0)
    try:
        DistributedDataParallel(_Objective(SMALL, net))(x, c, StepNoise(0, 0, 0, 24)).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    for name, p in net.named_parameters():
        torch.testing.assert_close(p.grad, expected[name])
