"""How often a training is started again."""

import pytest

from genai.errors import WorkerError
from jobs.crew import TrainTask
from tests.jobs.scripted import job
from workers.course import Course


class Told(list):
    """What was told."""

    def __call__(self, kind, **fields):
        self.append((kind, fields))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def course(told):
    """Two starts in vain are borne."""
    return Course(TrainTask(job("train.workers.max_failures=2"), "1" * 16, "0" * 16), told)


def fails(course, why="worker 1 died"):
    course.failed(why)
    course.again()


def test_starts_that_get_on_are_not_counted(course):
    """A night may have any number of preemptions, as long as each start saves a state more."""
    for step in range(100, 2000, 100):
        course.heard("train_started", {"step": step - 100, "workers": 2})
        course.heard("state_saved", {"step": step})
        fails(course)


def test_starts_in_a_row_without_a_new_state_are_bounded(course):
    """Saving again what is there is no progress. The error says why, how often, what is safe, and what to do."""
    course.heard("state_saved", {"step": 100})
    for _ in range(2):
        fails(course)
        course.heard("train_started", {"step": 100, "workers": 2})
        course.heard("state_saved", {"step": 100})
    with pytest.raises(WorkerError) as caught:
        fails(course, "worker 0: ValueError: odd")
    assert str(caught.value) == (
        "training was given up (new starts in a row that saved no new state: 2; train.workers.max_failures: 2): "
        "worker 0: ValueError: odd; the state of step 100 is safe, and the same command goes on from there"
    )


def test_each_new_start_is_told(course, told):
    """With the step it goes on from, the workers that were lost, and the count."""
    course.lost("two/22", "worker 1 was silent")
    fails(course, "worker 1 was silent")
    assert told == [
        ("worker_lost", {"stage": "train", "worker": "two/22", "error": "worker 1 was silent"}),
        ("train_again", {"step": 0, "tries": 1, "of": 2, "error": "worker 1 was silent", "lost": ["two/22"]}),
    ]


def test_a_start_with_more_workers_is_no_failure(course, told):
    """There was room for them."""
    for _ in range(9):
        course.again()
    assert told[-1] == ("train_again", {"step": 0, "tries": 0, "of": 2, "error": "", "lost": []})
