"""The pool on Ray: actors that hold what their task needs, between the bounds that the spec gives.

As many actors are asked for as there is work, up to `max`; those that Ray cannot place yet wait, and are what an
autoscaler sees. An actor takes two shards, so that one is drawn while the other is encoded and stored. Every actor is
asked every other second what it does. One that dies, does not answer, or answers that it does not get on, is ended by
SIGKILL, gives its shards back as failures and is replaced; one that finds no work any more is let go. One whose machine
is drained finishes what it has in hand and gets nothing more, while another is asked for in its place.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import ray
import ray.exceptions

from genai.errors import GenaiError, WorkerError
from jobs.crew import Done, Failed, Note, Outcome, Task
from jobs.shards import Shard
from workers.answer import Answer
from workers.faults import our, preempted, why_lost
from workers.hand import Hand
from workers.machines import leaving

IN_HAND = 2  # shards that an actor holds
STARTS = 5  # failed starts in a row that are borne
SPARE = 1  # idle actors that are kept, for whoever must be tried a second time
ASK_SECONDS = 2.0
START_SECONDS = 180.0  # for an actor that has a place: imports, fetching the checkpoint
PLACE_SECONDS = 900.0  # without any actor that has a place: time for an autoscaler
STORE_SECONDS = 180.0  # the store's own bounds are narrower


@dataclass
class Worker:
    """An actor that has a place: its name, its node, since when, and what it answered last."""

    name: str
    node: str
    began: float
    ready: bool = False
    alone: bool = False  # takes nothing beside what it has
    asked: tuple[Any, float] | None = None  # the question under way, and when it was put
    heard: float = 0.0  # when it answered last
    answer: Answer = field(default_factory=Answer)
    why: str = ""  # it was ended
    blamed: str = ""  # the shard for which it was ended, where that is known


class RayPool:
    """Actors, what each has in hand, and those that are starting."""

    def __init__(self, task: Task, backlog: int, note: Note) -> None:
        workers = task.workers
        self._task, self._left, self._note, self._asks = task, backlog, note, workers
        self._actor = ray.remote(Hand).options(
            num_cpus=workers.cpu, num_gpus=workers.gpu, max_concurrency=IN_HAND + 1, max_restarts=0
        )
        self._placing: dict[Any, Any] = {}  # ref of its name -> actor
        self._starting: dict[Any, Any] = {}  # ref of its readiness -> actor
        self._workers: dict[Any, Worker] = {}  # by actor
        self._in_hand: dict[Any, tuple[Any, Shard]] = {}  # ref of the receipt -> (actor, shard)
        self._for_one_alone: deque[Shard] = deque()  # until an actor has nothing in hand
        self._doubled: set[int] = set()  # shards that two have in hand
        self._leaving: frozenset[str] = frozenset()  # nodes that are drained
        self._looked_at = 0.0
        self._failed_starts = 0
        self._placed_at = time.monotonic()
        self._grow()

    @property
    def room(self) -> int:
        free = sorted((IN_HAND - self._load(actor) for actor in self._open()), reverse=True)
        return sum(free[len(self._for_one_alone) :])

    @property
    def names(self) -> list[str]:
        """The workers that are ready."""
        return sorted(worker.name for worker in self._workers.values() if worker.ready)

    def submit(self, shard: Shard, *, alone: bool = False) -> None:
        if alone:
            self._for_one_alone.append(shard)
            self._begin_those_alone()
            return
        drained = sorted(self._open(), key=self._load)[: len(self._for_one_alone)]
        self._make(min((actor for actor in self._open() if actor not in drained), key=self._load), shard)

    def second(self, shard: Shard) -> bool:
        holders = [actor for actor, held in self._in_hand.values() if held == shard]
        idle = [actor for actor in self._open() if actor not in holders and not self._load(actor)]
        if not holders or not idle or self._for_one_alone:
            return False
        self._doubled.add(shard.number)
        self._make(idle[0], shard)
        return True

    def wait(self, seconds: float) -> list[Outcome]:
        end = time.monotonic() + seconds
        while True:
            refs = [*self._in_hand, *self._starting, *self._placing]
            placing = len(self._placing)
            first, _ = ray.wait(refs, num_returns=1, timeout=max(0.0, end - time.monotonic())) if refs else ([], [])
            ended, _ = ray.wait(refs, num_returns=len(refs), timeout=0) if first else ([], [])
            outcomes = [outcome for ref in ended for outcome in self._ended(ref)]
            if len(self._placing) == placing or len(ended) > placing - len(self._placing):
                break  # more than actors that have a place now, which begin
        for outcome in outcomes:
            if outcome.shard.number in self._doubled:
                self._doubled.discard(outcome.shard.number)
            else:
                self._left -= isinstance(outcome, Done)
        self._ask()
        self._grow()
        self._shrink()
        self._begin_those_alone()
        return outcomes

    def waiting(self) -> str:
        now = time.monotonic()
        told = [
            f"{worker.name}: "
            + (worker.answer.doing or "idle" if worker.ready else f"starts for {now - worker.began:.0f} s")
            for worker in self._workers.values()
        ]
        if self._placing:
            free = ray.available_resources()
            has = f"the cluster has {free.get('CPU', 0):g} CPU and {free.get('GPU', 0):g} GPU free"
            told.append(
                f"{len(self._placing)} worker(s) of {self._asks.cpu:g} CPU, {self._asks.gpu:g} GPU for a place; {has}"
            )
        return "; ".join(told) or "nothing"

    def close(self) -> None:
        """Let all actors go, at once."""
        for actor in [*self._workers, *self._placing.values()]:
            ray.kill(actor)

    def _open(self) -> list[Any]:
        """Actors that would take something."""
        return [
            actor for actor, worker in self._workers.items()
            if worker.ready and not worker.alone and worker.node not in self._leaving and self._load(actor) < IN_HAND
        ]  # fmt: skip

    def _load(self, actor: Any) -> int:
        return sum(holder == actor for holder, _ in self._in_hand.values())

    def _make(self, actor: Any, shard: Shard) -> None:
        if not self._load(actor):
            self._workers[actor].answer = Answer()
        self._in_hand[actor.make.remote(shard)] = (actor, shard)

    def _begin_those_alone(self) -> None:
        for actor in [actor for actor in self._open() if not self._load(actor)]:
            if self._for_one_alone:
                self._workers[actor].alone = True
                self._make(actor, self._for_one_alone.popleft())

    def _grow(self) -> None:
        wanted = min(self._asks.max, max(self._left, 1))
        staying = sum(worker.node not in self._leaving for worker in self._workers.values())
        for _ in range(wanted - staying - len(self._placing)):
            actor = self._actor.remote()
            self._placing[actor.hello.remote()] = actor
        if self._workers or not self._placing:
            self._placed_at = time.monotonic()
        elif time.monotonic() - self._placed_at > PLACE_SECONDS:
            raise WorkerError(f"no worker had a place for {PLACE_SECONDS:.0f} s; waited on {self.waiting()}")

    def _shrink(self) -> None:
        done = [
            actor for actor, worker in self._workers.items()
            if worker.ready and worker.node in self._leaving and not self._load(actor)
        ]  # fmt: skip
        idle = [actor for actor in self._open() if not self._load(actor)]
        spare = len(self._workers) - len(done) - self._left - SPARE
        for actor in done + idle[: max(0, spare)]:
            del self._workers[actor]
            ray.kill(actor)

    def _ask(self) -> None:
        """Hear what actors do, ask them again, and end those that do not get on."""
        now = time.monotonic()
        if now - self._looked_at >= ASK_SECONDS:
            self._leaving, self._looked_at = leaving(), now
        for actor, worker in list(self._workers.items()):
            if worker.asked and ray.wait([worker.asked[0]], timeout=0)[0]:
                self._heard(worker, now)
            if worker.asked is None and now - worker.heard >= ASK_SECONDS:
                worker.asked = (actor.answer.remote(), now)
            if why := self._fault(worker, now):
                self._end(actor, worker, why)

    def _heard(self, worker: Worker, now: float) -> None:
        assert worker.asked
        ref, worker.asked, worker.heard = worker.asked[0], None, now
        try:
            worker.answer = ray.get(ref)
        except ray.exceptions.RayError:
            worker.answer = Answer()  # it died: its calls will say so

    def _fault(self, worker: Worker, now: float) -> str:
        """Why a worker has to be ended, or nothing."""
        patience = self._asks.patience
        if not worker.ready:
            return f"did not start within {START_SECONDS:.0f} s" if now - worker.began > START_SECONDS else ""
        if worker.asked and now - worker.asked[1] > patience:
            last = worker.answer.doing or "was idle"
            return f"did not answer for {patience:g} s (it is stopped, or its machine is); when it last did, it {last}"
        limit = max(patience, STORE_SECONDS) if worker.answer.stores else patience
        if worker.answer.seconds > limit:
            worker.blamed = "" if worker.answer.stores else worker.answer.shard
            return f"made no progress for {limit:g} s: it {worker.answer.doing} (generate.workers.patience)"
        return ""

    def _end(self, actor: Any, worker: Worker, why: str) -> None:
        """SIGKILL; its calls then end as lost."""
        if not worker.why:
            worker.why = f"worker {worker.name} {why}, and was ended"
            ray.kill(actor)

    def _ended(self, ref: Any) -> Iterator[Outcome]:
        """What the end of a call means: an actor has a place, is ready, a shard is done, or something failed."""
        if ref in self._placing:
            self._placed(ref, self._placing.pop(ref))
        elif ref in self._starting:
            self._started(ref, self._starting.pop(ref))
        elif ref in self._in_hand:  # not one that went with another of its actor
            yield from self._made(ref)

    def _made(self, ref: Any) -> Iterator[Outcome]:
        others = sum(actor == self._in_hand[ref][0] for actor, _ in self._in_hand.values()) - 1
        actor, shard = self._in_hand.pop(ref)
        worker = self._workers.get(actor)
        name = worker.name if worker else "?"
        try:
            receipt = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            yield Failed(shard, our(error), name)
        except ray.exceptions.RayError as error:
            yield from self._lost(actor, shard, error, shared=others > 0)
            return
        else:
            yield Done(shard, receipt)
        if worker and not self._load(actor):
            worker.alone = False

    def _lost(self, actor: Any, shard: Shard, error: BaseException, *, shared: bool) -> Iterator[Outcome]:
        """All that an actor had in hand ends with it."""
        worker = self._workers.pop(actor, None)
        gone = [shard] + [held for holder, held in self._in_hand.values() if holder == actor]
        self._in_hand = {ref: pair for ref, pair in self._in_hand.items() if pair[0] != actor}
        name = worker.name if worker else "?"
        why = (worker.why if worker else "") or f"worker {name} was lost: {why_lost(error)}"
        blamed = worker.blamed if worker else ""
        ray.kill(actor)
        self._note("worker_lost", stage=self._task.stage, worker=name, error=why, shards=[held.name for held in gone])
        for held in gone:
            text = f"{why}; it had {held.name} in hand" + (", and others" if len(gone) > 1 else "")
            doubt = shared or len(gone) > 1 or preempted(error)
            yield Failed(held, WorkerError(text), name, shared=doubt and held.name != blamed)

    def _placed(self, ref: Any, actor: Any) -> None:
        try:
            name, node = ray.get(ref)
        except ray.exceptions.RayError as error:
            ray.kill(actor)
            self._no_start(our(error))
        else:
            self._workers[actor] = Worker(name, node, time.monotonic())
            self._starting[actor.begin.remote(self._task)] = actor

    def _started(self, ref: Any, actor: Any) -> None:
        """Raises what no other start would mend, and WorkerError after too many."""
        try:
            ray.get(ref)
            self._workers[actor].ready = True
            self._failed_starts = 0
        except ray.exceptions.RayError as error:
            ray.kill(actor)
            worker = self._workers.pop(actor)
            self._no_start(WorkerError(worker.why) if worker.why else our(error))

    def _no_start(self, error: GenaiError) -> None:
        if not error.retryable:
            raise error
        self._failed_starts += 1
        if self._failed_starts >= STARTS:
            raise WorkerError(f"{STARTS} workers in a row could not start; the last: {error}") from error
