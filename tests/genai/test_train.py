"""Training: what each field of the recipe does, and what can go wrong. (Workers and resuming: the families' suite.)"""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genai.errors import GenaiError, InputError, IntegrityError
from genai.families import Family
from genai.families.vae import Vae
from genai.modalities.image import Image
from genai.order import Rows
from genai.recipe import Recipe
from genai.space import Space
from genai.train import begun, fit, initial

pytestmark = pytest.mark.usefixtures("one_thread")
MEMBER = SimpleNamespace(family=Vae("dense", latent=4, width=32, importance_samples=2))
RECIPE = Recipe(steps=6, batch=32, micro_batches=4, learning_rate=3e-3, validate_every=2, checkpoint_every=2)


def same(a, b):
    """Whether two trainings ended in the same bits."""
    return all(torch.equal(a.weights[name], t) for name, t in b.weights.items())


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 1},
        {"micro_batches": 2},
        {"learning_rate": 1e-3},
        {"betas": (0.0, 0.999)},
        {"betas": (0.9, 0.99)},
        {"schedule": "constant"},
        {"warmup": 3},
        {"clip": 0.1},
        {"ema": 0.5},
        {"precision": "bf16"},
        {"precision": "fp16"},
        {"optimizer": "adamw", "weight_decay": 0.1},
    ],
    ids=str,
)
def test_each_field_changes_the_model(train, digits, fields):
    """And a model of the same recipe is the same."""
    usual = train(MEMBER, digits, RECIPE)
    assert same(train(MEMBER, digits, RECIPE), usual)
    assert not same(train(MEMBER, digits, replace(RECIPE, **fields)), usual)


def test_validation_changes_nothing_but_the_history(train, digits):
    """How often it is looked at is no part of a training."""
    usual, seldom = (train(MEMBER, digits, replace(RECIPE, validate_every=n)) for n in (2, 6))
    assert same(usual, seldom)
    assert [h["step"] for h in usual.history if "nelbo" in h] == [2, 4, 6]
    assert [h["step"] for h in usual.history if "loss" in h] == [1, 2, 3, 4, 5, 6]


def test_every_step_is_told(train, digits):
    """Step, loss, rate, and the measures where there are any."""
    told = []
    trained = train(MEMBER, digits, RECIPE, report=told.append)
    assert [t["step"] for t in told] == [1, 2, 3, 4, 5, 6]
    assert all(t["steps"] == 6 and t["rows"] == 32 and t["lr"] > 0 for t in told)
    assert [t["step"] for t in told if "validation" in t] == [2, 4, 6]
    assert set(trained.measures) == {"nelbo", "iwae"}


def test_the_best_weights_are_kept_where_asked(train, digits):
    """A training that gets worse ends with its best or with its last weights."""
    wild = replace(RECIPE, steps=10, learning_rate=0.5, warmup=10, validate_every=1)
    best, last = (train(MEMBER, digits, replace(wild, keep=keep), test=digits) for keep in ("best", "last"))
    assert best.history == last.history
    values = [h["nelbo"] for h in best.history if "nelbo" in h]
    assert min(values) < values[-1]
    assert best.measures["nelbo"] < last.measures["nelbo"]


def test_there_may_be_nothing_to_validate_or_test(train, digits):
    """A split of 0 leaves no measures."""
    empty = digits[0][:0], digits[1][:0]
    for none in (None, empty):
        trained = train(MEMBER, digits, RECIPE, validation=none, test=none)
        assert trained.measures == {}
        assert all("loss" in h for h in trained.history)


def test_an_fp16_training_goes_on_from_its_loss_scale(train, digits):
    """The scale is part of the state."""
    states, half = [], replace(RECIPE, precision="fp16")
    whole = train(MEMBER, digits, half, save=states.append)
    assert same(train(MEMBER, digits, half, state=states[0]), whole)


