"""The crew on Ray: Ray Train trains, plain actors mint, Ray Data reads what does not fit into memory.

Foreign errors become ours here and nowhere else. Nothing that matters is kept in Ray: parts, receipts and states are
in the store before Ray knows of them.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import ray.exceptions
from ray.util.queue import Empty, Queue

from genai.errors import GenaiError, InputError, WorkerError
from genai.prepared import Prepared
from jobs import layout
from jobs.crew import GenerateTask, Note, PrepareTask, TrainTask
from workers.devices import device_of
from workers.pool import RayPool
from workers.prepare import MEMORY_BYTES, prepare_task
from workers.train import Group, fit_task

FAILED = "failed"  # a message of a training worker: an error that no retry mends


class RayCrew:
    """Does every stage on the Ray that this process is connected to."""

    def __init__(self, prepare_memory_bytes: int = MEMORY_BYTES) -> None:
        self._prepare_memory_bytes = prepare_memory_bytes

    def prepare(self, task: PrepareTask, note: Note) -> Prepared:
        with ours():
            return prepare_task(task, self._prepare_memory_bytes)

    def train(self, task: TrainTask, note: Note) -> dict[str, Any]:
        workers = task.spec.train.workers
        demand("train.workers", workers.count, workers.cpu, workers.gpu)
        with ours(), tempfile.TemporaryDirectory(prefix="genai-ray-") as folder:
            if workers.gpu:
                check_gpu(workers.gpu)
            return _train(task, note, folder)

    @contextmanager
    def generate(self, task: GenerateTask, backlog: int) -> Iterator[RayPool]:
        workers = task.spec.generate.workers
        demand("generate.workers", workers.min, workers.cpu, workers.gpu)
        pool = RayPool(task, backlog)
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
        return device_of(gpu, f"the GPUs {ray.get_gpu_ids()}")

    ray.get(ray.remote(num_gpus=gpu, num_cpus=0)(look).remote())


@contextmanager
def ours() -> Iterator[None]:
    """Ray's errors as ours: what our code raised on a worker comes out as it was."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause = error.as_instanceof_cause()
        if isinstance(cause, GenaiError):
            raise plain(cause) from None
        raise
    except ray.exceptions.RayError as error:
        raise WorkerError(f"a worker was lost: {first_line(error)}") from error


def plain(error: GenaiError) -> GenaiError:
    """The error without the class that Ray mixes in for the traceback's sake."""
    kind = next(k for k in type(error).__mro__ if issubclass(k, GenaiError) and k.__module__ == GenaiError.__module__)
    return kind(*_arguments(error))


def _arguments(error: BaseException) -> tuple[Any, ...]:
    cause = getattr(error, "cause", None)
    return tuple(cause.args) if isinstance(cause, BaseException) else error.args


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _train(task: TrainTask, note: Note, folder: str) -> dict[str, Any]:
    """Run Ray Train in a thread, and tell what its workers say, until it is over."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    workers = task.spec.train.workers
    mailbox = Queue(actor_options={"num_cpus": 0})
    alone = len([node for node in ray.nodes() if node["Alive"]]) == 1
    shared = layout.job_store(task.spec).locate(layout.checkpoint(task.key, "ray"))
    resources = {"CPU": workers.cpu, **({"GPU": workers.gpu} if workers.gpu else {})}
    trainer = TorchTrainer(
        by_ray,
        train_loop_config={"task": task, "mailbox": mailbox},
        scaling_config=ScalingConfig(
            num_workers=workers.count, use_gpu=workers.gpu > 0, resources_per_worker=resources
        ),
        run_config=RunConfig(
            name=task.key,
            storage_path=folder if alone else shared,
            failure_config=FailureConfig(max_failures=workers.max_failures),
        ),
        torch_config=TorchConfig(backend="nccl" if workers.gpu else "gloo", timeout_s=600),
    )
    ended: queue.Queue[BaseException | None] = queue.Queue()

    def fit() -> None:
        try:
            trainer.fit()
        except BaseException as error:  # noqa: BLE001  # carried to the caller's thread
            ended.put(error)
        else:
            ended.put(None)

    threading.Thread(target=fit, daemon=True).start()
    try:
        failure = _listen(mailbox, ended, note)
    finally:
        mailbox.shutdown(force=True)
        if not alone:
            shutil.rmtree(shared, ignore_errors=True)
    if failure is not None:
        raise failure
    return {}


def _listen(mailbox: Queue, ended: queue.Queue[BaseException | None], note: Note) -> BaseException | None:
    """Pass the workers' messages on until training ends; what it failed with."""
    told: GenaiError | None = None
    while True:
        over = not ended.empty()
        with contextlib.suppress(Empty):
            while True:
                kind, fields = mailbox.get(timeout=0 if over else 0.5)
                if kind == FAILED:
                    told = fields["error"]
                else:
                    note(kind, **fields)
        if over:
            error = ended.get()
            if told is not None:
                return told
            return WorkerError(f"training was given up: {first_line(error)}") if error else None


def by_ray(config: dict[str, Any]) -> None:
    """What each worker of the Ray Train group runs."""
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
        fit_task(task, tell, exchange=Group(), device=device, wrap=wrap)
    except GenaiError as error:
        if error.retryable:
            raise
        tell(FAILED, error=error)  # every worker meets it alike, and no new try would mend it
