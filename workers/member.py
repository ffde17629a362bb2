"""A worker of a training group, as Ray Train runs it: it trains, and tells how it does."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
import ray.exceptions
import torch
import torch.distributed as dist
from torch import Tensor

from genai.errors import GenaiError
from workers.faults import words
from workers.host import BEAT, ENDED, FAILED
from workers.train import fit_task
from workers.watch import BEAT_SECONDS, DONE, WAITING, Pulse


class Group:
    """The workers of a `torch.distributed` group, as `genai.exchange.Exchange`."""

    def __init__(self, pulse: Pulse | None = None) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._pulse = pulse or Pulse()

    def gather(self, value: Tensor) -> list[Tensor]:
        found = [torch.empty_like(value) for _ in range(self.size)]
        value = value.contiguous()
        _await(value)  # on a GPU it is still being computed, and who never ends is to blame
        doing = self._pulse.doing
        self._pulse(WAITING)
        dist.all_gather(found, value)
        _await(value)
        self._pulse(doing)
        return found


def _await(value: Tensor) -> None:
    if value.is_cuda:
        torch.cuda.current_stream(value.device).synchronize()


def by_ray(config: dict[str, Any]) -> None:
    """What each worker of the group runs."""
    import ray.train.torch
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    start, mailbox = config["start"], config["mailbox"]
    pulse = Pulse(dist.get_rank(), f"{socket.gethostname()}/{os.getpid()}")

    def tell(kind: str, **fields: Any) -> None:
        ray.get(mailbox.put.remote(start.number, (kind, fields)))

    def wrap(objective: nn.Module) -> nn.Module:
        return DistributedDataParallel(objective)

    device = str(ray.train.torch.get_device()) if start.task.spec.train.workers.gpu else "cpu"
    limit, group = start.feed_memory_bytes, Group(pulse)
    with _beating(pulse, tell):
        try:
            found = fit_task(
                start.task, tell, exchange=group, device=device, wrap=wrap, memory_bytes=limit, pulse=pulse
            )
        except Exception as error:
            known = isinstance(error, GenaiError)
            tell(FAILED, rank=pulse.rank, error=error if known else words(error))
            raise
        if pulse.rank == 0:
            tell(ENDED, metrics=found)


@contextmanager
def _beating(pulse: Pulse, tell: Callable[..., None]) -> Iterator[None]:
    """A thread tells how the worker does, and at the end that it is done."""
    over = threading.Event()

    def beat() -> None:
        with suppress(ray.exceptions.RayError):  # nobody listens any more: then Ray ends this process too
            while not over.is_set():
                tell(BEAT, beat=pulse.now())
                over.wait(BEAT_SECONDS)
            tell(BEAT, beat=pulse.now())

    threading.Thread(target=beat, name="beat", daemon=True).start()
    try:
        yield
        pulse(DONE)
    finally:
        over.set()
