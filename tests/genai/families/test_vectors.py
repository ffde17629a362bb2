"""The families that model rows of a table do so as they model pictures."""

import numpy as np
import pytest
import torch

from genai.checkpoint import Checkpoint
from genai.errors import InputError
from genai.families.flow import Flow, Solver
from genai.families.vae import Vae
from genai.generate import Generator
from genai.modalities.table import Table
from genai.networks.dense import DenseVae
from genai.noise import IndexNoise, StepNoise
from genai.order import Rows
from genai.recipe import Recipe
from genai.sources import Row
from genai.space import Space
from genai.train import fit, initial

MEMBERS = {
    "flow": (Flow(widths=(16,), depth=1), Solver(steps=3)),
    "vae": (Vae(latent=4, width=32, importance_samples=4), None),
}


@pytest.fixture(params=list(MEMBERS))
def member(request):
    return MEMBERS[request.param]


@pytest.fixture(scope="module")
def table():
    """Two classes that differ in a number and in a category; 240 rows: the modality, arrays, labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 2
    size = np.round(rng.normal(10 + 4 * labels, 1), 2).tolist()
    plan = np.where(rng.random(240) < 0.1 + 0.8 * labels, "gold", "tin").tolist()
    seats = [None if rng.random() < 0.1 else int(n) for n in rng.integers(1, 6, 240)]
    cells = [{"size": a, "plan": b, "seats": c} for a, b, c in zip(size, plan, seats, strict=True)]
    made = Table().settle(Row(one, None, "") for one in cells)
    return made, np.stack([made.decode(one)[0] for one in cells]), labels.astype(np.int64)


def trained(member, table, steps=150):
    modality, arrays, labels = table
    recipe = Recipe(steps=steps, batch=32, micro_batches=2, learning_rate=5e-3, ema=0.95, validate_every=steps)
    held = arrays[:40], labels[:40]
    return fit(member[0], modality, 2, Rows(arrays, labels, 32, 2, 0), recipe, validation=held, test=held)


def checkpoint(member, table, weights):
    made = {"recipe": {}, "steps": 0, "prepared": "", "device": "cpu", "torch": torch.__version__, "genai": "0"}
    return Checkpoint(member[0], table[0], ("a", "b"), weights, made)


def test_it_learns_what_the_classes_differ_in(member, table, one_thread):
    """Samples of each class have its numbers and its categories, and lack values as often as the rows do."""
    made = checkpoint(member, table, trained(member, table).weights)
    drawn = Generator(Checkpoint.from_files(made.to_files()), 1, 64, member[1]).draw(range(400), [0, 1] * 200)
    rows = drawn.view("<f8")[:, :, 0]
    small, large = np.median(rows[0::2, 0]), np.median(rows[1::2, 0])
    assert (9 < small < 11, 13 < large < 15) == (True, True)
    gold = [(rows[n::2, 1] == 0).mean() for n in (0, 1)]
    assert (gold[0] < 0.3, gold[1] > 0.7) == (True, True)
    assert 0.02 < np.isnan(rows[:, 2]).mean() < 0.25


@torch.no_grad()
def test_a_row_does_not_depend_on_its_neighbours(member, table):
    """Another place and other company: the same sample to the last bit."""
    weights = initial(member[0], table[0].space, 2, 0).state_dict()
    generator = torch.Generator().manual_seed(0)
    noisy = {name: w + 0.1 * torch.randn(w.shape, generator=generator) for name, w in weights.items()}
    draw = Generator(checkpoint(member, table, noisy), 3, 32, member[1]).draw
    turn = torch.randperm(24, generator=generator).tolist()
    together = draw(range(24), [0, 1] * 12)
    np.testing.assert_array_equal(draw([500, *turn], [0, *[n % 2 for n in turn]])[1:], together[turn])
    np.testing.assert_array_equal(draw([17], [1])[0], together[17])


def test_every_weight_is_reached(member, table):
    """As for pictures."""
    net = initial(member[0], table[0].space, 2, 0)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0)))
    x, c = table[0].to_tensor(table[1][:24]), torch.from_numpy(table[2][:24])
    member[0].loss(net, x, c, StepNoise(0, 0, 0, 24)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_vae_takes_what_suits_the_rows():
    """Fully connected with a deviation of each feature for vectors; of its own it is as it was for pictures."""
    vector, picture = (Vae().network(Space(shape), 2) for shape in ((5,), (1, 8, 8)))
    assert isinstance(vector, DenseVae)
    assert vector.log_deviation.shape == (5,)
    assert not isinstance(picture, DenseVae)
    assert not hasattr(picture, "log_deviation")
    x = torch.zeros(3, 5)
    assert Vae()._seen(x, IndexNoise(0, range(3))) is x


def test_a_convolution_over_columns_is_refused():
    """Columns have no neighbours."""
    with pytest.raises(InputError, match=r"model\.backbone: found conv .*allowed: dense"):
        Vae("conv").check(Table.axes)
