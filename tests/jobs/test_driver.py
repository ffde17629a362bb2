import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genai.errors import DataError, Incomplete, InputError, StoreError, WorkerError
from jobs import layout
from jobs.driver import drive, run
from jobs.events import Event, EventLog, read
from jobs.ledger import Manifest
from jobs.spec import JobSpec
from jobs.survey import survey
from tests.jobs.scripted import Lost, ScriptedCrew, job

STAGES = ["prepare", "train", "generate"]
NAMES = [f"part-{number:05d}.parquet" for number in range(5)]


def go(spec: JobSpec, crew: ScriptedCrew) -> tuple[Manifest, list[Event]]:
    """Drive a job to its end, at the crew's clock; with the events told."""
    found, told = survey(spec), []
    with EventLog(found.store, "r", told.append) as events:
        return drive(found, crew, events, clock=crew.clock), told


def digests(manifest: Manifest) -> dict[str, str]:
    return {part.name: part.sha256 for part in manifest.parts}


def kinds(told: list[Event]) -> list[str]:
    return [event.kind for event in told]


def tries_of(crew: ScriptedCrew, number: int) -> list[float]:
    """When a shard was tried."""
    return [when for shard, when in crew.tried if shard == number]


def quiet(*overrides: str) -> Manifest:
    """What the run without any fault seals."""
    return go(job(*overrides), ScriptedCrew())[0]


def test_a_job_goes_through_its_stages():
    """Each is told at its beginning and its end, each part when it is safe; the manifest names them in order."""
    manifest, told = go(job(), crew := ScriptedCrew())
    assert crew.stages == STAGES
    ends = [(event.kind, event.fields["stage"]) for event in told if event.kind.startswith("stage")]
    assert ends == [(f"stage_{end}", stage) for stage in crew.stages for end in ("started", "done")]
    assert [part.name for part in manifest.parts] == NAMES[:4]
    assert [event.fields["done"] for event in told if event.kind == "part_done"] == [1, 2, 3, 4]


def test_a_finished_job_does_nothing():
    """No stage is asked of the crew; the same manifest comes back."""
    before, _ = go(spec := job(), ScriptedCrew())
    after, told = go(spec, crew := ScriptedCrew())
    assert (crew.stages, crew.tried) == ([], [])
    assert after.to_json() == before.to_json()
    assert kinds(told) == ["stage_reused"] * 3


def test_failures_are_tried_again_with_backoff():
    """Each pause is longer than the one before; no other shard waits for it, and the driver sleeps meanwhile."""
    faults = {(1, n): StoreError("503") for n in (1, 2, 3, 4)}
    manifest, told = go(job("generate.attempts=5"), crew := ScriptedCrew(faults))
    pauses = [b - a for a, b in pairwise(tries_of(crew, 1))]
    assert len(pauses) == 4
    assert all(0.25 * 2**n <= pause <= 0.5 * 2**n + 0.1 for n, pause in enumerate(pauses))
    assert [crew.tries[number] for number in (0, 2, 3)] == [1, 1, 1]
    assert max(when for number, when in crew.tried if number != 1) < tries_of(crew, 1)[1]
    decided = [(e.fields["tries"], e.fields["of"], e.fields["decision"]) for e in told if e.kind == "shard_failed"]
    assert decided == [(n, 5, "retry") for n in (1, 2, 3, 4)]
    assert digests(manifest) == digests(quiet())


def test_a_shard_that_keeps_failing_is_given_up_and_named():
    """After its last try; its neighbours are committed, and nothing is sealed."""
    faults = {(2, n): WorkerError(f"lost, try {n}") for n in (1, 2, 3)}
    spec, crew = job(), ScriptedCrew(faults)
    with pytest.raises(
        Incomplete, match=rf"3 of 4 parts are safe, 1 was given up after 3 tries each \({NAMES[2]}: lost, try 3\)"
    ):
        go(spec, crew)
    found = survey(spec)
    assert sorted(found.receipts) == [NAMES[0], NAMES[1], NAMES[3]]
    assert found.manifest is None
    assert [crew.tries[number] for number in range(4)] == [1, 1, 3, 1]
    told = [event for event in read(found.store, "r") if event.kind == "shard_quarantined"]
    assert [event.fields for event in told] == [{"stage": "generate", "shard": NAMES[2], "error": "lost, try 3"}]


