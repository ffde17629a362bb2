"""The pool on Ray: actors that hold the checkpoint, between the bounds that the spec gives.

As many actors are asked for as there is work, up to `max`; those that Ray cannot place yet wait, and are what an
autoscaler sees. An actor takes two shards, so that one is drawn while the other is encoded and stored. An actor that
dies gives its shards back as failures and is replaced; one that finds no work any more is let go.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import ray
import ray.exceptions

from genai.errors import GenaiError, InputError, WorkerError
from jobs.crew import Done, Failed, GenerateTask, Outcome
from jobs.ledger import Receipt
from jobs.plan import Shard
from workers.devices import device_of

IN_HAND = 2  # shards that an actor holds
STARTS = 5  # failed starts in a row that are borne


class Hand:
    """An actor: a minter, and its name."""

    def __init__(self, task: GenerateTask) -> None:
        from workers.generate import Minter

        gpus = [str(gpu) for gpu in ray.get_gpu_ids()]
        self.name = f"{socket.gethostname()}/{os.getpid()}" + (f"/gpu{','.join(gpus)}" if gpus else "")
        device = device_of(task.spec.generate.workers.gpu, f"the GPUs {', '.join(gpus)}")
        self._minter = Minter(task, device, self.name)

    def who(self) -> str:
        return self.name

    def make(self, shard: Shard) -> Receipt:
        return self._minter.make(shard)


class RayPool:
    """Actors, what each has in hand, and those that are starting."""

    def __init__(self, task: GenerateTask, backlog: int) -> None:
        workers = task.spec.generate.workers
        self._task, self._max, self._left = task, workers.max, backlog
        self._actor = ray.remote(Hand).options(
            num_cpus=workers.cpu, num_gpus=workers.gpu, max_concurrency=IN_HAND + 1, max_restarts=0
        )
        self._starting: dict[Any, Any] = {}  # ref of its name -> actor
        self._ready: dict[Any, str] = {}  # actor -> name
        self._in_hand: dict[Any, tuple[Any, Shard]] = {}  # ref of the receipt -> (actor, shard)
        self._failed_starts = 0
        self._grow()

    @property
    def room(self) -> int:
        return IN_HAND * len(self._ready) - len(self._in_hand)

    @property
    def names(self) -> list[str]:
        """The workers that are ready."""
        return sorted(self._ready.values())

    def submit(self, shard: Shard) -> None:
        actor = min(self._ready, key=self._load)
        self._in_hand[actor.make.remote(shard)] = (actor, shard)

    def wait(self, seconds: float) -> list[Outcome]:
        refs = [*self._in_hand, *self._starting]
        if not refs:
            self._grow()
            return []
        first, _ = ray.wait(refs, num_returns=1, timeout=seconds)
        also, _ = ray.wait(refs, num_returns=len(refs), timeout=0) if first else ([], [])
        outcomes = [outcome for ref in also for outcome in self._ended(ref)]
        self._left -= sum(isinstance(outcome, Done) for outcome in outcomes)
        self._grow()
        self._shrink()
        return outcomes

    def close(self) -> None:
        """Let all actors go, at once."""
        for actor in [*self._ready, *self._starting.values()]:
            ray.kill(actor)

    def _load(self, actor: Any) -> int:
        return sum(holder == actor for holder, _ in self._in_hand.values())

    def _grow(self) -> None:
        wanted = min(self._max, max(self._left, 1))
        for _ in range(wanted - len(self._ready) - len(self._starting)):
            actor = self._actor.remote(self._task)
            self._starting[actor.who.remote()] = actor

    def _shrink(self) -> None:
        idle = [actor for actor in self._ready if not self._load(actor)]
        for actor in idle[: max(0, len(self._ready) - max(self._left, 1))]:
            del self._ready[actor]
            ray.kill(actor)

    def _ended(self, ref: Any) -> Iterator[Outcome]:
        """What the end of a call means: an actor is ready, or a shard is done, or something failed."""
        if ref in self._starting:
            self._started(ref, self._starting.pop(ref))
            return
        actor, shard = self._in_hand.pop(ref)
        name = self._ready.get(actor, "")
        try:
            yield Done(shard, ray.get(ref))
        except ray.exceptions.RayTaskError as error:
            yield Failed(shard, _cause(error), name)
        except ray.exceptions.RayError as error:
            self._ready.pop(actor, None)
            text = str(error).strip().splitlines()[0]
            yield Failed(shard, WorkerError(f"worker {name} was lost with {shard.name}: {text}"), name)

    def _started(self, ref: Any, actor: Any) -> None:
        try:
            self._ready[actor] = ray.get(ref)
            self._failed_starts = 0
        except ray.exceptions.RayTaskError as error:
            self._no_start(_cause(error))
        except ray.exceptions.RayError as error:
            self._no_start(error)

    def _no_start(self, error: BaseException) -> None:
        """Raises what no other start would mend, or after too many."""
        creation = getattr(error, "cause", None) or error
        text = str(creation)
        if isinstance(creation, GenaiError) and not creation.retryable:
            raise creation
        self._failed_starts += 1
        if "InputError" in text and "device" in text:
            raise InputError(text.strip().splitlines()[-1].partition(": ")[2])
        if self._failed_starts >= STARTS:
            raise WorkerError(f"{STARTS} workers in a row could not start; the last: {text.strip().splitlines()[-1]}")


def _cause(error: ray.exceptions.RayTaskError) -> BaseException:
    """The error that our code raised on the worker, or what is known of a foreign one."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, GenaiError):
        return cause
    return WorkerError(f"{type(cause).__name__}: {cause}" if cause else str(error).strip().splitlines()[-1])
