"""Training on Ray Train: whoever computes, however often it is struck, the checkpoint is that of one process."""

import os
import signal
from dataclasses import replace

import pytest

from genai.errors import GenaiError, WorkerError
from genai.identity import sha256
from jobs import layout
from jobs.crew import PrepareTask, TrainTask
from tests.jobs.scripted import job
from tests.processes import named
from workers.crew import RayCrew
from workers.local import LocalCrew

pytestmark = pytest.mark.ray

STEPS = 1200
TRAIN = [f"train.steps={STEPS}", "train.micro_batches=4", "train.checkpoint_every=100", "train.validate_every=500"]
TITLE = "ray::RayTrainWorker"


@pytest.fixture(scope="module")
def spec(output):
    return job(*TRAIN, output=output)


@pytest.fixture(scope="module")
def prepared(spec):
    prepared = LocalCrew().prepare(PrepareTask(spec, "0" * 16), print)
    layout.job_store(spec).put(layout.prepared("0" * 16), prepared.to_json())
    return prepared


@pytest.fixture(scope="module")
def alone(spec, prepared):
    """What one process makes of it."""
    return LocalCrew().train(TrainTask(spec, "1" * 16, "0" * 16), silent)


def silent(kind, **fields):
    """Somebody who listens and does nothing."""


def with_workers(output, *overrides):
    """The same training by other workers, under a key of its own so that it is done anew."""
    return TrainTask(job(*TRAIN, *overrides, output=output), sha256(str(overrides).encode())[:16], "0" * 16)


@pytest.mark.parametrize(("count", "memory"), [(1, 1 << 30), (4, 0)], ids=["1", "4, streamed by Ray Data"])
def test_any_number_of_workers_makes_the_same_checkpoint(count, memory, alone, output):
    """Weights, history and measures, to the last bit; and so does the way by which the rows came."""
    task = with_workers(output, f"train.workers.count={count}")
    assert RayCrew(feed_memory_bytes=memory).train(task, silent) == alone


def test_a_killed_worker_changes_no_bit(alone, output):
    """One of two is struck half way; a new group goes on from the last state, which the end leaves no trace of."""
    task = with_workers(output, "train.workers.count=2")
    store, steps = layout.job_store(task.spec), []

    def strike_once(kind, **fields):
        if kind == "train_step" and len(steps) < 2 and 200 < fields["step"] < STEPS:
            os.kill(named(TITLE)[-1], signal.SIGKILL)
            steps[:] = [fields["step"], len(list(store.list(layout.checkpoint(task.key, "state/"))))]

    assert RayCrew().train(task, strike_once) == alone
    assert len(steps) == 2, "training was over before a worker could be struck"
    assert list(store.list(layout.checkpoint(task.key, "state/"))) == []


def test_ddp_trains_under_a_key_of_its_own(alone, output, prepared):
    """Plain DDP stays available; its sums depend on the number of workers, and so does its key."""
    task = with_workers(output, "train.workers.count=2", "train.reduction=ddp", "train.steps=20")
    assert RayCrew().train(task, silent)["steps"] == 20
    three = replace(task, spec=job(*TRAIN, "train.workers.count=3", "train.reduction=ddp", "train.steps=20"))
    assert len({layout.train_key(t.spec, prepared.digest) for t in (task, three)}) == 2


def test_a_loss_that_is_not_finite_ends_the_training_at_once(output, prepared):
    """A new start would meet it again: the error of the workers comes as it was, after one try."""
    task = with_workers(output, "train.workers.count=2", "train.learning_rate=1e30", "train.clip=null")
    told = []
    with pytest.raises(GenaiError, match=r"training: step \d+ has the loss (nan|inf)") as caught:
        RayCrew().train(task, lambda kind, **fields: told.append(fields["step"]))
    assert type(caught.value) is GenaiError
    assert told.count(1) == 1


def test_a_group_that_is_struck_too_often_is_given_up(output, prepared):
    """New starts are as many as the spec says; what was saved stays for the next run."""
    task = with_workers(output, "train.workers.max_failures=0")

    def strike(kind, **fields):
        if fields["step"] > 200:
            os.kill(named(TITLE)[-1], signal.SIGKILL)

    with pytest.raises(WorkerError, match="training was given up"):
        RayCrew().train(task, strike)
    assert list(layout.job_store(task.spec).list(layout.checkpoint(task.key, "state/")))
