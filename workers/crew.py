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
from jobs.crew import GenerateTask, Note, PrepareTask, TrainTask
from workers import feed, prepare
from workers.devices import device_of
from workers.faults import ours
from workers.group import train_by_ray
from workers.pool import SILENCE_SECONDS, RayPool


class RayCrew:
    """Does every stage on the Ray that this process is connected to.

    Sources larger than `prepare_memory_bytes`, and training splits larger than `feed_memory_bytes`, go through Ray
    Data. A minting worker that does not answer for `silence_seconds` is given up.
    """

    def __init__(
        self,
        prepare_memory_bytes: int = prepare.MEMORY_BYTES,
        feed_memory_bytes: int = feed.MEMORY_BYTES,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._prepare_memory_bytes = prepare_memory_bytes
        self._feed_memory_bytes = feed_memory_bytes
        self._silence_seconds = silence_seconds

    def prepare(self, task: PrepareTask, note: Note) -> Prepared:
        with ours():
            return prepare.prepare_task(task, self._prepare_memory_bytes)

    def train(self, task: TrainTask, note: Note) -> dict[str, Any]:
        workers = task.spec.train.workers
        demand("train.workers", workers.count, workers.cpu, workers.gpu)
        with ours():
            if workers.gpu:
                check_gpu(workers.gpu)
            return train_by_ray(task, note, self._feed_memory_bytes)

    @contextmanager
    def generate(self, task: GenerateTask, backlog: int) -> Iterator[RayPool]:
        workers = task.spec.generate.workers
        demand("generate.workers", workers.min, workers.cpu, workers.gpu)
        pool = RayPool(task, backlog, self._silence_seconds)
        try:
            yield pool
        finally:
            pool.close()


def demand(path: str, count: int, cpu: float, gpu: float) -> None:
    """Compare a request with the cluster before anything waits for it. Raises InputError."""
    has = ray.cluster_resources()
    for name, each in (("GPU", gpu), ("CPU", cpu)):
        if count * each > has.get(name, 0):
            raise InputError(
                f"{path}: found {count} workers of {each:g} {name}, {count * each:g} in all; the cluster has "
                f"{has.get(name, 0):g}: ask for at most that, or give it more"
            )


def check_gpu(gpu: float) -> None:
    """Whether a worker that Ray gives a GPU finds it. Raises InputError where not."""

    def look() -> str:
        return device_of(gpu, f"the GPUs {', '.join(map(str, ray.get_gpu_ids()))}")

    ray.get(ray.remote(num_gpus=gpu, num_cpus=0)(look).remote())