def test_the_next_run_tries_only_what_is_missing():
    """With all its attempts anew; the parts that are safe stay as they are."""
    spec = job()
    with pytest.raises(Incomplete):
        go(spec, ScriptedCrew({(number, n): OSError("disk") for number in (0, 3) for n in (1, 2, 3)}))
    manifest, _ = go(spec, crew := ScriptedCrew({(3, 1): OSError("disk"), (3, 2): Lost()}))
    assert crew.tries == {0: 1, 3: 3}
    assert crew.stages == ["generate"]
    assert manifest.to_json() == quiet().to_json()


def test_bad_input_stops_at_once():
    """No other shard can do better: nothing more is begun, and the error is the one that was raised."""
    error = InputError("generate.sampler: found 0 steps")
    crew = ScriptedCrew({(1, 1): error}, workers=1)
    with pytest.raises(InputError) as raised:
        go(job(), crew)
    assert raised.value is error
    assert [number for number, _ in crew.tried] == [0, 1]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_cannot_be_done_ends_the_run(stage):
    """With the crew's error; what was done before it is not done again."""
    with pytest.raises(DataError, match="row 7"):
        go(spec := job(), ScriptedCrew(refusals={stage: DataError("row 7")}))
    go(spec, crew := ScriptedCrew())
    assert crew.stages == STAGES[STAGES.index(stage) :]


def test_a_shard_whose_receipt_is_in_the_store_is_not_given_up():
    """Its worker was lost after the last byte: the ledger is the truth, not the failure."""
    manifest, told = go(job("generate.attempts=1"), ScriptedCrew({(1, 1): Lost("receipt")}))
    assert manifest.to_json() == quiet().to_json()
    assert [event.fields["decision"] for event in told if event.kind == "shard_failed"] == ["commit"]
    assert "shard_quarantined" not in kinds(told)


def test_twice_the_count_keeps_every_part():
    """Only the second half is made; the first is named in the new manifest with the same digests."""
    before, _ = go(spec := job(), ScriptedCrew())
    after, _ = go(job("generate.count=80", output=spec.output), crew := ScriptedCrew())
    assert sorted(crew.tries) == [4, 5, 6, 7]
    assert crew.stages == ["generate"]
    assert after.key == before.key
    assert digests(before).items() < digests(after).items()
    assert digests(after) == digests(quiet("generate.count=80"))


def test_a_short_last_part_is_superseded():
    """The full one is made in its place, and the dataset is the one that was never shorter."""
    go(spec := job("generate.count=35"), ScriptedCrew())
    after, _ = go(job("generate.count=50", output=spec.output), crew := ScriptedCrew())
    assert sorted(crew.tries) == [3, 4]
    there = [e.key.rpartition("/")[2] for e in survey(spec).store.list(layout.dataset(after.key, "data/"))]
    assert there == NAMES
    assert after.digest == quiet("generate.count=50").digest


def test_a_smaller_count_afterwards_is_complete():
    """The larger dataset serves it; nothing is made and nothing is removed."""
    before, _ = go(spec := job(), ScriptedCrew())
    after, _ = go(job("generate.count=15", output=spec.output), crew := ScriptedCrew())
    assert crew.stages == []
    assert after.to_json() == before.to_json()


def test_another_seed_redoes_generation_only():
    """Beside the first dataset, which stays."""
    before, _ = go(spec := job(), ScriptedCrew())
    after, _ = go(job("seed=1", output=spec.output), crew := ScriptedCrew())
    assert crew.stages == ["generate"]
    assert (after.checkpoint, after.key == before.key) == (before.checkpoint, False)
    assert survey(spec).complete


def test_a_killed_driver_is_followed_by_another():
    """Dead at any event that it told, it leaves a store from which the same command ends in the same dataset."""

    class Killed(BaseException):
        pass

    def dies(at):
        told = []

        def listen(event):
            told.append(event)
            if len(told) == at:
                raise Killed

        return listen

    expected, told = go(job(), ScriptedCrew())
    for at in range(1, len(told) + 1):
        found = survey(spec := job())
        with pytest.raises(Killed):
            drive(found, crew := ScriptedCrew(), EventLog(found.store, "r", dies(at)), clock=crew.clock)
        assert go(spec, ScriptedCrew())[0].to_json() == expected.to_json()


