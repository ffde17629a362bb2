"""The crew of one process: the same work without Ray, for notebooks, tests, and machines that have only one core."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from genai.errors import InputError
from genai.prepared import Prepared
from jobs.crew import Done, Failed, Note, Outcome, PrepareTask, Task, TrainTask
from jobs.shards import Shard
from workers.devices import device_of
from workers.maker import Maker, maker_of
from workers.prepare import in_memory


class LocalCrew:
    """Does every stage in this process, one shard at a time."""

    def prepare(self, task: PrepareTask, note: Note) -> Prepared:
        return in_memory(task)

    def train(self, task: TrainTask, note: Note) -> dict[str, Any]:
        if task.spec.train.reduction == "ddp":
            raise InputError("train.reduction: found ddp without Ray; allowed: tree, or a run on Ray")
        from workers.train import fit_task

        return fit_task(task, note, device=device_of(task.spec.train.workers.gpu))

    @contextmanager
    def pool(self, task: Task, backlog: int, note: Note) -> Iterator[LocalPool]:
        yield LocalPool(maker_of(task, "local"))


class LocalPool:
    """A queue of one: a shard is made when its outcome is waited for."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._waiting: deque[Shard] = deque()

    @property
    def room(self) -> int:
        return 1 - len(self._waiting)

    def submit(self, shard: Shard, *, alone: bool = False) -> None:
        self._waiting.append(shard)

    def second(self, shard: Shard) -> bool:
        return False

    def waiting(self) -> str:
        return "this process"

    def wait(self, seconds: float) -> list[Outcome]:
        if not self._waiting:
            return []
        shard = self._waiting.popleft()
        try:
            return [Done(shard, self._maker.make(shard))]
        except Exception as error:  # noqa: BLE001  # the driver's policy decides
            return [Failed(shard, error, "local")]
