"""Training on Ray Train: whoever computes, however often it is struck, the checkpoint is that of one process."""

import os
import signal
from dataclasses import replace
from pathlib import Path

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

STEPS, EVERY, AT = 40, 10, 26  # the step at which a worker of two is struck
TRAIN = [f"train.steps={STEPS}", "train.micro_batches=4", f"train.checkpoint_every={EVERY}", "train.validate_every=15"]
TITLE = "ray::RayTrainWorker"


def own(output, *overrides):
    """A job whose workers the test can strike: two of them compute two losses each, a step."""
    family = f"model={{family: 'tests.workers.stricken:Stricken', signals: '{output}/signals', at: {2 * AT}}}"
    return job(*TRAIN, family, *overrides, output=output)


@pytest.fixture(scope="module")
def spec(output):
    return own(output)


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
    return TrainTask(own(output, *overrides), sha256(str(overrides).encode())[:16], "0" * 16)


@pytest.mark.parametrize(
    ("count", "memory"),
    [
        pytest.param(1, 1 << 30, id="1", marks=pytest.mark.soak),
        pytest.param(4, 0, id="4, streamed by Ray Data", marks=pytest.mark.soak),
    ],
)
def test_any_number_of_workers_makes_the_same_checkpoint(count, memory, alone, output):
    """Weights, history and measures, to the last bit; and so does the way by which the rows came."""
    task = with_workers(output, f"train.workers.count={count}")
    assert RayCrew(feed_memory_bytes=memory).train(task, silent) == alone


@pytest.mark.parametrize(
    ("rank", "blow", "patience", "words"),
    [
        pytest.param(0, signal.SIGKILL, 60, " died: ", id="killed"),
        pytest.param(
            1, signal.SIGSTOP, 7, " was silent for ", id="stopped, which only the watch sees", marks=pytest.mark.soak
        ),
    ],
)
def test_a_lost_worker_changes_no_bit(rank, blow, patience, words, alone, output):
    """A new group goes on from the last state, which the end leaves no trace of."""
    task, told = with_workers(output, f"train.workers={{count: 2, patience: {patience}}}"), []
    due = Path(output, "signals", f"{rank}.{int(blow)}")
    due.parent.mkdir(exist_ok=True)
    due.touch()
    assert RayCrew().train(task, lambda kind, **fields: told.append((kind, fields))) == alone
    assert not due.exists(), "no worker was struck"
    (error,) = {
        fields["error"] for kind, fields in told if kind == "worker_lost" and f"worker {rank}, " in fields["error"]
    }
    assert words in error
    assert (AT - 1) // EVERY * EVERY in [fields["step"] for kind, fields in told if kind == "train_again"]
    assert states(layout.job_store(task.spec), task) == []


def states(store, task):
    """What is saved of an unfinished training."""
    return list(store.list(layout.checkpoint(task.key, "state/")))


@pytest.mark.soak
def test_ddp_trains_under_a_key_of_its_own(alone, output, prepared):
    """Plain DDP stays available; its sums depend on the number of workers, and so does its key."""
    task = with_workers(output, "train.workers.count=2", "train.reduction=ddp", "train.steps=20")
    assert RayCrew().train(task, silent)["steps"] == 20
    three = replace(task, spec=own(output, "train.workers.count=3", "train.reduction=ddp", "train.steps=20"))
    assert len({layout.train_key(t.spec, prepared.digest) for t in (task, three)}) == 2


@pytest.mark.soak
def test_a_loss_that_is_not_finite_ends_the_training_at_once(output, prepared):
    """A new start would meet it again: the error of the workers comes as it was, after one try."""
    task = with_workers(output, "train.workers.count=2", "train.learning_rate=1e30", "train.clip=null")
    told = []
    with pytest.raises(GenaiError, match=r"training: step \d+ has the loss (nan|inf)") as caught:
        RayCrew().train(task, lambda kind, **fields: told.append((kind, fields.get("step"))))
    assert type(caught.value) is GenaiError
    assert told.count(("train_step", 1)) == 1


@pytest.mark.soak
def test_a_group_that_is_struck_too_often_is_given_up(output, prepared):
    """New starts are as many as the spec says; what was saved stays for the next run."""
    long = ["train.steps=600", "train.checkpoint_every=50", "train.validate_every=250"]
    task = with_workers(output, "train.workers.max_failures=0", *long)

    def strike(kind, **fields):
        if kind == "train_step" and fields["step"] > 200:
            os.kill(named(TITLE)[-1], signal.SIGKILL)

    with pytest.raises(WorkerError, match=r"training was given up .* died: .*the state of step \d+ is safe"):
        RayCrew().train(task, strike)
    assert list(layout.job_store(task.spec).list(layout.checkpoint(task.key, "state/")))


@pytest.mark.soak
def test_an_error_that_is_not_ours_is_told_in_the_words_of_the_worker(output, prepared):
    """Not as what Ray, or the workers that lost it, make of it."""
    settings = [*TRAIN, "model={family: 'tests.workers.breaking:Breaking'}", "train.checkpoint_every=1000"]
    task = TrainTask(job(*settings, "train.workers.max_failures=0", output=output), "b" * 16, "0" * 16)
    with pytest.raises(WorkerError, match=r"\): worker 0, .*: ValueError: loss 100 cannot be had .*no state was saved"):
        RayCrew().train(task, silent)
