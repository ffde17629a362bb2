"""Learning rates, averages, loss scales."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.recipe import Recipe
from genai.schedule import LossScale, averaging, learning_rate


@given(st.sampled_from(["constant", "linear", "cosine"]), st.integers(0, 30), st.integers(1, 100))
def test_rates_rise_to_the_largest_and_then_fall(schedule, warmup, steps):
    """Positive throughout, linear up to the end of the warm-up, never rising after it."""
    recipe = Recipe(learning_rate=0.5, schedule=schedule, warmup=warmup)
    rates = [learning_rate(recipe, step, steps) for step in range(steps)]
    assert all(0 < rate <= 0.5 for rate in rates)
    assert rates[:warmup] == [pytest.approx(0.5 * (i + 1) / warmup) for i in range(min(warmup, steps))]
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)


@pytest.mark.parametrize(("schedule", "half"), [("constant", 1.0), ("linear", 0.5), ("cosine", 0.5)])
def test_half_way_down(schedule, half):
    """Linear and cosine meet in the middle."""
    assert learning_rate(Recipe(learning_rate=1.0, schedule=schedule), 50, 100) == pytest.approx(half)


def test_the_average_forgets_the_first_weights():
    """The decay rises from a tenth to what was asked for."""
    assert averaging(0.999, 0) == pytest.approx(0.1)
    assert averaging(0.999, 10**6) == 0.999


def test_the_loss_scale_halves_on_overflow_and_gives_up_below_one():
    """It also doubles after 2,000 good steps."""
    scale = LossScale(on=True)
    assert [scale.shrink() for _ in range(16)] == [True] * 15 + [False]
    scale.state = [8.0, 1999]
    scale.grow()
    assert scale.state == [16.0, 2000]
    assert not LossScale(on=False).shrink()
