"""The actor that makes parts: its calls are what the pool knows of it.

It says its name in a call of its own, before anything that may fail or take long, and begins in another: errors of
calls are typed, those of constructors are not.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import ray

from jobs.crew import Task
from jobs.ledger import Receipt
from jobs.shards import Shard
from workers.answer import Answer

if TYPE_CHECKING:
    from workers.maker import Maker


class Hand:
    """A maker, and its name."""

    _maker: Maker | None = None

    def hello(self) -> tuple[str, str]:
        """Its name (machine, process and GPUs), and its node. It has a place now."""
        gpus = ",".join(map(str, ray.get_gpu_ids()))
        self._gpus = gpus
        self._name = f"{socket.gethostname()}/{os.getpid()}" + (f"/gpu{gpus}" if gpus else "")
        return self._name, ray.get_runtime_context().get_node_id()

    def begin(self, task: Task) -> None:
        """Load what the task needs."""
        from workers.maker import maker_of

        self._maker = maker_of(task, self._name, f"the GPUs {self._gpus}")

    def answer(self) -> Answer:
        """Answered beside the other calls, as long as the process lives."""
        return self._maker.doing() if self._maker else Answer(0.0, "loads what it needs")

    def make(self, shard: Shard) -> Receipt:
        """Make a part."""
        assert self._maker
        return self._maker.make(shard)
