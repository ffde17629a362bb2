"""Fine-tuning: a job that begins with the weights of another's checkpoint."""

import json

import pytest

from genai import weights
from genai.errors import InputError
from jobs import layout
from jobs.driver import run
from jobs.events import EventLog
from jobs.gc import look
from jobs.spec import load
from jobs.survey import survey
from workers.local import LocalCrew

JOB = """
name: {name}
output: {folder}/runs
data: {{source: "sklearn://digits"}}
model: {{family: flow, widths: [8, 16], depth: 1}}
train: {{steps: 6, batch: 16, micro_batches: 2{train}}}
generate: {{count: 20, part_rows: 10, batch: 16, sampler: {{steps: 1}}}}
"""


def ran(folder, name, train="", *settings):
    """Run in this process; the survey afterwards."""
    found = survey(load("job.yaml", JOB.format(folder=folder, name=name, train=train), settings))
    spec = found.spec
    with EventLog(found.store, layout.run_id(spec)) as events:
        found.store.put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
        run(found, LocalCrew(), events)
    return survey(spec)


def weights_of(found):
    return weights.from_bytes(found.store.get(layout.checkpoint(found.train_key, "model.safetensors")))[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("finetune")


@pytest.fixture(scope="module")
def first(folder):
    """A model that others begin with."""
    return ran(folder, "first", "", "train.seed=5")


def test_it_begins_with_the_weights_of_the_other(first, folder):
    """After a step of next to nothing they are still those; and the checkpoint says which it began with."""
    found = ran(
        folder, "second", f", init_from: {layout.run_id(first.spec)}", "train.steps=1", "train.learning_rate=1e-9"
    )
    config = json.loads(found.store.get(layout.checkpoint(found.train_key, "config.json")))
    before, after = weights_of(first), weights_of(found)

    assert config["start"] == first.checkpoint
    assert max(float((before[name] - after[name]).abs().max()) for name in before) < 1e-6
    assert found.checkpoint != first.checkpoint


def test_what_is_frozen_stays_to_the_last_bit(first, folder):
    """And the rest is trained."""
    place = first.store.locate(f"checkpoints/{first.train_key}")
    found = ran(folder, "frozen", f", init_from: {{checkpoint: {place}, frozen: [stem, label]}}")
    before, after = weights_of(first), weights_of(found)
    same = {name for name in before if before[name].equal(after[name])}

    assert {name for name in before if name.startswith(("stem", "label"))} == same


def test_the_same_weights_elsewhere_are_the_same_training(first, folder):
    """By content, as all that is made from something; others are another training."""
    place = first.store.locate(f"checkpoints/{first.train_key}")
    by_run = ran(folder, "second", f", init_from: {layout.run_id(first.spec)}", "train.steps=2")
    by_place = survey(
        load("job.yaml", JOB.format(folder=folder, name="second", train=f", init_from: {place}"), ["train.steps=2"])
    )
    alone = survey(load("job.yaml", JOB.format(folder=folder, name="second", train=""), ["train.steps=2"]))

    assert by_place.train_key == by_run.train_key
    assert by_place.complete
    assert alone.train_key != by_run.train_key


def test_the_copy_that_a_training_begins_with_is_no_garbage(first, folder):
    """The job has its own, beside what it trained."""
    found = ran(folder, "kept", f", init_from: {layout.run_id(first.spec)}", "train.steps=1")

    assert found.store.get(layout.checkpoint(found.start.key, "model.safetensors"))
    assert [verdict.place for verdict in look(found.store).garbage] == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("model={family: vae}", "generate.sampler={}"), "found vae; the checkpoint at .* is a flow"),
        (("model.widths=[8, 24]",), r"model.widths: found \[8, 24\]; allowed: widths: \[8, 16\]"),
        (("data.modality={kind: image, size: 12}",), r"found rows of \(1, 12, 12\), the checkpoint's are \(1, 8, 8\)"),
        (("train.init_from.frozen=[head]",), "found 'head'; allowed: how names begin: .*stem"),
    ],
)
def test_weights_that_do_not_fit_are_told(first, folder, settings, told):
    """The family, its fields, the rows, and what is to be frozen."""
    with pytest.raises(InputError, match=told):
        ran(folder, "odd", f", init_from: {{checkpoint: {layout.run_id(first.spec)}}}", *settings)