@pytest.mark.parametrize("fields", [{}, {"ema": 0.5}, {"optimizer": "adamw", "weight_decay": 0.1}], ids=str)
def test_what_is_frozen_stays_and_the_rest_goes_on_from_the_weights_given(train, digits, together, fields):
    """To the last bit, whatever the optimizer does; on any number of workers, and from any saved state."""
    recipe = replace(RECIPE, steps=4, **fields)
    begun_with, states = train(MEMBER, digits, replace(RECIPE, seed=9)).weights, []
    how = {"start": begun_with, "frozen": ["encoder", "decoder.0"]}
    made = train(MEMBER, digits, recipe, save=states.append, **how)
    still = {name for name in made.weights if made.weights[name].equal(begun_with[name])}

    assert still == {name for name in made.weights if name.startswith(("encoder", "decoder.0"))}
    assert all(same(other, made) for other in together(2, lambda e: train(MEMBER, digits, recipe, exchange=e, **how)))
    assert same(train(MEMBER, digits, recipe, state=states[0], **how), made)


def test_weights_of_which_none_fits_are_refused():
    """Those that fit are taken, whatever is beside them."""
    net = initial(MEMBER.family, Space((1, 8, 8)), 10, 0)
    given = torch.ones_like(net.state_dict()["encoder.0.bias"])
    begun(net, {"encoder.0.bias": given, "decoder.0.bias": torch.ones(3), "head": torch.ones(3)})

    assert net.state_dict()["encoder.0.bias"].equal(given)
    with pytest.raises(InputError, match="found no weights that fit this network"):
        begun(net, {"decoder.0.bias": torch.ones(3)})


def test_a_state_of_another_network_is_refused(train, digits):
    """Its weights do not fit."""
    states = []
    train(MEMBER, digits, RECIPE, save=states.append)
    other = SimpleNamespace(family=Vae("dense", latent=5, width=32))
    for member, state in ((other, states[0]), (MEMBER, b"rubbish")):
        with pytest.raises(IntegrityError):
            train(member, digits, RECIPE, state=state)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_loss_that_is_not_finite_stops_the_training(train, digits, precision):
    """With the step and what to try; fp16 first tries smaller scales."""
    wild = replace(RECIPE, steps=40, learning_rate=1e20, clip=None, validate_every=40, precision=precision)
    with pytest.raises(GenaiError, match=r"training: step \d+ has the loss .* smaller train.learning_rate"):
        train(MEMBER, digits, wild)


def test_more_workers_than_micro_batches_are_refused(train, digits):
    """Before anything is computed."""
    crowd = SimpleNamespace(rank=0, size=5, gather=None)
    with pytest.raises(InputError, match=r"at most train\.micro_batches, 4"):
        train(MEMBER, digits, RECIPE, exchange=crowd)


def test_torchs_own_generator_is_left_alone():
    """Initial weights follow from the seed, whatever was drawn before."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a = initial(MEMBER.family, Space((1, 8, 8)), 10, 0).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    b, c = (initial(MEMBER.family, Space((1, 8, 8)), 10, seed).state_dict() for seed in (0, 1))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["encoder.0.weight"], c["encoder.0.weight"])


@dataclass(frozen=True)
class Line(Family):
    """w x, drawn to x: the gradient of the mean loss is 2 (w - 1) mean(x^2)."""

    def network(self, space, classes):
        net = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(net.weight, 3.0)
        net.shape, net.classes = space.shape, classes
        return net

    def loss(self, net, x, c, noise):
        flat = x.view(-1, 1)
        return (net(flat) - flat).square().view(len(x), -1).mean(1)

    def sample(self, net, c, noise, sampler):
        raise NotImplementedError


@pytest.mark.parametrize("micro", [1, 3, 5])
def test_unequal_micro_batches_give_the_gradient_of_the_mean(micro):
    """Seven rows in three pieces count as seven rows: the first loss is their mean."""
    arrays = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1) * 30
    told = []
    recipe = Recipe(steps=1, batch=7, micro_batches=micro)
    fit(Line(), Image((1, 1), "L"), 0, Rows(arrays, np.zeros(7, np.int64), 7, micro, 0), recipe, report=told.append)
    x = arrays.reshape(-1) / 127.5 - 1
    assert told[0]["loss"] == pytest.approx(4 * (x**2).mean(), rel=1e-5)
