"""The crew on Ray: Ray Train trains, plain actors mint, Ray Data reads what does not fit into memory.

Nothing that matters is kept in Ray: parts, receipts and states are in the store before Ray knows of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from genai.errors import InputError
from genai.prepared import Prepared
from jobs.crew import Note, PrepareTask, Task, TrainTask
from workers import feed, preparer
from workers.devices import device_of
from workers.faults import ours
from workers.group import train_by_ray
from workers.machines import grows
from workers.pool import RayPool


class RayCrew:
    """Does every stage on the Ray that this process is connected to.

    Sources larger than `prepare_memory_bytes`, and training splits larger than `feed_memory_bytes`, go through Ray
    Data.
    """

    def __init__(
        self,
        prepare_memory_bytes: int = preparer.MEMORY_BYTES,
        feed_memory_bytes: int = feed.MEMORY_BYTES,
    ) -> None:
        self._prepare_memory_bytes = prepare_memory_bytes
        self._feed_memory_bytes = feed_memory_bytes

    def prepare(self, task: PrepareTask, note: Note) -> Prepared:
        with ours():
            return preparer.prepare_by_ray(task, note, self._prepare_memory_bytes)

    def train(self, task: TrainTask, note: Note) -> dict[str, Any]:
        workers = task.spec.train.workers
        demand("train.workers", workers.count, workers.cpu, workers.gpu)
        with ours():
            if workers.gpu and ray.cluster_resources().get("GPU"):
                check_gpu(workers.gpu)
            return train_by_ray(task, note, self._feed_memory_bytes)

    @contextmanager
    def pool(self, task: Task, backlog: int, note: Note) -> Iterator[RayPool]:
        workers = task.workers
        demand("generate.workers", workers.min, workers.cpu, workers.gpu)
        pool = RayPool(task, backlog, note)
        try:
            yield pool
        finally:
            pool.close()


def demand(path: str, count: int, cpu: float, gpu: float) -> None:
    """Compare a request with the cluster before anything waits for it: one worker has to fit on one machine, and all of
    them on all. Raises InputError. A cluster that grows may have more when it is asked to.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for name, each in (("GPU", gpu), ("CPU", cpu)):
        has = [machine.get(name, 0.0) for machine in machines]
        fit = sum(int(there / each) for there in has) if each else count
        if fit < count and not grows():
            raise InputError(
                f"{path}: found {count} workers of {each:g} {name}, {count * each:g} in all; the cluster has "
                f"{sum(has):g}, at most {max(has, default=0):g} on one machine: ask for at most that, or give it more"
            )


def check_gpu(gpu: float) -> None:
    """Whether a worker that Ray gives a GPU finds it. Raises InputError where not."""

    def look() -> str:
        return device_of(gpu, f"the GPUs {', '.join(map(str, ray.get_gpu_ids()))}")

    ray.get(ray.remote(num_gpus=gpu, num_cpus=0)(look).remote())
