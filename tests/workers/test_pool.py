"""The pool on a real Ray: it grows, shrinks, and loses workers without losing shards."""

import os
import signal
from dataclasses import replace

import pytest

from genai.errors import IntegrityError, WorkerError
from jobs.crew import Done, Failed, GenerateTask
from tests.jobs.crew_suite import WAITS, make, outcomes, silent
from workers import pool as pools
from workers.crew import RayCrew
from workers.local import LocalCrew
from workers.pool import IN_HAND, RayPool

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def made(output):
    """A checkpoint to mint with, and a job of four shards for one or two workers."""
    return make(LocalCrew(), output)


@pytest.fixture
def pool(made, request):
    """A pool with as much work as the job has; `request.param` seconds of silence end a worker."""
    task = patient(made.generate, getattr(request, "param", 60))
    with RayCrew().pool(task, len(made.shards), silent) as pool:
        yield pool


def patient(task, seconds):
    """The same task by workers that are waited for so long."""
    generate = task.spec.generate
    workers = generate.workers.model_copy(update={"patience": float(seconds)})
    spec = task.spec.model_copy(update={"generate": generate.model_copy(update={"workers": workers})})
    return replace(task, spec=spec)


def ready(pool, workers):
    """Wait until so many workers are ready; their names."""
    for _ in range(WAITS):
        if len(pool.names) == workers:
            return pool.names
        assert pool.wait(1.0) == []
    pytest.fail(f"{len(pool.names)} workers, not {workers}, after {WAITS} waits")


def strike(name, number):
    """Send a signal to the worker that is named host/pid."""
    os.kill(int(name.split("/")[1]), number)


def hand_over(pool, shards):
    """Stop all workers and give them shards, so that these are certainly in hand."""
    for name in pool.names:
        strike(name, signal.SIGSTOP)
    for shard in shards:
        pool.submit(shard)


def lost(pool, number):
    """So many failures, without submitting anything more."""
    found = []
    for _ in range(WAITS):
        found += pool.wait(1.0)
        assert pool.room >= 0
        if len(found) >= number:
            return found
    pytest.fail(f"{len(found)} shards came back of {number}")


@pytest.mark.parametrize(("backlog", "workers"), [(1, 1), (2, 2), (4, 2)])
def test_no_more_workers_than_shards(made, backlog, workers):
    """A backlog of one needs one worker, whatever the most is; the most here is two."""
    with RayCrew().pool(made.generate, backlog, silent) as pool:
        assert f"{workers} worker(s) of 1 CPU" in pool.waiting()


def test_it_grows_replaces_the_killed_and_lets_them_go_without_work(pool, made):
    """Each shard in the hand of one that is killed fails once, by name; tried again, by a new worker, all are made. Two
    workers for four shards; one is kept when there is nothing left to do.
    """
    names = ready(pool, 2)
    assert pool.room == 2 * IN_HAND
    hand_over(pool, made.shards)
    assert pool.room == 0
    for name in names:
        strike(name, signal.SIGKILL)
    failed = lost(pool, len(made.shards))
    assert {outcome.shard for outcome in failed} == set(made.shards)
    assert {outcome.worker for outcome in failed} == set(names)
    assert all(isinstance(o.error, WorkerError) and o.shard.name in str(o.error) for o in failed)
    assert set(ready(pool, 2)).isdisjoint(names)
    again = outcomes(pool, made.shards)
    assert all(isinstance(outcome, Done) and outcome.receipt.worker not in names for outcome in again)
    assert len(pool.names) == 1


@pytest.mark.soak
@pytest.mark.parametrize("pool", [8.0], indirect=True)
def test_a_worker_that_does_not_answer_is_given_up(pool, made):
    """A stopped process never ends its call; its shard is tried elsewhere all the same."""
    names = ready(pool, 2)
    hand_over(pool, made.shards[:2])
    failed = lost(pool, 2)
    assert all(isinstance(o, Failed) and isinstance(o.error, WorkerError) for o in failed)
    assert {o.receipt.worker for o in outcomes(pool, made.shards[:2])}.isdisjoint(names)


def test_a_checkpoint_that_is_not_the_one_asked_for_stops_the_run(made):
    """No other start would mend it."""
    task = GenerateTask(made.generate.spec, "5" * 16, made.train.key, "0" * 64, made.generate.plan)
    with RayCrew().pool(task, 1, silent) as pool, pytest.raises(IntegrityError, match="0000"):
        lost(pool, 1)


def test_workers_that_never_start_end_the_run(made, monkeypatch):
    """After so many in a row, with what became of the last."""
    monkeypatch.setattr(pools, "START_SECONDS", 0.0)
    with (
        RayCrew().pool(made.generate, len(made.shards), silent) as pool,
        pytest.raises(WorkerError, match=r"^5 workers in a row could not start; the last: worker \S+ did not start"),
    ):
        ready(pool, 1)


def test_workers_that_find_no_place_end_the_run(made, monkeypatch):
    """With what they ask for and what is free."""
    monkeypatch.setattr(pools, "PLACE_SECONDS", 1.0)
    generate = made.generate.spec.generate
    workers = generate.workers.model_copy(update={"cpu": 1000.0})
    spec = made.generate.spec.model_copy(update={"generate": generate.model_copy(update={"workers": workers})})
    pool = RayPool(replace(made.generate, spec=spec), len(made.shards), silent)
    try:
        with pytest.raises(WorkerError, match=r"no worker had a place for 1 s; .* of 1000 CPU, 0 GPU .* 4 GPU free"):
            ready(pool, 1)
    finally:
        pool.close()