def test_two_drivers_at_once_do_no_harm():
    """Both looked before either began, so each does all the work; they write the same bytes and seal one dataset."""
    one, other = survey(spec := job()), survey(spec)
    manifests = [
        drive(found, crew := ScriptedCrew(), EventLog(found.store, "r"), clock=crew.clock) for found in (one, other)
    ]
    assert manifests[0].to_json() == manifests[1].to_json()
    assert survey(spec).complete


FAULT = st.sampled_from([StoreError("503"), WorkerError("gone"), OSError("disk")]) | st.builds(
    Lost, st.sampled_from(["nothing", "part", "receipt"])
)
TABLES = st.dictionaries(st.tuples(st.integers(0, 5), st.integers(1, 3)), FAULT, max_size=18)


@given(TABLES, st.integers(1, 8), st.integers(1, 60))
def test_no_fault_that_is_overcome_leaves_a_trace(faults, workers, count):
    """Whatever fails, and however many workers there are: if each shard succeeds within its attempts, the sealed
    manifest is the quiet run's.
    """
    crew = ScriptedCrew(faults, workers)
    manifest, told = go(job("generate.attempts=4", f"generate.count={count}"), crew)
    assert manifest.to_json() == quiet(f"generate.count={count}").to_json()
    assert kinds(told).count("part_done") == len(manifest.parts)
    assert sum(crew.tries.values()) == len(manifest.parts) + kinds(told).count("shard_failed")


GIVEN_UP_IN_AN_OUTAGE = {
    **dict.fromkeys([(0, 1), (1, 1)], StoreError("503")),
    **dict.fromkeys([(0, 2), (1, 2), (1, 3)], OSError("disk")),
}


@given(TABLES, st.integers(1, 8))
@example(GIVEN_UP_IN_AN_OUTAGE, 1)
def test_every_run_makes_progress_or_says_what_is_missing(faults, workers):
    """With two attempts a run, the same command, often enough, ends in the quiet run's dataset."""
    spec, crew = job("generate.attempts=2", "generate.count=60"), ScriptedCrew(faults, workers)
    for _ in range(3):
        try:
            manifest, _ = go(spec, crew)
        except Incomplete:
            assert 0 < len(survey(spec).plan) - len(survey(spec).receipts) <= len({shard for shard, _ in faults})
        else:
            break
    assert manifest.digest == quiet("generate.count=60").digest


def result(spec: JobSpec) -> dict:
    store = layout.job_store(spec)
    return json.loads(store.get(layout.run(layout.run_id(spec), "result.json")))


def ran(spec: JobSpec, crew: ScriptedCrew) -> list[Event]:
    found, told = survey(spec), []
    with EventLog(found.store, layout.run_id(spec), told.append) as events:
        run(found, crew, events)
    return told


def test_the_result_of_a_run_is_written():
    """Where the dataset is and what it is, for whoever asks later."""
    told = ran(spec := job(), ScriptedCrew())
    found, manifest = result(spec), survey(spec).manifest
    assert (found["state"], found["exit_code"], found["rows"]) == ("done", 0, 40)
    assert (found["dataset"], found["digest"]) == (manifest.key, manifest.digest)
    assert told[-1].kind == "run_done"
    assert told[-1].fields["digest"] == manifest.digest


@pytest.mark.parametrize(
    ("error", "attempts", "state", "code"),
    [
        (WorkerError("lost"), 1, "incomplete", 1),
        (InputError("generate.sampler: found 0"), 3, "failed", 2),
        (OSError("disk caf\udce9"), 1, "incomplete", 1),
    ],
    ids=["quarantined", "stopped", "no text"],
)
def test_the_result_of_a_run_that_failed_is_written(error, attempts, state, code):
    """With the error that its process ends with, and the exit code."""
    spec = job(f"generate.attempts={attempts}")
    with pytest.raises((Incomplete, InputError)) as raised:
        ran(spec, ScriptedCrew({(0, 1): error}))
    found = result(spec)
    assert (found["state"], found["exit_code"], raised.value.exit_code) == (state, code, code)
    assert found["error"] == str(raised.value).replace("\udce9", "?")
    assert [e.kind for e in read(layout.job_store(spec), layout.run_id(spec))][-1] == f"run_{state}"
