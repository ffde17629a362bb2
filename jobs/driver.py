"""The driver: a short loop over pure parts. It sees shard numbers and receipts, never samples.

    shards missing from the ledger -> crew -> outcomes -> policy -> receipts -> manifest

It holds the one retry logic, and runs in a test without a cluster.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import genai
from genai.errors import GenaiError, Incomplete, StoreError
from genai.identity import canonical
from genai.order import Order
from jobs import layout, ledger
from jobs.crew import Crew, Done, Failed, GenerateTask, Pool, PrepareTask, TrainTask
from jobs.events import EventLog
from jobs.ledger import Manifest, Receipt
from jobs.plan import Shard
from jobs.policy import Quarantine, Retry, decide
from jobs.survey import Survey, look_at_checkpoint, look_at_prepared

WAIT_SECONDS = 0.5


class Clock(Protocol):
    """What the driver measures its pauses by: the module `time`, or a test's."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


@dataclass
class Progress:
    """Shards of one dataset: what is done, what waits, what was given up."""

    done: dict[str, Receipt] = field(default_factory=dict)
    tries: Counter[int] = field(default_factory=Counter)
    later: list[tuple[float, Shard]] = field(default_factory=list)  # (when, shard), a heap
    given_up: dict[str, BaseException] = field(default_factory=dict)


def drive(found: Survey, crew: Crew, events: EventLog, *, clock: Clock = time) -> Manifest:
    """Do all that is missing of a job, and seal its dataset.

    Raises Incomplete where shards stay undone after their last try, and what the crew raises where a stage cannot
    be done at all. Everything finished is in the store; the same call goes on from there.
    """
    _prepare(found, crew, events)
    _train(found, crew, events)
    assert found.dataset_key and found.plan
    if found.complete:
        assert found.manifest
        events.note("stage_reused", stage="generate", key=found.dataset_key)
        return found.manifest
    with _stage(events, "generate", found.dataset_key, parts=len(found.plan), done=len(found.receipts)):
        _generate(found, crew, events, clock)
    manifest = manifest_of(found)
    ledger.seal(found.store, manifest)
    found.manifest = manifest
    return manifest


def run(found: Survey, crew: Crew, events: EventLog, publish_page: Callable[[], str] = lambda: "") -> Manifest:
    """`drive`, then the page; the run's end is told in its events and written as its result."""
    began = time.time()
    try:
        manifest = drive(found, crew, events)
        page = publish_page()
    except Exception as error:
        kind = "run_incomplete" if isinstance(error, Incomplete) else "run_failed"
        known = error if isinstance(error, GenaiError) else GenaiError(f"{type(error).__name__}: {error}")
        text = str(known).encode(errors="replace").decode()  # it may name a file whose name is no text
        told = {"error": text, "exit_code": known.exit_code}
        events.note(kind, **told)
        _result(found, state=kind.removeprefix("run_"), began=began, **told)
        raise
    told = {
        "dataset": manifest.key, "path": layout.dataset_place(found.store, manifest.key), "page": page,
        "digest": manifest.digest, "checkpoint": manifest.checkpoint, "rows": manifest.rows, "bytes": manifest.bytes,
    }  # fmt: skip
    ended = time.time()
    _result(found, state="done", exit_code=0, began=began, ended=ended, **told)
    events.note("run_done", **told, seconds=round(ended - began, 3))
    return manifest


def _result(found: Survey, **result: Any) -> None:
    found.store.put(layout.run(layout.run_id(found.spec), "result.json"), canonical(result))


def manifest_of(found: Survey) -> Manifest:
    """The manifest of a dataset all of whose shards have receipts."""
    assert found.plan and found.dataset_key and found.checkpoint and found.prepared
    versions = {"genai": genai.__version__, **(found.metrics or {}).get("versions", {})}
    return Manifest(
        found.dataset_key, found.spec.name, found.plan, found.classes, found.checkpoint, found.spec.seed,
        tuple(found.receipts[shard.name] for shard in found.plan), versions,
    )  # fmt: skip


def _prepare(found: Survey, crew: Crew, events: EventLog) -> None:
    if found.prepared:
        events.note("stage_reused", stage="prepare", key=found.prepare_key)
        return
    with _stage(events, "prepare", found.prepare_key, source=found.spec.data.source):
        prepared = crew.prepare(PrepareTask(found.spec, found.prepare_key), events.note)
        found.store.put(layout.prepared(found.prepare_key), prepared.to_json())
        look_at_prepared(found)


def _train(found: Survey, crew: Crew, events: EventLog) -> None:
    assert found.prepared and found.train_key
    if found.metrics:
        events.note("stage_reused", stage="train", key=found.train_key)
        return
    recipe, rows = found.spec.train.recipe, found.prepared.splits["train"].rows
    Order(rows, recipe.batch, recipe.micro_batches, recipe.seed)  # refuses fewer rows than a batch
    steps = recipe.total_steps(rows)
    with _stage(events, "train", found.train_key, steps=steps):
        crew.train(TrainTask(found.spec, found.train_key, found.prepare_key), events.note)
        look_at_checkpoint(found)
    assert found.metrics, "a crew's train() leaves metrics.json in the store"


