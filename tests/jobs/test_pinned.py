"""A pinned checkpoint: nothing is prepared or trained, and the copy is as good as the original."""

import shutil

import pytest

from genai.errors import InputError, IntegrityError, SpecError
from jobs import layout
from jobs.driver import drive, run
from jobs.events import EventLog
from jobs.spec import load
from jobs.survey import survey
from tests.jobs.scripted import ScriptedCrew


@pytest.fixture
def trained(tmp_path):
    """A finished run that trained, its output, and the survey of it."""
    rows = "data: {source: sklearn://digits}\ntrain: {batch: 8}\ngenerate: {count: 8, part_rows: 4}"
    spec = load("job.yaml", f"name: first\noutput: {tmp_path}\n{rows}")
    found = survey(spec)
    found.store.put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
    run(found, ScriptedCrew(), EventLog(found.store, layout.run_id(spec)))
    return found


def pinning(found, said, *overrides):
    """A job of another name in the same output that pins what `said` names."""
    text = f"name: second\noutput: {found.spec.output}\nmodel: {{checkpoint: '{said}'}}\n"
    return load("job.yaml", text + "generate: {count: 8, part_rows: 4}", overrides)


def folder(found):
    return found.store.locate(f"checkpoints/{found.train_key}")


def refused(found, said, *overrides):
    with pytest.raises(InputError) as caught:
        survey(pinning(found, said, *overrides))
    return str(caught.value)


@pytest.mark.parametrize("how", ["id", "run", "dataset", "folder"])
def test_it_is_named_by_run_dataset_or_folder(trained, how):
    """And gives the samples that the run gave that trained it, without preparing or training."""
    said = {
        "id": layout.run_id(trained.spec),
        "run": trained.store.locate(f"runs/{layout.run_id(trained.spec)}"),
        "dataset": trained.store.locate(f"datasets/{trained.dataset_key}"),
        "folder": folder(trained),
    }[how]
    found = survey(pinning(trained, said))
    crew = ScriptedCrew()
    manifest = drive(found, crew, EventLog(found.store, "r"))
    assert crew.stages == ["generate"]
    assert manifest.checkpoint == trained.checkpoint
    assert manifest.digest == trained.manifest.digest
    assert survey(pinning(trained, said)).complete


def test_the_copy_outlives_the_original(trained):
    """A dataset can be gone on with when the run that trained is gone, as long as the job says the same."""
    spec = pinning(trained, folder(trained))
    found = survey(spec)
    drive(found, ScriptedCrew(), EventLog(found.store, "r"))
    copied = found.store.locate(f"checkpoints/{found.train_key}")
    shutil.rmtree(folder(trained))
    again = survey(pinning(trained, copied, "generate.count=12"))
    manifest = drive(again, ScriptedCrew(), EventLog(again.store, "r"))
    assert (manifest.key, manifest.rows) == (found.manifest.key, 12)


def test_a_folder_without_metrics_is_known_by_its_files(trained):
    """As one that was copied by hand, or comes from elsewhere."""
    (trained_at := trained.store).delete(layout.checkpoint(trained.train_key))
    assert survey(pinning(trained, folder(trained))).pinned.metrics == {"digest": trained.checkpoint}
    assert trained_at is trained.store


def test_files_that_are_not_those_of_the_digest_are_not_copied(trained):
    """The run ends before anything is drawn."""
    trained.store.put(layout.checkpoint(trained.train_key, "model.safetensors"), b"other")
    found = survey(pinning(trained, folder(trained)))
    with pytest.raises(IntegrityError, match=r"found digest .* its metrics.json says"):
        drive(found, crew := ScriptedCrew(), EventLog(found.store, "r"))
    assert crew.stages == []


def test_what_cannot_be_pinned_is_one_error(trained, tmp_path):
    """It names what was found and what is allowed."""
    allowed = (
        "allowed: a finished run's id, its path or URI, or that of a folder with config.json and model.safetensors"
    )
    assert allowed in refused(trained, "nothing")
    assert "there is no config.json with its model.safetensors at" in refused(trained, f"{tmp_path}/nothing")
    assert "no run at" in refused(trained, "first-0123456789ab")
    assert "the checkpoint at" in refused(trained, folder(trained), "model.family=vae")
    trained.store.put(layout.checkpoint(trained.train_key, "config.json"), b"{")
    assert "config.json cannot be read" in refused(trained, folder(trained))
    trained.store.delete(layout.checkpoint(trained.train_key))
    assert "is not there any more" in refused(trained, layout.run_id(trained.spec))
    trained.store.delete(layout.run(layout.run_id(trained.spec), "result.json"))
    assert "the run is not done" in refused(trained, layout.run_id(trained.spec))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model.width=3", "model.width: found width beside model.checkpoint"),
        ("generate.count={match: train}", "generate.count: found a wish by the training rows beside model.checkpoint"),
        ("generate.count={balance: true}", "generate.count: found a wish by the training rows"),
        ("data.source=[]", "data.source: found a list of 0"),
        ("model.checkpoint=null", "data.source: missing; allowed: where the rows are, or a model.checkpoint"),
    ],
)
def test_a_job_that_pins_says_nothing_of_training(trained, override, says):
    """Rows may be said, and are not read."""
    with pytest.raises(SpecError) as caught:
        pinning(trained, "x/y", override)
    assert says in str(caught.value)
    assert pinning(trained, "x/y", "data.source=there").data.source == ["there"]


def test_a_written_job_file_says_the_same(trained):
    """Without a word of rows where there are none."""
    spec = pinning(trained, "x/y")
    assert load("job.yaml", spec.to_yaml()) == spec
    assert "source" not in spec.model_dump(mode="json")["data"]
