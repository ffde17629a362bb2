"""Training on Ray: one start after another until it is done, and what the driver hears and judges meanwhile.

A start ends by itself (a worker died, or raised), or is ended (a worker is silent, or there is room for more). The next
goes on from the last state in the store, with as many workers as find a seat: the checkpoint's bits do not depend on
their number.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

from ray.exceptions import RayError

from genai.errors import GenaiError, StoreError
from jobs import layout
from jobs.crew import Note, TrainTask
from workers.attempt import LEAVE_SECONDS, Attempts
from workers.course import Course
from workers.faults import words
from workers.host import BEAT, ENDED, FAILED, Reason
from workers.seats import Wish, room
from workers.watch import START_SECONDS, Watch

LISTEN_SECONDS = 0.5
QUIET_SECONDS = 30.0  # without progress: what is waited for is told, and again after as long
WORTH_SECONDS = 120.0  # of training left for which a new start with more workers pays


def train_by_ray(task: TrainTask, note: Note, feed_memory_bytes: int) -> dict[str, Any]:
    """Train on the cluster, and pass on what its workers tell until it is over. Gives what `metrics.json` says.

    Raises what a worker raised where no retry mends it, and WorkerError after `max_failures` starts in vain.
    """
    course, workers, start = Course(task, note), task.spec.train.workers, START_SECONDS
    with Attempts(task, feed_memory_bytes) as attempts:
        while True:
            size, metrics = room(workers, task.spec.train.least_workers, note), None
            watch = Watch(size, workers.patience, start)
            try:
                with attempts.start(size), Wish(workers, workers.count - size) as wish:
                    metrics = Following(course, attempts, watch, wish).until_it_ends()
            except RayError as error:
                course.failed(f"the process beside the driver that holds the group was lost: {words(error)}")
                attempts.close()
            if metrics := metrics or finished(task):
                return metrics
            course.again()
            start = watch.next_start


def finished(task: TrainTask) -> dict[str, Any] | None:
    """What `metrics.json` says, where a group was lost after all was in the store."""
    from workers.train import States

    store = layout.job_store(task.spec)
    with suppress(StoreError):
        found = json.loads(store.get(layout.checkpoint(task.key)))
        States(store, task.key).clear()
        return found
    return None


class Following:
    """One start as the driver follows it: mail comes in, the watch judges, until it ends or is to be ended."""

    def __init__(self, course: Course, attempts: Attempts, watch: Watch, wish: Wish) -> None:
        self._course, self._attempts, self._watch, self._wish = course, attempts, watch, wish
        self._errors: dict[int, GenaiError | str] = {}  # that workers told, the cause first
        self._metrics: dict[str, Any] | None = None
        self._told = 0.0  # seconds of quiet that were told of
        self._since = (0, time.monotonic())  # the step from which it went on, and when
        self._steps = 0  # of the whole training
        self._over = False

    def until_it_ends(self) -> dict[str, Any] | None:
        """What it made, or None where it has to be started again. Raises what no other start would mend."""
        while not self._over:
            self._listen()
        return self._metrics

    def _listen(self) -> None:
        reasons = self._attempts.ended()
        for kind, fields in self._attempts.take(0 if reasons is not None else LISTEN_SECONDS):
            self._hear(kind, fields)
        self._watch.tick(time.monotonic())
        if self._metrics is not None:
            self._attempts.ended(LEAVE_SECONDS)
            self._over = True
        elif reasons is not None:
            self._fell(reasons)
        else:
            self._judge()

    def _hear(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == BEAT:
            self._watch.heard(fields["beat"])
            return
        if kind == ENDED:
            self._metrics = fields["metrics"]
            return
        if kind == FAILED:
            self._failed(fields["rank"], fields["error"])
            return
        self._course.heard(kind, fields)
        if kind == "train_started":
            self._since = (fields["step"], time.monotonic())
        if kind == "train_step":
            self._steps = fields["steps"]
        if kind == "state_saved" and self._wish.granted and self._left(fields["step"]) > WORTH_SECONDS:
            self._over = True

    def _failed(self, rank: int, error: GenaiError | str) -> None:
        if isinstance(error, GenaiError) and not error.retryable:
            raise error
        self._errors[rank] = error

    def _fell(self, reasons: list[Reason]) -> None:
        """It ended by itself, without a result."""
        self._over = True
        who, last = self._watch.who, self._watch.last
        gone = [(who(reason.rank), f"{last(reason.rank)} died: {reason.text}") for reason in reasons if reason.died]
        gone = gone or [(s.worker, s.why) for s in self._watch.unheard() if s.rank not in self._errors]
        for worker, why in gone:
            self._course.lost(worker, why)
        told = [f"{last(rank)}: {error}" for rank, error in self._errors.items()]
        reason = "; ".join(why for _, why in gone[:3]) or next(iter(told + [r.text for r in reasons]), "")
        self._course.failed(reason or "it ended without a result")

    def _judge(self) -> None:
        suspects = self._watch.suspects()
        for suspect in suspects:
            if suspect.worker:
                self._course.lost(suspect.worker, suspect.why)
        if suspects:
            self._course.failed("; ".join(suspect.why for suspect in suspects))
            self._over = True
        quiet = self._watch.quiet
        self._told = min(self._told, quiet)
        if quiet - self._told > QUIET_SECONDS:
            self._told = quiet
            self._course.note("waiting", seconds=round(quiet, 1), on=self._watch.waiting())

    def _left(self, step: int) -> float:
        """Seconds of training left at the pace of this start."""
        first, began = self._since
        return (self._steps - step) * (time.monotonic() - began) / max(1, step - first)
