"""The actor beside the driver that runs Ray Train's `fit` (v2) and holds the workers' mail.

So driver, mail and Ray Train's controller are on one machine, and the loss of any other takes none of them; and
whatever hangs, killing the actor ends it.
"""

from __future__ import annotations

import os
import queue
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

import ray

from jobs.crew import TrainTask
from workers import seats
from workers.faults import words

BEAT, FAILED, ENDED = "beat", "failed", "ended"  # mail that is not an event
STEP_SECONDS = 600  # the last net: who waits longer than this for the others gives up by itself
BOUNDS = ("max_failures", "controller_failure_limit", "max_preemption_failures")  # the last came after Ray 2.55

Mail = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Start:
    """What a group is made of."""

    number: int
    task: TrainTask
    size: int
    feed_memory_bytes: int
    folder: str  # where Ray Train keeps its notes


@dataclass(frozen=True)
class Reason:
    """Why a group ended, as Ray Train tells it; `rank` is the worker's, where it was one."""

    text: str
    rank: int | None = None
    died: bool = False


class Host:
    """The actor: Ray Train's `fit`, and the mailbox of the workers of one start after another."""

    def __init__(self, settings: dict[str, str]) -> None:
        os.environ.update(settings)  # read when ray.train is imported
        self._mail: dict[int, queue.SimpleQueue[Mail]] = {}  # by the number of the start

    def answer(self) -> None:
        """Shows that it runs."""

    def put(self, number: int, mail: Mail) -> None:
        """What the workers of an earlier start still have to say is not heard."""
        if number in self._mail:
            self._mail[number].put(mail)

    def take(self, number: int, seconds: float) -> list[Mail]:
        """What has come, waiting at most `seconds` for the first."""
        self._mail = {number: self._mail.get(number) or queue.SimpleQueue()}
        found = []
        with suppress(queue.Empty):
            found.append(self._mail[number].get(timeout=seconds))
            while True:
                found.append(self._mail[number].get_nowait())
        return found

    def fit(self, start: Start) -> list[Reason]:
        """Run the group until it ends; why it did, or nothing where all went well."""
        try:
            _trainer(start).fit()
        except Exception as error:  # noqa: BLE001  # told as text: not every class of Ray's is known to the driver
            return _reasons(error)
        return []


def _trainer(start: Start) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    from workers.member import by_ray

    workers = start.task.spec.train.workers
    # NCCL refuses two ranks on one device, so workers that share one talk by gloo.
    torch_config = TorchConfig(
        backend="nccl" if workers.gpu >= 1 else "gloo", timeout_s=max(STEP_SECONDS, int(4 * workers.patience))
    )
    once = FailureConfig(**{field.name: 0 for field in fields(FailureConfig) if field.name in BOUNDS})
    return TorchTrainer(
        by_ray,
        train_loop_config={"start": start, "mailbox": ray.get_runtime_context().current_actor},
        scaling_config=ScalingConfig(
            num_workers=start.size, use_gpu=workers.gpu > 0, resources_per_worker=seats.needs(workers)
        ),
        run_config=RunConfig(name=start.task.key, storage_path=start.folder, failure_config=once),
        torch_config=torch_config,
    )


def _reasons(error: Exception) -> list[Reason]:
    """Workers that died come before those that only lost them."""
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    died = {rank: getattr(failure, "health_check_failure", None) for rank, failure in failures.items()}
    found = [Reason(words(died[rank] or failure), rank, bool(died[rank])) for rank, failure in failures.items()]
    return sorted(found, key=lambda reason: not reason.died) or [Reason(f"Ray Train ended: {words(error)}")]
