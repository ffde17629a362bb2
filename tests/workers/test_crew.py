"""The suite of crews over Ray, and what a request for devices comes to."""

import pytest
import ray

from genai.errors import InputError, WorkerError
from jobs.crew import GenerateTask, TrainTask
from tests.jobs.crew_suite import *  # noqa: F403  # the suite's tests and fixtures
from tests.jobs.crew_suite import silent
from tests.jobs.scripted import job
from workers.crew import RayCrew
from workers.faults import ours

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def crew():
    return RayCrew()


def asking(output, *overrides):
    """A training that cannot begin: nothing is prepared."""
    return TrainTask(job(*overrides, output=output), "2" * 16, "0" * 16)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["train.workers={count: 2, gpu: 3}"], ["2 workers of 3 GPU, 6 in all", "has 4"]),
        (["train.workers={count: 2, cpu: 2.5}"], ["2 workers of 2.5 CPU, 5 in all", "has 4"]),
    ],
)
def test_more_than_the_cluster_has_is_refused_at_once(crew, output, overrides, words):
    """Nothing waits for a device that never comes."""
    with pytest.raises(InputError) as caught:
        crew.train(asking(output, *overrides), print)
    assert all(word in str(caught.value) for word in words)


def test_more_gpus_to_mint_than_the_cluster_has_are_refused_at_once(crew, output):
    """The smallest number of workers is what has to fit; more of them may wait."""
    task = GenerateTask(job("generate.workers={min: 5, gpu: 1}", output=output), "3" * 16, "2" * 16, "", None)
    with (
        pytest.raises(InputError, match=r"generate\.workers: found 5 workers of 1 GPU"),
        crew.pool(task, 9, silent),
    ):
        pass


def test_a_trainer_that_finds_no_gpu_says_which_it_was_given(crew, output):
    """Ray here declares GPUs that do not exist: one clear error before any group is started."""
    with pytest.raises(InputError, match=r"Ray gave this worker the GPUs [0-3], but torch .* finds no CUDA device"):
        crew.train(asking(output, "train.workers.gpu=1"), print)


def test_a_minter_that_finds_no_gpu_says_which_it_was_given(crew, made):
    """The same for drawing, by a share of one, without five tries."""
    spec = job("generate.workers={min: 1, gpu: 0.5}", output=made.train.spec.output)
    task = GenerateTask(spec, "4" * 16, made.train.key, made.generate.checkpoint, made.generate.plan)
    with (
        crew.pool(task, 1, silent) as pool,
        pytest.raises(InputError, match=r"Ray gave this worker the GPUs [0-3]"),
    ):
        pool.wait(60)


@pytest.mark.parametrize(("gpu", "workers", "seen"), [(1, 2, 2), (2, 2, 4), (0.5, 2, 1)])
def test_ray_shows_each_worker_its_own_gpus(gpu, workers, seen):
    """Whole requests get whole GPUs, fractions share them, and CUDA_VISIBLE_DEVICES says which."""

    class Hold:
        def sees(self):
            import os

            return os.environ["CUDA_VISIBLE_DEVICES"].split(",")

    held = [ray.remote(Hold).options(num_gpus=gpu, num_cpus=0).remote() for _ in range(workers)]
    shown = ray.get([actor.sees.remote() for actor in held])
    assert {len(devices) for devices in shown} == {max(1, gpu)}
    assert len({device for devices in shown for device in devices}) == seen


def test_an_error_of_ours_comes_through_ray_as_it_was():
    """Its type and its whole text, without Ray's traceback around it."""

    def refuse():
        raise InputError("here: found this; allowed: that")

    with pytest.raises(InputError) as caught, ours():
        ray.get(ray.remote(num_cpus=0)(refuse).remote())
    assert type(caught.value) is InputError
    assert str(caught.value) == "here: found this; allowed: that"


def test_a_foreign_error_is_a_worker_error_with_its_own_words():
    """It may be the world's fault, so it may be tried again."""

    def fail():
        raise ZeroDivisionError("by nothing")

    with pytest.raises(WorkerError, match="ZeroDivisionError: by nothing"), ours():
        ray.get(ray.remote(num_cpus=0)(fail).remote())
