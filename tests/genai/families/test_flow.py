"""The solver under velocities whose flow is known, guidance, and what training aims at."""

from math import exp

import pytest
import torch
from torch import nn

from genai.families.flow import Flow, Solver, guided, solve
from genai.networks.condition import Classes
from genai.noise import IndexNoise, StepNoise


@pytest.mark.parametrize("method", ["euler", "heun"])
@pytest.mark.parametrize("steps", [1, 7])
def test_a_constant_velocity_moves_points_exactly(method, steps):
    """Along straight lines any number of steps is enough."""
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    v = torch.tensor([2.0, -1.0])
    torch.testing.assert_close(solve(lambda x, t: v.expand_as(x), x, method, steps), x + v)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_the_error_falls_by_the_order_of_the_method(method, order):
    """dx/dt = x ends at e; twice the steps, half the error for Euler, a quarter for Heun."""
    x = torch.ones(1, 1, dtype=torch.float64)
    errors = [abs(solve(lambda x, _: x, x, method, steps).item() - exp(1)) for steps in (64, 128)]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.05)


def test_time_runs_from_noise_to_data():
    """Heun sees both ends of each step: dx/dt = 2 t adds exactly 1."""
    times = []
    end = solve(lambda x, t: [times.append(t), torch.full_like(x, 2 * t)][1], torch.zeros(1, 1), "heun", 2)
    assert times == [0, 0.5, 0.5, 1]
    assert end.item() == 1


class Bare(Classes):
    """A class for its own embedding; -1 is none."""

    def forward(self, c):
        return c


class Marginal(nn.Module):
    """The exact velocity between N(0, 1) and N(c + 1, deviation^2), or N(0, …) without a label."""

    def __init__(self, classes: int = 2, deviation: float = 0.5) -> None:
        super().__init__()
        self.shape, self.deviation, self.seen, self.label = (1,), deviation, [], Bare(classes, 1)

    def forward(self, x, t, c):
        self.seen.append(c.tolist())
        t, mean = t[:, None], (c + 1.0)[:, None] * (c >= 0)[:, None]
        variance = (1 - t) ** 2 + (t * self.deviation) ** 2
        slope = (t * self.deviation**2 - (1 - t)) / variance
        return mean + slope * (x - t * mean)


def test_samples_have_the_moments_of_the_data():
    """Under the exact velocity, what comes out is N(c + 1, 0.25) for each label."""
    c = torch.arange(4000) % 2
    drawn = Flow().sample(Marginal(), c, IndexNoise(0, range(4000)), Solver("heun", 32, guidance=1))
    for label in (0, 1):
        one = drawn[c == label]
        assert one.mean().item() == pytest.approx(label + 1, abs=0.05)
        assert one.std().item() == pytest.approx(0.5, abs=0.05)


