from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs import layout
from jobs.spec import JobSpec
from jobs.survey import fingerprint
from tests.jobs.scripted import job

STAGES = ("prepare", "train", "generate")


def keys(spec: JobSpec, prepared="p", checkpoint="c", weights=(1, 1)) -> dict[str, str]:
    """The key of each stage, with what is upstream held fast."""
    return {
        "prepare": layout.prepare_key(spec, [["rows", 1, "v1"]]),
        "train": layout.train_key(spec, prepared),
        "generate": layout.generate_key(spec, checkpoint, weights),
    }


def changed(*overrides: str) -> set[str]:
    """The stages whose own keys a change of the job file changes."""
    before, after = keys(job(output="x")), keys(job(*overrides, output="x"))
    return {stage for stage in STAGES if before[stage] != after[stage]}


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "generate.count=10_000",
        "generate.count={per_class: 3}",
        "generate.workers={min: 3, max: 9, cpu: 0.5}",
        "generate.attempts=9",
        "train.workers={count: 2, cpu: 2, max_failures: 0}",
        'data.source=["sklearn://digits", "elsewhere/*.parquet"]',
    ],
)
def test_what_changes_no_result_changes_no_key(override):
    """How many samples, who makes them, how often one tries, and where the same rows lie."""
    assert changed(override) == set()


@pytest.mark.parametrize(
    ("override", "stage"),
    [
        ("data.label=null", "prepare"),
        ("data.split={validation: 0.2, test: 0.1}", "prepare"),
        ("data.modality={kind: image, size: 16}", "prepare"),
        ("data.on_bad_row=skip", "prepare"),
        ("model.latent=5", "train"),
        ("model.beta=0.5", "train"),
        ("train.seed=1", "train"),
        ("train.steps=4", "train"),
        ("train.micro_batches=4", "train"),
        ("train.precision=bf16", "train"),
        ("train.threads=2", "train"),
        ("train.workers.gpu=1", "train"),
        ("seed=1", "generate"),
        ("generate.batch=16", "generate"),
        ("generate.part_rows=20", "generate"),
        ("generate.precision=bf16", "generate"),
        ("generate.threads=2", "generate"),
        ("generate.workers.gpu=1", "generate"),
    ],
)
def test_what_changes_a_result_changes_the_key_of_its_stage_alone(override, stage):
    """Other stages follow by content: by the digest of what they are made from."""
    assert changed(override) == {stage}


def test_the_sampler_is_of_generation():
    """Another solver draws other samples from the same checkpoint."""
    flow = [job("model={family: flow}", f"generate.sampler={{steps: {steps}}}", output="x") for steps in (4, 8)]
    one, other = map(keys, flow)
    assert [one[stage] == other[stage] for stage in STAGES] == [True, True, False]


def test_workers_join_the_training_key_only_where_sums_depend_on_them():
    """Under `ddp` one and two workers are two checkpoints, under `tree` they are one; the two ways differ."""
    tree, ddp = (
        [keys(job(f"train.reduction={how}", f"train.workers.count={n}", output="x"))["train"] for n in (1, 2)]
        for how in ("tree", "ddp")
    )
    assert tree[0] == tree[1]
    assert len({tree[0], *ddp}) == 3


def test_a_share_of_a_gpu_is_as_good_as_a_whole_one():
    """Kinds of device differ in bits, shares of one do not."""
    one, other = (keys(job(f"generate.workers.gpu={gpu}", output="x"))["generate"] for gpu in (0.25, 2))
    assert one == other


def test_stages_follow_what_they_are_made_from():
    """Prepared content, checkpoint and weights of the classes."""
    spec = job(output="x")
    assert keys(spec, prepared="q")["train"] != keys(spec)["train"]
    assert keys(spec, checkpoint="d")["generate"] != keys(spec)["generate"]
    assert keys(spec, weights=(1, 2))["generate"] != keys(spec)["generate"]


def test_a_new_version_of_a_stage_is_a_new_key(monkeypatch):
    """So that a change of the code makes nothing of mixed origin."""
    spec = job(output="x")
    before = keys(spec)
    monkeypatch.setattr(layout, "VERSIONS", dict.fromkeys(STAGES, 99))
    assert all(before[stage] != keys(spec)[stage] for stage in STAGES)


def test_a_changed_listing_is_prepared_again_a_moved_one_is_not(tmp_path):
    """The source's files count by name, size and version, not by the folder that they lie in."""

    def key(folder: Path) -> str:
        spec = job(f"data.source={folder}", output="x")
        return layout.prepare_key(spec, fingerprint(spec))

    for number, label in enumerate("ab"):
        (tmp_path / "rows" / label).mkdir(parents=True)
        Image.fromarray(np.full((2, 2), number, np.uint8)).save(tmp_path / "rows" / label / "1.png")
    before = key(tmp_path / "rows")
    (tmp_path / "rows").rename(tmp_path / "moved")
    assert key(tmp_path / "moved") == before
    Image.fromarray(np.full((2, 2), 9, np.uint8)).save(tmp_path / "moved/a/2.png")
    assert key(tmp_path / "moved") != before


def test_the_same_request_is_the_same_run_wherever_it_writes():
    """A run's id follows from all that the job says but its output."""
    one, moved, more = job(output="x"), job(output="y"), job("generate.count=41", output="x")
    assert layout.run_id(one) == layout.run_id(moved) != layout.run_id(more)


def test_a_dataset_keeps_its_parts_apart():
    """The data folder holds only parts; receipts, manifest and marker lie beside it."""
    assert layout.part("k", "part-00000.parquet") == "datasets/k/data/part-00000.parquet"
    assert layout.receipt("k", "part-00000.parquet") == "datasets/k/receipts/part-00000.parquet.json"
    assert layout.dataset("k") == "datasets/k/manifest.json"