def _generate(found: Survey, crew: Crew, events: EventLog, clock: Clock) -> None:
    """Make every missing shard. Raises Incomplete, naming those given up."""
    assert found.plan and found.dataset_key and found.checkpoint and found.train_key
    progress = Progress(done=found.receipts)
    missing = (shard for shard in found.plan if shard.name not in found.receipts)
    backlog = len(found.plan) - len(found.receipts)
    task = GenerateTask(found.spec, found.dataset_key, found.train_key, found.checkpoint, found.plan)
    if backlog:
        with crew.generate(task, backlog) as pool:
            _work_off(missing, pool, progress, found, events, clock)
    if progress.given_up:
        listed = "; ".join(f"{name}: {error}" for name, error in list(progress.given_up.items())[:5])
        raise Incomplete(
            f"{len(progress.done)} of {len(found.plan)} parts are safe, {len(progress.given_up)} were given up after "
            f"{found.spec.generate.attempts} tries each ({listed}); the same command tries only those again"
        )


def _work_off(
    missing: Iterator[Shard],
    pool: Pool,
    progress: Progress,
    found: Survey,
    events: EventLog,
    clock: Clock,
) -> None:
    in_flight = 0
    upcoming = _Upcoming(missing, progress, clock)
    while in_flight or upcoming.left():
        while pool.room > 0 and (shard := upcoming.take()):
            pool.submit(shard)
            in_flight += 1
        if not in_flight and pool.room > 0:
            clock.sleep(upcoming.pause())  # all that is left waits for its next try
            continue
        for outcome in pool.wait(WAIT_SECONDS):
            in_flight -= 1
            if isinstance(outcome, Done):
                _commit(outcome, progress, found, events)
            else:
                _judge(outcome, progress, found, events, clock)


@dataclass
class _Upcoming:
    """Shards to begin: those whose retry is due, then those never tried."""

    fresh: Iterator[Shard]
    progress: Progress
    clock: Clock
    _next: Shard | None = None

    def left(self) -> bool:
        self._next = self._next or next(self.fresh, None)
        return bool(self._next or self.progress.later)

    def take(self) -> Shard | None:
        if self.progress.later and self.progress.later[0][0] <= self.clock.monotonic():
            return heapq.heappop(self.progress.later)[1]
        shard, self._next = self._next or next(self.fresh, None), None
        return shard

    def pause(self) -> float:
        """Seconds until the next retry is due."""
        return max(0.0, self.progress.later[0][0] - self.clock.monotonic())


def _commit(outcome: Done, progress: Progress, found: Survey, events: EventLog) -> None:
    assert found.plan
    receipt = outcome.receipt
    progress.done[receipt.name] = receipt
    events.note(
        "part_done", part=receipt.name, rows=receipt.rows, bytes=receipt.bytes, done=len(progress.done),
        parts=len(found.plan), worker=receipt.worker, seconds=receipt.seconds,
    )  # fmt: skip


def _judge(outcome: Failed, progress: Progress, found: Survey, events: EventLog, clock: Clock) -> None:
    """Retry, give up, or stop the run."""
    shard, error = outcome.shard, outcome.error
    progress.tries[shard.number] += 1
    tries, attempts = progress.tries[shard.number], found.spec.generate.attempts
    decision = decide(error, shard.number, tries, attempts)
    receipt = _after_all(found, shard) if isinstance(decision, Quarantine) else None
    events.note(
        "shard_failed", shard=shard.name, tries=tries, of=attempts, error=str(error), worker=outcome.worker,
        decision="commit" if receipt else type(decision).__name__.lower(),
    )  # fmt: skip
    if receipt:
        _commit(Done(shard, receipt), progress, found, events)
    elif isinstance(decision, Retry):
        heapq.heappush(progress.later, (clock.monotonic() + decision.delay, shard))
    elif isinstance(decision, Quarantine):
        progress.given_up[shard.name] = error
        events.note("shard_quarantined", shard=shard.name, error=str(error))
    else:
        raise error


def _after_all(found: Survey, shard: Shard) -> Receipt | None:
    """The receipt of a shard that failed: its worker may have been lost after all was in the store."""
    assert found.dataset_key
    try:
        return ledger.find(found.store, found.dataset_key, shard)
    except StoreError:
        return None


@contextmanager
def _stage(events: EventLog, stage: str, key: str, **about: Any) -> Iterator[None]:
    events.note("stage_started", stage=stage, key=key, **about)
    began = time.monotonic()
    yield
    events.note("stage_done", stage=stage, key=key, seconds=round(time.monotonic() - began, 3))
