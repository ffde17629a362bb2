import json

import pytest

from genai.errors import DataError, InputError
from jobs import layout
from jobs.driver import drive
from jobs.events import EventLog
from jobs.survey import Survey, survey
from tests.jobs.scripted import ScriptedCrew, job


def finished(*overrides: str) -> Survey:
    """A survey taken after the job was driven to its end."""
    spec = job(*overrides)
    found = survey(spec)
    drive(found, ScriptedCrew(), EventLog(found.store, "r"))
    return survey(spec)


def known(found: Survey) -> list[bool]:
    """Whether prepared data, checkpoint, and dataset are known as complete."""
    return [found.prepared is not None, found.metrics is not None, found.complete]


def test_nothing_is_known_of_an_empty_store_and_nothing_is_written():
    """But the key of what can be prepared: keys below it follow from content."""
    found = survey(job())
    assert known(found) == [False, False, False]
    assert (found.train_key, found.dataset_key, found.plan, found.receipts) == (None, None, None, {})
    assert list(found.store.list()) == []


def test_a_finished_job_is_known_as_finished():
    """By its manifest alone: receipts are not even read."""
    found = finished()
    assert known(found) == [True, True, True]
    assert found.receipts == {}
    assert found.manifest.plan == found.plan
    assert found.checkpoint == found.manifest.checkpoint
    assert found.classes == ("a", "b")


@pytest.mark.parametrize(
    ("folder", "name", "state"),
    [
        ("prepared", "index.json", [False, False, False]),
        ("checkpoints", "metrics.json", [True, False, False]),
        ("datasets", "_SUCCESS", [True, True, False]),
        ("datasets", "manifest.json", [True, True, False]),
    ],
)
@pytest.mark.parametrize("data", [None, b"", b"[]", b"{}", b'{"digest": 3}', b"\xff", b"[" * 100_000])
def test_what_is_missing_or_damaged_counts_as_not_done(folder, name, state, data):
    """Each stage is judged by what it wrote last, and what is below it is not looked at."""
    found = finished()
    (key,) = (e.key for e in found.store.list(f"{folder}/") if e.key.endswith(f"/{name}"))
    found.store.delete(key)
    if data is not None:
        found.store.put(key, data)
    assert known(survey(found.spec)) == state


@pytest.mark.parametrize("name", ["index.json", "metrics.json", "manifest.json", "_SUCCESS"])
def test_what_is_damaged_is_made_again_to_the_same_dataset(name):
    """By the same command, without a word from the user."""
    found = finished()
    before = found.manifest.to_json()
    (key,) = (e.key for e in found.store.list() if e.key.endswith(f"/{name}"))
    found.store.put(key, b"damaged")
    assert drive(survey(found.spec), ScriptedCrew(), EventLog(found.store, "r")).to_json() == before


def test_receipts_of_an_unsealed_dataset_are_progress():
    """What is in the ledger is not made again."""
    found = finished()
    found.store.delete(layout.dataset(found.dataset_key, "_SUCCESS"))
    again = survey(found.spec)
    assert not again.complete
    assert tuple(again.receipts) == tuple(shard.name for shard in again.plan)


@pytest.mark.parametrize(("count", "complete", "known_parts"), [(40, True, 0), (25, True, 0), (45, False, 4)])
def test_a_dataset_serves_every_smaller_count(count, complete, known_parts):
    """A larger one finds its full parts in the ledger."""
    found = finished()
    other = survey(job(f"generate.count={count}", output=found.spec.output))
    assert other.dataset_key == found.dataset_key
    assert (other.complete, len(other.receipts)) == (complete, known_parts)


def test_other_weights_are_another_dataset():
    """Parts of one class and parts of two are never mixed."""
    found = finished()
    other = survey(job("generate.labels=[a]", output=found.spec.output))
    assert other.checkpoint == found.checkpoint
    assert other.dataset_key != found.dataset_key
    assert not other.complete


def test_a_model_that_heeds_no_label_has_samples_without():
    """The prepared rows keep theirs."""
    found = finished("model.conditional=false")
    assert (found.classes, found.plan.weights) == ((), ())
    assert found.prepared.classes == ("a", "b")
    assert json.loads(found.manifest.to_json())["labels"] == {}


def test_a_source_that_is_not_there_is_said():
    """With its URI, before anything is written."""
    with pytest.raises(DataError, match="sklearn://faces"):
        survey(job("data.source=sklearn://faces"))


def test_a_wish_that_the_data_cannot_meet_is_said():
    """As soon as the data is known."""
    found = finished()
    with pytest.raises(InputError, match=r"generate\.labels: found 'c'; allowed: a, b"):
        survey(job("generate.labels=[c]", output=found.spec.output))
