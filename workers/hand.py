"""The actor that mints: its calls are what the pool knows of it.

It says its name in a call of its own, before anything that may fail or take long, and begins in another: errors of
calls are typed, those of constructors are not.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import ray

from jobs.crew import GenerateTask
from jobs.ledger import Receipt
from jobs.shards import Shard
from workers.answer import Answer

if TYPE_CHECKING:
    from workers.generate import Minter


class Hand:
    """A minter, and its name."""

    _minter: Minter | None = None

    def hello(self) -> tuple[str, str]:
        """Its name (machine, process and GPUs), and its node. It has a place now."""
        gpus = ",".join(map(str, ray.get_gpu_ids()))
        self._gpus = gpus
        self._name = f"{socket.gethostname()}/{os.getpid()}" + (f"/gpu{gpus}" if gpus else "")
        return self._name, ray.get_runtime_context().get_node_id()

    def begin(self, task: GenerateTask) -> None:
        """Load the checkpoint."""
        from workers.devices import device_of
        from workers.generate import Minter

        device = device_of(task.spec.generate.workers.gpu, f"the GPUs {self._gpus}")
        self._minter = Minter(task, device, self._name)

    def answer(self) -> Answer:
        """Answered beside the other calls, as long as the process lives."""
        return self._minter.doing() if self._minter else Answer(0.0, "loads the checkpoint")

    def make(self, shard: Shard) -> Receipt:
        """Make a part."""
        assert self._minter
        return self._minter.make(shard)
