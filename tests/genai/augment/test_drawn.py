"""Samples drawn while training goes on, in the place of a published dataset."""

from collections import Counter

import pytest
import torch
from torch.utils.data import DataLoader

from genai.augment import Augmented, Drawn
from genai.checkpoint import Checkpoint
from genai.errors import InputError, IntegrityError
from genai.families.flow import Flow, Solver
from genai.families.vae import Vae
from genai.generate import Generator
from genai.modalities.image import Image
from genai.space import Space
from genai.train import initial
from jobs.shards import Plan
from tests.genai.augment.made import CLASSES, real_rows

MADE = {"recipe": {}, "steps": 0, "prepared": "", "device": "cpu", "torch": torch.__version__, "genai": "0"}


def checkpoint(family, classes=CLASSES):
    net = initial(family, Space((1, 8, 8)), len(classes), 0)
    return Checkpoint(family, Image((8, 8), "L"), classes, net.state_dict(), MADE)


@pytest.fixture(scope="module")
def model():
    """A checkpoint of three classes."""
    return checkpoint(Vae("dense", latent=4, width=32))


def values(rows):
    """The samples as bytes, with their labels."""
    return [((value * 255).round().to(torch.uint8).numpy().tobytes(), label) for value, label, _ in rows]


def test_samples_are_those_that_a_job_publishes(model):
    """By index: the class of the plan, and the pixels of (checkpoint, seed, index), whatever the batch was."""
    labels = Plan(70, 10, (2, 1, 1)).labels(0, 70)
    expected = Generator(model, seed=5, batch=32).draw(range(70), labels)
    found = values(Augmented(Drawn(model, 70, weights=(2, 1, 1), seed=5, batch=32)))

    assert sorted(found) == sorted((array.tobytes(), label) for array, label in zip(expected, labels, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_they_mix_with_real_rows_as_published_ones_do(model, tmp_path, workers):
    """Exact numbers by class, each worker its share, the real rows brought to the model's size."""
    real = real_rows(tmp_path / "real.parquet", ["cat"] * 40 + ["cow"] * 10 + ["dog"] * 5)
    rows = Augmented(Drawn(model), real, balance=True)
    batches = list(DataLoader(rows, batch_size=16, num_workers=workers))
    found = Counter(
        (CLASSES[int(label)], bool(flag))
        for _, labels, flags in batches
        for label, flag in zip(labels, flags, strict=True)
    )

    assert found == {("cat", False): 40, ("cow", False): 10, ("dog", False): 5, ("cow", True): 30, ("dog", True): 35}
    assert {tuple(values.shape[1:]) for values, _, _ in batches} == {(1, 8, 8)}


def test_no_epoch_repeats_a_sample(model, tmp_path):
    """Without a count there is always a next index."""
    real = real_rows(tmp_path / "real.parquet", ["cat"] * 30)
    rows = Augmented(Drawn(model, batch=16), real, ratio=0.5)
    seen = set()
    for epoch in (0, 1, 2, 10**9):
        rows.set_epoch(epoch)
        seen |= {value for value, (_, _, flag) in zip(values(rows), rows, strict=True) if flag}
    assert len(seen) == 4 * 30


def test_it_goes_on_where_it_stopped(model):
    """And draws no batch that was used up."""
    rows = Augmented(Drawn(model, 100, batch=16))
    whole = values(rows)
    rows.load_state_dict(rows.state_after(40, 2))

    assert values(rows) == whole[80:]


def test_a_checkpoint_is_found_in_its_folder(model, tmp_path):
    """Family, modality, classes and digest are its own; the sampler is as in a job."""
    family = Flow(widths=(8, 16), depth=1)
    flow = checkpoint(family)
    for name, data in flow.to_files().items():
        (tmp_path / name).write_bytes(data)
    drawn = Drawn(str(tmp_path), 20, batch=32, sampler={"steps": 2, "method": "euler"})
    expected = Generator(flow, 0, 32, Solver("euler", 2)).draw(range(20), [i % 3 for i in range(20)])

    assert drawn.checkpoint.digest == flow.digest
    assert sorted(value for value, _ in values(Augmented(drawn))) == sorted(array.tobytes() for array in expected)


def test_unlabelled_checkpoints_draw_unlabelled_samples():
    """Label -1."""
    rows = Augmented(Drawn(checkpoint(Vae("dense", latent=4, width=32), classes=()), 40))

    assert {(label, flag) for _, label, flag in rows} == {(-1, True)}
    assert len({value for value, _ in values(rows)}) == 40


def test_the_threads_of_the_training_stay(model):
    """Drawing takes one thread, of the process that it is in."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    list(Augmented(Drawn(model, 20)))
    found = torch.get_num_threads()
    torch.set_num_threads(before)

    assert found == 2


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"count": 0}, "count: found 0; allowed: a number from 1, or None for no end"),
        ({"count": 10, "weights": (1, 1)}, r"weights: found \[1, 1\]; allowed: one number for each of cat, cow, dog"),
        ({"count": 10, "weights": (0, 0, 0)}, "weights: found"),
        ({"count": 10, "sampler": {"steps": 0}}, "sampler: .*steps"),
        ({"count": 10, "precision": "int8"}, "precision: found 'int8'; allowed: fp32, bf16, fp16"),
        ({"count": 10, "batch": 0}, "batch: found 0; allowed: 1 to"),
        ({}, "the checkpoint: ratio 1 takes all samples, and there is no last one; a larger count="),
    ],
)
def test_what_cannot_be_drawn_is_refused(model, how, says):
    """Before anything is."""
    with pytest.raises(InputError, match=says):
        Augmented(Drawn(model, **how))


def test_a_folder_without_a_checkpoint_is_refused(model, tmp_path):
    """It says which folder is meant; a damaged one is named."""
    with pytest.raises(InputError, match=r"found no config.json; allowed: the folder of a checkpoint"):
        Drawn(str(tmp_path))
    for name in model.to_files():
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(IntegrityError, match=f"{tmp_path}: checkpoint: config.json cannot be read"):
        Drawn(str(tmp_path))


def test_too_few_of_a_class_are_refused(model, tmp_path):
    """As with a published dataset: it names the class, and what there would be."""
    real = real_rows(tmp_path / "real.parquet", ["cat"] * 40 + ["dog"])
    with pytest.raises(
        InputError, match=r"too few synthetic rows of cow \(10 of 40\), dog \(10 of 39\); a larger count="
    ):
        Augmented(Drawn(model, 30), real, balance=True)
