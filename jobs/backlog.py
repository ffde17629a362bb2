"""The backlog: which shard is tried next, how often each was, and what is given up. Pure bookkeeping over a clock.

- A shard that failed comes back after a pause that grows, before those never tried. Its neighbours do not wait for it.
- A shard that was lost along with others cannot be blamed for it, nor can they. None of them is charged, once; from
  then on it is tried by a worker that has nothing else in hand, so that whatever kills its worker is found out.
- While several shards fail by the store and none gets through, the store is at fault and no shard: the failures are not
  charged, nothing new is begun, and the run ends when that lasts for `OUTAGE_SECONDS`.
- Where nothing else is left, a shard that takes far longer than the others is tried a second time, elsewhere; whoever
  is first counts, and the other's outcome is not heard.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from genai.errors import StoreError, WorkerError
from jobs.crew import Failed
from jobs.policy import Decision, Retry, Stop, decide, delay
from jobs.shards import Shard

OUTAGE_SECONDS = 900.0
STRAGGLER_TIMES, STRAGGLER_SECONDS, STRAGGLER_KNOWN = (
    2.0,
    1.0,
    3,
)  # of the usual time, above it, and what makes it known


class Clock(Protocol):
    """What pauses are measured by: the module `time`, or a test's."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


@dataclass
class Trying:
    """A shard in the workers' hands, and when each of its running tries began."""

    shard: Shard
    began: list[float]


@dataclass
class Backlog:
    """The shards of one dataset that are neither done nor given up."""

    fresh: Iterator[Shard]
    attempts: int
    clock: Clock
    tries: Counter[int] = field(default_factory=Counter)  # that are charged
    running: dict[int, Trying] = field(default_factory=dict)
    given_up: dict[str, BaseException] = field(default_factory=dict)
    _alone: set[int] = field(default_factory=set)
    _later: list[tuple[float, Shard]] = field(default_factory=list)  # (when, shard), a heap
    _took: deque[float] = field(default_factory=lambda: deque(maxlen=99))
    _refused: Counter[int] = field(default_factory=Counter)  # failures by the store since a part was done
    _outage_since: float | None = None
    _next: Shard | None = None

    def left(self) -> bool:
        """Whether a shard is neither done nor given up."""
        return bool(self.running or self._later or self._peek())

    def take(self) -> Shard | None:
        """The shard to begin now: one whose retry is due, else one never tried; None where there is neither. While the
        store is out, those that it refused are tried again first, and where all of them are settled, one new shard.
        """
        if self._later and self._later[0][0] <= self.clock.monotonic():
            return heapq.heappop(self._later)[1]
        if self._outage_since is not None and (self._later or self.running):
            return None
        shard, self._next = self._peek(), None
        return shard

    def alone(self, shard: Shard) -> bool:
        """Whether it has to be the only one in its worker's hands."""
        return shard.number in self._alone

    def straggler(self) -> Shard | None:
        """A shard that is overdue and runs once."""
        if len(self._took) < STRAGGLER_KNOWN:
            return None
        usual = median(self._took)
        overdue = self.clock.monotonic() - max(STRAGGLER_TIMES * usual, usual + STRAGGLER_SECONDS)
        return next((t.shard for t in self.running.values() if len(t.began) == 1 and t.began[0] < overdue), None)

    def begun(self, shard: Shard) -> None:
        """A try runs from now on."""
        self.running.setdefault(shard.number, Trying(shard, [])).began.append(self.clock.monotonic())

    def pause(self) -> float:
        """Seconds until something can be begun, where nothing runs."""
        return max(0.0, self._later[0][0] - self.clock.monotonic()) if self._later else 0.0

    def finished(self, shard: Shard) -> bool:
        """A part is there; False where it was before."""
        trying = self.running.pop(shard.number, None)
        if trying is None:
            return False
        self._outage_since = None
        self._refused.clear()
        self._took.append(self.clock.monotonic() - trying.began[0])
        return True

    def failed(self, outcome: Failed) -> Decision | None:
        """What becomes of a shard whose try has ended; None where that does not matter: another try of it runs, or it
        is settled.
        """
        trying = self.running.get(outcome.shard.number)
        if trying is None:
            return None
        trying.began.pop()
        if trying.began:
            return None
        del self.running[outcome.shard.number]
        decision = self._judged(outcome)
        if isinstance(decision, Retry):
            heapq.heappush(self._later, (self.clock.monotonic() + decision.delay, outcome.shard))
        return decision

    def give_up(self, shard: Shard, error: BaseException) -> None:
        """Leave a shard undone."""
        self.given_up[shard.name] = error

    def _judged(self, outcome: Failed) -> Decision:
        number, error = outcome.shard.number, outcome.error
        if isinstance(error, StoreError) and error.retryable:
            self._refused[number] += 1
            if len(self._refused) > 1:
                return self._wait_for_store(number)
        if outcome.shared and number not in self._alone:
            self._alone.add(number)
            return Retry(0.0)
        self.tries[number] += 1
        if isinstance(error, WorkerError):
            self._alone.add(number)  # it ends its worker, and would end others' tries
        return decide(error, number, self.tries[number], self.attempts)

    def _wait_for_store(self, number: int) -> Decision:
        now = self.clock.monotonic()
        self._outage_since = now if self._outage_since is None else self._outage_since
        lasted = now - self._outage_since
        return Stop() if lasted > OUTAGE_SECONDS else Retry(delay(number, self._refused[number]))

    def _peek(self) -> Shard | None:
        self._next = self._next or next(self.fresh, None)
        return self._next
