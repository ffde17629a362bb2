"""What holds for every family; a new one is added in `conftest.MEMBERS`."""

import subprocess
import sys
from dataclasses import asdict, fields, replace
from typing import get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from annotated_types import DocInfo, Ge
from pydantic import TypeAdapter, ValidationError

from genai import families
from genai.checkpoint import Checkpoint
from genai.families import Family
from genai.generate import Generator
from genai.noise import IndexNoise, StepNoise
from genai.registry import find, names

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_family_is_put_to_the_test(members):
    """A family without a small member would go untested."""
    assert {type(family) for family, _ in members.values()} == {find(families, n, Family) for n in names(families)}


@pytest.mark.parametrize("name", names(families))
def test_a_family_is_imported_without_torch(name):
    """A job file is checked where no torch is."""
    code = f"import sys, genai.families.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fields_survive_a_job_file(member):
    """What a spec says of a family builds the same family."""
    for value in (member.family, member.family.Sampler()):
        assert TypeAdapter(type(value)).validate_json(TypeAdapter(type(value)).dump_json(value)) == value


def parts(hint):
    """A type and all that it is made of, metadata among it."""
    return [hint, *(found for part in get_args(hint) for found in parts(part))]


def test_fields_have_bounds_that_hold_and_a_line_of_doc(member):
    """A number below its bound is refused; an editor can say what each field is."""
    for kind in (type(member.family), member.family.Sampler):
        hints = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            found = parts(hints[field.name])
            assert any(isinstance(part, DocInfo) for part in found), field.name
            for bound in (part for part in found if isinstance(part, Ge) and get_args(hints[field.name])):
                below = [bound.ge - 1] if tuple in map(get_origin, found) else bound.ge - 1
                with pytest.raises(ValidationError):
                    TypeAdapter(kind).validate_python({field.name: below})


def test_shapes_are_those_of_the_contract(member, few):
    """One loss a row, and one value of each measure, or two; samples like the data; the net knows its shape."""
    (x, c), net = few, member.network()
    assert net.shape == member.modality.shape
    assert net.classes == (10 if member.family.conditional else 0)
    for values in (
        {"loss": member.family.loss(net, x, c, IndexNoise(0, range(24)))},
        member.family.held_out(net, x, c, IndexNoise(0, range(24))),
        member.family.final(net, x, c, IndexNoise(0, range(24))),
    ):
        assert values
        assert all(v.shape in {(24,), (24, 2)} and v.isfinite().all() for v in values.values())
    drawn = member.family.sample(net, c, IndexNoise(0, range(24)), member.sampler)
    assert drawn.shape == x.shape
    assert drawn.dtype == x.dtype


def test_a_loss_reaches_every_weight(member, few):
    """A weight without a gradient is dead, and plain DDP refuses it."""
    net = member.network().train()
    member.family.loss(net, *few, StepNoise(0, 0, 0, 24)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_loss_falls(member, data, recipe, train):
    """A few dozen steps are enough to get better at unseen rows."""
    held = [h for h in train(member, data, replace(recipe, validate_every=1)).history if "loss" not in h]
    first = next(name for name in held[0] if name != "step")
    assert held[-1][first] < 0.97 * held[0][first]


@torch.no_grad()
def test_a_row_does_not_depend_on_its_neighbours(member, few):
    """Rows change places and company: each keeps its loss and measures, and its sample to the last bit."""
    (x, c), net = few, member.network()
    turn = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    for measure in (member.family.held_out, member.family.final):
        before, after = (measure(net, x[i], c[i], IndexNoise(0, i.tolist())) for i in (torch.arange(24), turn))
        for name, values in before.items():
            torch.testing.assert_close(after[name], values[turn], rtol=1e-5, atol=1e-4)
    generator = Generator(member.checkpoint(), 3, 32, member.sampler)
    labels = c.tolist() if member.family.conditional else [0] * 24
    together = generator.draw(range(24), labels)
    elsewhere = generator.draw([500, *turn.tolist()], [0, *[labels[i] for i in turn]])
    np.testing.assert_array_equal(elsewhere[1:], together[turn])
    np.testing.assert_array_equal(generator.draw([17], [labels[17]])[0], together[17])


@torch.no_grad()
def test_held_out_is_a_pure_function(member, few):
    """No generator but the noise that is handed in is drawn from."""
    net = member.network()
    for measure in (member.family.held_out, member.family.final):
        before, after = ([torch.manual_seed(seed), measure(net, *few, IndexNoise(0, range(24)))][1] for seed in (1, 2))
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_saved_and_loaded_it_draws_the_same(member):
    """A checkpoint that went through bytes gives the same samples, bit for bit."""
    made = member.checkpoint()
    loaded = Checkpoint.from_files(made.to_files(), made.digest)
    assert asdict(loaded.family) == asdict(member.family)
    labels = [i % 10 for i in range(8)] if member.family.conditional else None
    a, b = (Generator(ck, 5, 16, member.sampler).draw(range(8), labels) for ck in (made, loaded))
    np.testing.assert_array_equal(a, b)
    assert len({row.tobytes() for row in a}) == 8


def test_the_label_matters_where_it_should(member):
    """The same noise under another label is another sample, if the member heeds labels."""
    c = torch.zeros(4, dtype=torch.int64)
    net = member.network()
    a, b = (member.family.sample(net, k, IndexNoise(0, range(4)), member.sampler) for k in (c, c + 1))
    assert torch.equal(a, b) != member.family.conditional


def test_data_without_labels_will_do(member, few):
    """With no classes, labels are all zero and mean nothing."""
    net = member.family.network(member.modality.space, 0)
    losses = member.family.loss(net, few[0], torch.zeros(24, dtype=torch.int64), StepNoise(0, 0, 0, 24))
    assert losses.isfinite().all()


@pytest.mark.parametrize("size", [2, 3, 4])
def test_any_number_of_workers_makes_the_same_checkpoint(member, data, recipe, train, together, size):
    """One worker or several: one digest, and the same measures to the last bit."""
    brief = replace(recipe, steps=5, validate_every=3)
    alone = train(member, data, brief)
    for trained in together(size, lambda exchange: train(member, data, brief, exchange=exchange)):
        assert (trained.history, trained.measures) == (alone.history, alone.measures)
        assert all(torch.equal(trained.weights[name], t) for name, t in alone.weights.items())


def test_a_resumed_training_ends_as_an_undisturbed_one(member, data, recipe, train):
    """From each saved state the rest of the training is the same, bit for bit."""
    states = []
    whole = train(member, data, replace(recipe, steps=16, ema=0.9, keep="best"), save=states.append)
    assert len(states) == 2
    for state in states:
        rest = train(member, data, replace(recipe, steps=16, ema=0.9, keep="best"), state=state)
        assert (rest.history, rest.measures) == (whole.history, whole.measures)
        assert all(torch.equal(rest.weights[name], t) for name, t in whole.weights.items())
