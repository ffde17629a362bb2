"""Workers as threads that meet at a barrier: what training sees of several of them, in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from genai.exchange import Exchange

T = TypeVar("T")
PATIENCE_SECONDS = 120


class _Group:
    def __init__(self, size: int) -> None:
        self.barrier, self.slots = threading.Barrier(size, timeout=PATIENCE_SECONDS), [torch.zeros(0)] * size


@dataclass(frozen=True)
class _Member:
    """One of them: an `Exchange`."""

    group: _Group
    rank: int
    size: int

    def gather(self, value: Tensor) -> list[Tensor]:
        self.group.slots[self.rank] = value.clone()
        self.group.barrier.wait()
        found = [slot.clone() for slot in self.group.slots]
        self.group.barrier.wait()
        return found


def together(size: int, work: Callable[[Exchange], T]) -> list[T]:
    """What `work(exchange)` gives on each of `size` workers that run at the same time, each on one thread."""
    group = _Group(size)

    def one(rank: int) -> T:
        torch.set_num_threads(1)  # a new thread has the process's default
        try:
            return work(_Member(group, rank, size))
        except BaseException:
            group.barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))
