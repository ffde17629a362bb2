"""The pool on Ray: actors that hold the checkpoint, between the bounds that the spec gives.

As many actors are asked for as there is work, up to `max`; those that Ray cannot place yet wait, and are what an
autoscaler sees. An actor takes two shards, so that one is drawn while the other is encoded and stored. An actor that
dies, or does not answer any more, gives its shards back as failures and is replaced; one that finds no work any more
is let go.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
import ray.exceptions

from genai.errors import GenaiError, WorkerError
from jobs.crew import Done, Failed, GenerateTask, Outcome
from jobs.ledger import Receipt
from jobs.plan import Shard
from workers.devices import device_of
from workers.faults import our

IN_HAND = 2  # shards that an actor holds
STARTS = 5  # failed starts in a row that are borne
SILENCE_SECONDS = 60.0


class Hand:
    """An actor: a minter, and its name. It begins in a call, not when it is made, since errors of calls are typed."""

    def begin(self, task: GenerateTask) -> str:
        from workers.generate import Minter

        gpus = ",".join(map(str, ray.get_gpu_ids()))
        name = f"{socket.gethostname()}/{os.getpid()}" + (f"/gpu{gpus}" if gpus else "")
        self._minter = Minter(task, device_of(task.spec.generate.workers.gpu, f"the GPUs {gpus}"), name)
        return name

    def answer(self) -> None:
        """Shows that the process lives: answered beside the calls of `make`."""

    def make(self, shard: Shard) -> Receipt:
        return self._minter.make(shard)


@dataclass
class Worker:
    """An actor that is ready; `asked` is its last unanswered call of `answer`, and when that was made."""

    name: str
    asked: tuple[Any, float] | None = None


class RayPool:
    """Actors, what each has in hand, and those that are starting."""

    def __init__(self, task: GenerateTask, backlog: int, silence_seconds: float = SILENCE_SECONDS) -> None:
        workers = task.spec.generate.workers
        self._task, self._max, self._left, self._silence = task, workers.max, backlog, silence_seconds
        self._actor = ray.remote(Hand).options(
            num_cpus=workers.cpu, num_gpus=workers.gpu, max_concurrency=IN_HAND + 1, max_restarts=0
        )
        self._starting: dict[Any, Any] = {}  # ref of its name -> actor
        self._ready: dict[Any, Worker] = {}  # by actor
        self._in_hand: dict[Any, tuple[Any, str, Shard]] = {}  # ref of the receipt -> (actor, its name, shard)
        self._failed_starts = 0
        self._grow()

    @property
    def room(self) -> int:
        return sum(max(0, IN_HAND - self._load(actor)) for actor in self._ready)

    @property
    def names(self) -> list[str]:
        """The workers that are ready."""
        return sorted(worker.name for worker in self._ready.values())

    def submit(self, shard: Shard) -> None:
        actor = min(self._ready, key=self._load)
        self._in_hand[actor.make.remote(shard)] = (actor, self._ready[actor].name, shard)

    def wait(self, seconds: float) -> list[Outcome]:
        refs = [*self._in_hand, *self._starting]
        first, _ = ray.wait(refs, num_returns=1, timeout=seconds) if refs else ([], [])
        ended, _ = ray.wait(refs, num_returns=len(refs), timeout=0) if first else ([], [])
        outcomes = [outcome for ref in ended for outcome in self._ended(ref)]
        self._left -= sum(isinstance(outcome, Done) for outcome in outcomes)
        self._end_the_silent()
        self._grow()
        self._shrink()
        return outcomes

    def close(self) -> None:
        """Let all actors go, at once."""
        for actor in [*self._ready, *self._starting.values()]:
            ray.kill(actor)

    def _load(self, actor: Any) -> int:
        return sum(holder == actor for holder, _, _ in self._in_hand.values())

    def _grow(self) -> None:
        wanted = min(self._max, max(self._left, 1))
        for _ in range(wanted - len(self._ready) - len(self._starting)):
            actor = self._actor.remote()
            self._starting[actor.begin.remote(self._task)] = actor

    def _shrink(self) -> None:
        idle = [actor for actor in self._ready if not self._load(actor)]
        for actor in idle[: max(0, len(self._ready) - max(self._left, 1))]:
            del self._ready[actor]
            ray.kill(actor)

    def _end_the_silent(self) -> None:
        """Kill who has work and does not answer; what it had in hand then ends as lost."""
        now = time.monotonic()
        for actor, worker in list(self._ready.items()):
            if worker.asked and ray.wait([worker.asked[0]], timeout=0)[0]:
                worker.asked = None
            if worker.asked is None:
                worker.asked = (actor.answer.remote(), now)
            elif now - worker.asked[1] > self._silence:
                del self._ready[actor]
                ray.kill(actor)

    def _ended(self, ref: Any) -> Iterator[Outcome]:
        """What the end of a call means: an actor is ready, a shard is done, or something failed."""
        if ref in self._starting:
            self._started(ref, self._starting.pop(ref))
            return
        actor, name, shard = self._in_hand.pop(ref)
        try:
            yield Done(shard, ray.get(ref))
        except ray.exceptions.RayTaskError as error:
            yield Failed(shard, our(error), name)
        except ray.exceptions.RayError as error:
            self._ready.pop(actor, None)
            yield Failed(shard, WorkerError(f"worker {name} was lost with {shard.name}: {our(error)}"), name)

    def _started(self, ref: Any, actor: Any) -> None:
        """Raises what no other start would mend, and WorkerError after too many."""
        try:
            self._ready[actor] = Worker(ray.get(ref))
            self._failed_starts = 0
        except ray.exceptions.RayError as error:
            ray.kill(actor)
            self._no_start(our(error))

    def _no_start(self, error: GenaiError) -> None:
        if not error.retryable:
            raise error
        self._failed_starts += 1
        if self._failed_starts >= STARTS:
            raise WorkerError(f"{STARTS} workers in a row could not start; the last: {error}") from error