def test_guidance_is_linear_between_no_label_and_the_label():
    """0 forgets the label, 1 is the plain velocity, 2 goes as far beyond."""
    net, x, c = Marginal(), torch.randn(6, 1, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 2
    without, plain, beyond = (guided(net, c, g)(x, 0.3) for g in (0, 1, 2))
    torch.testing.assert_close(without, net(x, torch.full((6,), 0.3), torch.full((6,), -1)))
    torch.testing.assert_close(plain, net(x, torch.full((6,), 0.3), c))
    torch.testing.assert_close(beyond, 2 * plain - without)


def test_without_guidance_or_labels_the_network_is_asked_once():
    """Guidance doubles the cost; where it does nothing it costs nothing."""
    for net, guidance in ((Marginal(), 1.0), (Marginal(classes=0), 3.0)):
        guided(net, torch.zeros(3, dtype=torch.int64), guidance)(torch.zeros(3, 1), 0.5)
        assert [len(labels) for labels in net.seen] == [3]


def test_training_hides_some_labels_and_measures_none():
    """Label dropout is of the loss; the held-out error is of the labels as they are."""
    net, x, c = Marginal(), torch.zeros(4000, 1), torch.zeros(4000, dtype=torch.int64)
    Flow(label_dropout=0.25).loss(net, x, c, StepNoise(0, 0, 0, 4000))
    Flow(label_dropout=0.25).held_out(net, x, c, StepNoise(0, 0, 0, 4000))
    assert net.seen[0].count(-1) / 4000 == pytest.approx(0.25, abs=0.03)
    assert set(net.seen[0]) == {0, -1}
    assert set(net.seen[1]) == {0}


@pytest.mark.parametrize(("times", "middle"), [("uniform", 0.5), ("logit_normal", 0.728)])
def test_times_are_spread_as_asked(times, middle):
    """Share of times in [0.25, 0.75]: a half if uniform, P(|N(0, 1)| < log 3) if logit-normal."""
    seen = []

    class Listening(Marginal):
        def forward(self, x, t, c):
            seen.append(t)
            return super().forward(x, t, c)

    rows = torch.zeros(4000, 1), torch.zeros(4000, dtype=torch.int64)
    Flow(times=times).held_out(Listening(), *rows, StepNoise(0, 0, 0, 4000))
    inside = ((seen[0] > 0.25) & (seen[0] < 0.75)).float().mean()
    assert inside.item() == pytest.approx(middle, abs=0.03)


def test_the_exact_velocity_has_the_least_error():
    """The loss is smallest at the velocity that sampling needs; a shifted one is worse by its shift squared."""
    net, rows = Marginal(), 20_000
    x = 1 + 0.5 * torch.randn(rows, 1, generator=torch.Generator().manual_seed(0))
    c = torch.zeros(rows, dtype=torch.int64)
    best = Flow().held_out(net, x, c, StepNoise(0, 0, 0, rows))["velocity_error"].mean()

    class Shifted(Marginal):
        def forward(self, x, t, c):
            return super().forward(x, t, c) + 0.3

    worse = Flow().held_out(Shifted(), x, c, StepNoise(0, 0, 0, rows))["velocity_error"].mean()
    assert (worse - best).item() == pytest.approx(0.09, abs=0.02)


def test_the_row_that_is_expected_under_noise_is_exact():
    """Of data N(mean, s^2) seen with noise d: a mean weighted by the inverse variances."""
    net, c = Marginal(deviation=0.5), torch.tensor([0, 1])
    y = torch.tensor([[0.3], [2.9]])
    mean, deviation = torch.tensor([[1.0], [2.0]]), 0.7

    expected = (y * 0.25 + mean * deviation**2) / (0.25 + deviation**2)
    torch.testing.assert_close(Flow().denoise(net, y, c, deviation, Solver(guidance=3)), expected)


def test_a_code_is_the_noise_that_a_row_comes_from():
    """Standard normal where rows are as the data; and decoded under its own class it is the row."""
    net, sampler = Marginal(), Solver(steps=200, guidance=1)
    x = 1 + 0.5 * torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    c = torch.zeros(500, dtype=torch.int64)
    z = Flow().encode(net, x, c, sampler)

    torch.testing.assert_close(z, (x - 1) / 0.5, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(Flow().decode(net, z, c, sampler), x, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(Flow().decode(net, z, c + 1, sampler), x + 1, atol=1e-3, rtol=1e-3)


def test_a_variation_of_full_strength_is_a_new_sample():
    """The same as is drawn from the same noise without a row."""
    net, sampler, c = Marginal(), Solver(steps=20), torch.zeros(8, dtype=torch.int64)
    made = Flow().vary(net, torch.full((8, 1), 9.0), c, IndexNoise(0, range(8)), sampler, 1.0)

    torch.testing.assert_close(made, Flow().sample(net, c, IndexNoise(0, range(8)), sampler))


def test_what_is_restored_agrees_and_is_as_the_data_elsewhere():
    """A known number stays; the one that hangs on nothing known is distributed as the data."""
    net, c = Marginal(deviation=0.2), torch.full((4000,), -1)
    net.shape = (2,)
    known = torch.tensor([True, False])
    made = Flow().restore(
        net, lambda x: torch.where(known, 0.3, x), c, IndexNoise(0, range(4000)), Solver(steps=100, guidance=1)
    )

    assert (made[:, 0] == 0.3).all()
    assert made[:, 1].mean().item() == pytest.approx(0, abs=0.02)
    assert made[:, 1].std().item() == pytest.approx(0.2, rel=0.1)
