"""Minting: the loop that works a dataset's missing shards off. It sees shard numbers and receipts, never samples.

    backlog -> pool -> outcomes -> backlog (retry, give up, stop) -> receipts

Whatever stops it, what is finished is in the store. Where it is interrupted, what is in hand gets a moment to end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from genai.errors import Incomplete, StoreError
from jobs import ledger
from jobs.backlog import Backlog, Clock
from jobs.crew import Crew, Failed, GenerateTask, Outcome, Pool
from jobs.events import EventLog
from jobs.ledger import Receipt
from jobs.policy import Quarantine, Retry
from jobs.shards import Shard
from jobs.survey import Survey

WAIT_SECONDS = 0.5
QUIET_SECONDS = 30.0  # without an outcome: what is waited for is told, and again after as long
GRACE_SECONDS = 4.0  # for what is in hand when the run is interrupted


def mint(found: Survey, crew: Crew, events: EventLog, clock: Clock, check: Callable[[], None]) -> None:
    """Make every missing shard. Raises Incomplete, naming those given up; `check` is called often, and may raise."""
    assert found.plan and found.dataset_key and found.checkpoint and found.train_key
    missing = (shard for shard in found.plan if shard.name not in found.receipts)
    number = len(found.plan) - len(found.receipts)
    task = GenerateTask(found.spec, found.dataset_key, found.train_key, found.checkpoint, found.plan)
    loop = _Loop(found, events, Backlog(missing, found.spec.generate.attempts, clock), clock)
    if number:
        with crew.generate(task, number, events.note) as pool:
            try:
                loop.work_off(pool, check)
            except KeyboardInterrupt:
                loop.let_end(pool)
                raise
    if given_up := loop.backlog.given_up:
        listed = "; ".join(f"{name}: {error}" for name, error in list(given_up.items())[:5])
        raise Incomplete(
            f"{len(found.receipts)} of {len(found.plan)} parts are safe, {len(given_up)} were given up after "
            f"{found.spec.generate.attempts} tries each ({listed}); the same command tries only those again"
        )


class _Loop:
    """The loop's state: the backlog, and when something was last heard."""

    def __init__(self, found: Survey, events: EventLog, backlog: Backlog, clock: Clock) -> None:
        self.backlog = backlog
        self._found, self._events, self._clock = found, events, clock
        self._heard = clock.monotonic()

    def work_off(self, pool: Pool, check: Callable[[], None]) -> None:
        while self.backlog.left():
            check()
            self._hand_out(pool)
            if not self.backlog.running and pool.room > 0:
                self._clock.sleep(min(self.backlog.pause(), WAIT_SECONDS))  # all that is left waits for its next try
            else:
                self._hear(pool.wait(WAIT_SECONDS), pool)

    def let_end(self, pool: Pool) -> None:
        """Begin nothing more, and wait a moment for what runs; tell what is dropped."""
        end = self._clock.monotonic() + GRACE_SECONDS
        with suppress(Exception):  # the interruption is what is told
            while self.backlog.running and self._clock.monotonic() < end:
                self._hear(pool.wait(WAIT_SECONDS), pool)
        dropped = [trying.shard.name for trying in self.backlog.running.values()]
        self._events.note("parts_dropped", parts=sorted(dropped), done=len(self._found.receipts), of=self._planned)

    @property
    def _planned(self) -> int:
        assert self._found.plan
        return len(self._found.plan)

    def _hand_out(self, pool: Pool) -> None:
        while pool.room > 0 and (shard := self.backlog.take()):
            pool.submit(shard, alone=self.backlog.alone(shard))
            self.backlog.begun(shard)
        while (slow := self.backlog.straggler()) and pool.second(slow):
            self.backlog.begun(slow)
            self._events.note("shard_doubled", shard=slow.name)

    def _hear(self, outcomes: list[Outcome], pool: Pool) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                self._failed(outcome)
            elif self.backlog.finished(outcome.shard):
                self._commit(outcome.receipt)
        now = self._clock.monotonic()
        if outcomes:
            self._heard = now
        elif now - self._heard >= QUIET_SECONDS:
            self._heard = now
            self._events.note("waiting", seconds=QUIET_SECONDS, on=pool.waiting())

    def _commit(self, receipt: Receipt) -> None:
        self._found.receipts[receipt.name] = receipt
        self._events.note(
            "part_done", part=receipt.name, rows=receipt.rows, bytes=receipt.bytes, done=len(self._found.receipts),
            parts=self._planned, worker=receipt.worker, seconds=receipt.seconds,
        )  # fmt: skip

    def _failed(self, outcome: Failed) -> None:
        """Retry, give up, or stop the run."""
        shard, error = outcome.shard, outcome.error
        decision = self.backlog.failed(outcome)
        if decision is None:
            return
        receipt = self._after_all(shard) if isinstance(decision, Quarantine) else None
        self._events.note(
            "shard_failed", shard=shard.name, tries=self.backlog.tries[shard.number], of=self.backlog.attempts,
            error=str(error), worker=outcome.worker,
            decision="commit" if receipt else type(decision).__name__.lower(),
        )  # fmt: skip
        if receipt:
            self._commit(receipt)
        elif isinstance(decision, Quarantine):
            self.backlog.give_up(shard, error)
            self._events.note("shard_quarantined", shard=shard.name, error=str(error))
        elif not isinstance(decision, Retry):
            raise error

    def _after_all(self, shard: Shard) -> Receipt | None:
        """The receipt of a shard that failed: its worker may have been lost after all was in the store."""
        assert self._found.dataset_key
        try:
            return ledger.find(self._found.store, self._found.dataset_key, shard)
        except StoreError:
            return None
