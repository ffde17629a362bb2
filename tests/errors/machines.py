"""What can go wrong with workers, as far as it can be provoked without a Ray."""

from __future__ import annotations

import ray.exceptions

from jobs import layout
from jobs.crew import TrainTask
from tests.errors.provoked import Scene, provokes
from workers.course import Course
from workers.faults import our
from workers.train import States

WORKERS = "Workers"


@provokes(
    WORKERS,
    "A worker whose process ended",
    "`genai run job.yaml`, and the system killed a worker",
    hint="Mostly for want of memory: ask for a smaller batch, or for fewer workers on a machine.",
)
def worker_lost(scene: Scene) -> None:
    raise our(ray.exceptions.WorkerCrashedError())


@provokes(
    WORKERS,
    "A worker that raised what is none of ours",
    "`genai run job.yaml`, with a family of your own that has a fault",
    hint="Where the family, the source or the network is your own, mend it; else report it.",
)
def worker_failed(scene: Scene) -> None:
    raise our(ray.exceptions.RayTaskError("make", "", ZeroDivisionError("division by zero")))


@provokes(
    WORKERS, "A training that does not get on", "`genai run job.yaml`, and a machine goes again and again", job=""
)
def course_over(scene: Scene) -> None:
    spec = scene.target().spec
    course = Course(TrainTask(spec, "0" * 16, "0" * 16), lambda *_, **__: None)
    course.heard("state_saved", {"step": 40})
    for _ in range(9):
        course.failed("worker 1, host/4711 died (step 41, computing)")
        course.again()


class Second:
    """The second worker of two; the first has found a state that this one cannot read."""

    rank, size = 1, 2

    def gather(self, value):
        return [value.new_tensor([40, 1, 2]), value]


@provokes(
    WORKERS,
    "A worker that cannot read the saved state",
    "`genai run job.yaml`, on two machines of which one sees another folder",
)
def state_unread(scene: Scene) -> None:
    found = scene.finished()
    States(found.store, layout.checkpoint(found.train_key, "x").split("/")[1]).agreed(Second())
