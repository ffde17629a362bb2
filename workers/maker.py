"""What makes the parts of a task, whichever it is: it makes shards, and can be asked at any time what it does."""

from __future__ import annotations

from typing import Protocol

from jobs.crew import GenerateTask, Task
from jobs.ledger import Receipt
from jobs.shards import Shard
from workers.answer import Answer


class Maker(Protocol):
    """Makes shards; may be called from several threads."""

    def make(self, shard: Shard) -> Receipt:
        """Bytes into the store, then their receipt, which is given back."""
        ...

    def doing(self) -> Answer:
        """What its callers do. May be called beside them."""
        ...


def maker_of(task: Task, worker: str, devices: str = "") -> Maker:
    """The maker of a task. Raises IntegrityError where what it is made from is not what the task says, InputError where
    there is no such device.
    """
    if isinstance(task, GenerateTask):
        from workers.devices import device_of
        from workers.generate import Minter

        return Minter(task, device_of(task.workers.gpu, devices), worker)
    from workers.export import Exporter

    return Exporter(task, worker)
