"""The loop that works off the missing shards of a stage. It sees shard numbers and receipts, never samples.

    backlog -> pool -> outcomes -> backlog (retry, give up, stop) -> receipts

Whatever stops it, what is finished is in the store. Where it is interrupted, what is in hand gets a moment to end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from genai.errors import Incomplete, Refused, StoreError
from jobs.backlog import Backlog, Clock
from jobs.crew import Crew, Failed, Outcome, Pool, Task
from jobs.events import EventLog
from jobs.ledger import Receipt
from jobs.policy import Quarantine, Retry
from jobs.shards import Shard

WAIT_SECONDS = 0.5
QUIET_SECONDS = 30.0  # without an outcome: what is waited for is told, and again after as long
GRACE_SECONDS = 4.0  # for what is in hand when the run is interrupted


@dataclass(frozen=True)
class Work:
    """The shards of a stage, the receipts that there are, which the loop adds to, and how one is looked for."""

    task: Task
    receipts: dict[str, Receipt]
    find: Callable[[Shard], Receipt | None]

    @property
    def attempts(self) -> int:
        return self.task.spec.generate.attempts

    @property
    def planned(self) -> int:
        return len(self.task.plan)


def work_off(work: Work, crew: Crew, events: EventLog, clock: Clock, check: Callable[[], None]) -> None:
    """Make every missing shard. Raises Incomplete, naming those given up; `check` is called often, and may raise."""
    missing = (shard for shard in work.task.plan if shard.name not in work.receipts)
    number = work.planned - len(work.receipts)
    loop = _Loop(work, events, Backlog(missing, work.attempts, clock), clock)
    if number:
        with crew.pool(work.task, number, events.note) as pool:
            try:
                loop.work_off(pool, check)
            except KeyboardInterrupt:
                loop.let_end(pool)
                raise
    if given_up := loop.backlog.given_up:
        listed = "; ".join(f"{name}: {error}" for name, error in list(given_up.items())[:5])
        were = "was" if len(given_up) == 1 else "were"
        told = any(isinstance(error, Refused) for error in given_up.values())  # which are tried once
        tries = "" if told else f" after {work.attempts} tries each"
        raise Incomplete(
            f"{len(work.receipts)} of {work.planned} parts are safe, {len(given_up)} {were} given up{tries} "
            f"({listed}); the same command tries only those again"
        )


class _Loop:
    """The loop's state: the backlog, and when something was last heard."""

    def __init__(self, work: Work, events: EventLog, backlog: Backlog, clock: Clock) -> None:
        self.backlog = backlog
        self._work, self._events, self._clock = work, events, clock
        self._stage = work.task.stage
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
        dropped = sorted(trying.shard.name for trying in self.backlog.running.values())
        done, planned = len(self._work.receipts), self._work.planned
        self._events.note("parts_dropped", stage=self._stage, parts=dropped, done=done, of=planned)

    def _hand_out(self, pool: Pool) -> None:
        while pool.room > 0 and (shard := self.backlog.take()):
            pool.submit(shard, alone=self.backlog.alone(shard))
            self.backlog.begun(shard)
        while (slow := self.backlog.straggler()) and pool.second(slow):
            self.backlog.begun(slow)
            self._events.note("shard_doubled", stage=self._stage, shard=slow.name)

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
        self._work.receipts[receipt.name] = receipt
        self._events.note(
            "part_done", stage=self._stage, part=receipt.name, rows=receipt.rows, bytes=receipt.bytes,
            done=len(self._work.receipts), parts=self._work.planned, worker=receipt.worker, seconds=receipt.seconds,
        )  # fmt: skip

    def _failed(self, outcome: Failed) -> None:
        """Retry, give up, or stop the run."""
        shard, error = outcome.shard, outcome.error
        decision = self.backlog.failed(outcome)
        if decision is None:
            return
        receipt = self._after_all(shard) if isinstance(decision, Quarantine) else None
        self._events.note(
            "shard_failed", stage=self._stage, shard=shard.name, tries=self.backlog.tries[shard.number],
            of=self.backlog.attempts, error=str(error), worker=outcome.worker,
            decision="commit" if receipt else type(decision).__name__.lower(),
        )  # fmt: skip
        if receipt:
            self._commit(receipt)
        elif isinstance(decision, Quarantine):
            self.backlog.give_up(shard, error)
            self._events.note("shard_quarantined", stage=self._stage, shard=shard.name, error=str(error))
        elif not isinstance(decision, Retry):
            raise error

    def _after_all(self, shard: Shard) -> Receipt | None:
        """The receipt of a shard that failed: its worker may have been lost after all was in the store."""
        try:
            return self._work.find(shard)
        except StoreError:
            return None
