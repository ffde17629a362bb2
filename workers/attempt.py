"""Starts of a training on Ray Train, as the driver holds them: each ends when it is left, whatever its workers do.

Ray's own retries, elasticity and checkpoints are not used: `workers.group` starts again, with as many workers as there
is room for, and the states in the store are ours.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from genai.errors import StoreError
from jobs import layout
from jobs.crew import TrainTask
from workers import seats
from workers.host import Host, Mail, Reason, Start
from workers.watch import START_SECONDS

LEAVE_SECONDS = 15.0  # for Ray Train to end in order
HOST_SECONDS = 30.0  # for the host to answer, once it runs
CALLS = 64  # to the host at once: fit, the driver's take, and the workers' puts


class Attempts:
    """The host as the driver holds it, and the start that is under way there."""

    def __init__(self, task: TrainTask, feed_memory_bytes: int) -> None:
        self._task, self._feed_memory_bytes = task, feed_memory_bytes
        self._host: Any = None
        self._fit: Any = None
        self._number = 0

    @contextmanager
    def start(self, size: int) -> Iterator[None]:
        """Begin with a group of `size` workers; leaving ends it."""
        with _scratch(self._task) as folder:
            self._number += 1
            self._host = self._host or _host()
            ray.get(self._host.answer.remote(), timeout=START_SECONDS)
            self._fit = self._host.fit.remote(Start(self._number, self._task, size, self._feed_memory_bytes, folder))
            try:
                yield
            except (KeyboardInterrupt, ray.exceptions.RayError):
                self.close()  # whoever stops us may not wait; and who is lost ends nothing in order
                raise
            finally:
                self._end()

    def take(self, seconds: float) -> list[Mail]:
        """The workers' mail. Raises RayError where the host is lost, or silent itself."""
        try:
            return ray.get(self._host.take.remote(self._number, seconds), timeout=seconds + HOST_SECONDS)
        except ray.exceptions.GetTimeoutError:
            raise ray.exceptions.GetTimeoutError(f"it did not answer for {HOST_SECONDS:.0f} s") from None

    def ended(self, seconds: float = 0) -> list[Reason] | None:
        """None while the group lives, then why it ended; nothing where all went well. Raises RayError as `take`."""
        return ray.get(self._fit) if ray.wait([self._fit], timeout=seconds)[0] else None

    def _end(self) -> None:
        """Let no worker live on, whatever it does. Ray Train sees them go and ends in order, or the host goes too."""
        if self._host and not ray.wait([self._fit], timeout=0)[0]:
            seats.clear()
            ray.wait([self._fit], timeout=LEAVE_SECONDS)
        try:
            ray.get(self._fit, timeout=0)
        except ray.exceptions.RayError:
            self.close()

    def close(self) -> None:
        """Let the host go, and all that it began."""
        if self._host:
            ray.kill(self._host)
        self._host = None
        seats.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _host() -> Any:
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    settings = {name: value for name, value in os.environ.items() if name.startswith("RAY_TRAIN_")}
    return ray.remote(Host).options(num_cpus=0, max_concurrency=CALLS, scheduling_strategy=here).remote(settings)


@contextmanager
def _scratch(task: TrainTask) -> Iterator[str]:
    """Where Ray Train keeps its notes: this machine's disk, or the job's store where there are several machines."""
    if sum(node["Alive"] for node in ray.nodes()) == 1:
        with tempfile.TemporaryDirectory(prefix="genai-ray-", ignore_cleanup_errors=True) as folder:
            yield folder
        return
    store = layout.job_store(task.spec)
    try:
        yield store.locate(layout.checkpoint(task.key, "ray"))
    finally:
        with suppress(StoreError):  # nobody reads them
            for entry in list(store.list(layout.checkpoint(task.key, "ray/"))):
                store.delete(entry.key)
