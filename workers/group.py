"""Training on Ray Train (v2): the group of workers, what they tell meanwhile, and how it ends.

Ray's checkpoints are not used: states are ours and in the store, so a group that Ray starts again, and a driver that
starts anew, go on alike. What Ray Train itself must write goes to a folder that is removed at the end.
"""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import torch
import torch.distributed as dist
from ray.util.queue import Empty, Queue
from torch import Tensor

from genai.errors import GenaiError, WorkerError
from jobs import layout
from jobs.crew import Note, TrainTask
from workers.train import fit_task

FAILED = "failed"  # a message of a worker: an error that no retry mends
STEP_SECONDS = 600  # a worker that waits longer for the others gives up, and the group starts again
LEAVE_SECONDS = 30  # for a group to end by itself after such an error


class Group:
    """The workers of a `torch.distributed` group, as `genai.exchange.Exchange`."""

    def __init__(self) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def gather(self, value: Tensor) -> list[Tensor]:
        found = [torch.empty_like(value) for _ in range(self.size)]
        dist.all_gather(found, value.contiguous())
        return found


def train_by_ray(task: TrainTask, note: Note, feed_memory_bytes: int) -> dict[str, Any]:
    """Train on the cluster, and pass on what its workers tell until it is over. Gives what `metrics.json` says.

    Raises what a worker raised where no retry mends it, and WorkerError after `max_failures` new starts.
    """
    mailbox = Queue(actor_options={"num_cpus": 0})
    try:
        with _scratch(task) as folder:
            config = {"task": task, "mailbox": mailbox, "feed_memory_bytes": feed_memory_bytes}
            return _listen(mailbox, _started(task, config, folder), note)
    finally:
        mailbox.shutdown(force=True)


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
        for entry in list(store.list(layout.checkpoint(task.key, "ray/"))):
            store.delete(entry.key)


def _started(task: TrainTask, config: dict[str, Any], folder: str) -> queue.Queue[BaseException | dict[str, Any]]:
    """Begin in a thread; where its end will be told."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    workers = task.spec.train.workers
    resources = {"CPU": workers.cpu, **({"GPU": workers.gpu} if workers.gpu else {})}
    # NCCL refuses two ranks on one device, so workers that share one talk by gloo.
    backend = "nccl" if workers.gpu >= 1 else "gloo"
    trainer = TorchTrainer(
        by_ray,
        train_loop_config=config,
        scaling_config=ScalingConfig(
            num_workers=workers.count, use_gpu=workers.gpu > 0, resources_per_worker=resources
        ),
        run_config=RunConfig(
            name=task.key, storage_path=folder, failure_config=FailureConfig(max_failures=workers.max_failures)
        ),
        torch_config=TorchConfig(backend=backend, timeout_s=STEP_SECONDS),
    )
    ended: queue.Queue[BaseException | dict[str, Any]] = queue.Queue()

    def fit() -> None:
        try:
            ended.put(trainer.fit().return_value or {})
        except BaseException as error:  # noqa: BLE001  # carried to the caller's thread
            ended.put(error)

    threading.Thread(target=fit, daemon=True).start()
    return ended


def _listen(mailbox: Queue, ended: queue.Queue[BaseException | dict[str, Any]], note: Note) -> dict[str, Any]:
    """Pass the workers' messages on until training ends; what it gave, or raises what it failed with."""
    told: GenaiError | None = None
    leave_at = float("inf")
    while ended.empty() and time.monotonic() < leave_at:
        told = _heard(mailbox, 0.5, note) or told
        if told and leave_at == float("inf"):
            leave_at = time.monotonic() + LEAVE_SECONDS
    told = _heard(mailbox, 0, note) or told
    if told is not None:
        raise told
    end = ended.get()
    if isinstance(end, BaseException):
        raise WorkerError(f"training was given up: {_words(end)}") from end
    return end


def _heard(mailbox: Queue, seconds: float, note: Note) -> GenaiError | None:
    """Pass on what is in the mailbox, waiting for the first; the error among it."""
    told = None
    with contextlib.suppress(Empty):
        while True:
            kind, fields = mailbox.get(block=seconds > 0, timeout=seconds or None)
            if kind == FAILED:
                told = fields["error"]
            else:
                note(kind, **fields)
    return told


def _words(error: BaseException) -> str:
    """The last line that says something: Ray puts a worker's own error there."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def by_ray(config: dict[str, Any]) -> dict[str, Any] | None:
    """What each worker of the group runs."""
    import ray.train.torch
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    task, mailbox = config["task"], config["mailbox"]

    def tell(kind: str, **fields: Any) -> None:
        mailbox.put_nowait((kind, fields))

    def wrap(objective: nn.Module) -> nn.Module:
        return DistributedDataParallel(objective)

    try:
        device = str(ray.train.torch.get_device()) if task.spec.train.workers.gpu else "cpu"
        limit = config["feed_memory_bytes"]
        return fit_task(task, tell, exchange=Group(), device=device, wrap=wrap, memory_bytes=limit)
    except GenaiError as error:
        if error.retryable:
            raise
        tell(FAILED, error=error)  # no new start would mend it, so the group shall end
        return None
