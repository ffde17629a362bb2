"""How long the S3 store waits and how often it tries: the bounds of all that it does.

- A connection that is silent for `idle` (20 s), or in such a time moves less than `floor` (64 KiB/s), is cut, and the
  request is tried anew on another.
- An operation, which is a request and all its tries, has `operation` (120 s). A body of more than 16 MiB is several
  operations: each piece of it that arrives starts the time anew. So a caller who is stuck is free after two minutes,
  and a little: a connection may take `connect` (10 s, for each address of the server) to be refused.
- A request is tried up to `attempts` times (6). Those that the server had no time for (429, 503) and those that found
  nobody where there was somebody before (it starts anew) do not count among them, but are up to `busy_attempts` (30).
  AWS_MAX_ATTEMPTS, where it is set, bounds both.
- Between two tries lies a random time, from nothing up to a bound that doubles from `pause` (0.25 s; where the server
  is busy `busy_pause`, 1 s) to `longest_pause` (10 s). So clients that failed together do not come back together.
- `GENAI_S3_PATIENCE` is a factor on all these times: 3 for a very slow line, 0.05 for a test.
- Not bounded here: how long the system takes to look up a name, and botocore to fetch credentials.

Why not botocore's own retries: with one answer in two a 503, its adaptive mode slowed 32 threads down to 0.7 puts a
second, and its standard mode failed 28 % of the puts, once its quota of retries was used up.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from genai.errors import StoreError, StoreRefused

T = TypeVar("T")

VARIABLE = "GENAI_S3_PATIENCE"


@dataclass(frozen=True)
class Patience:
    """The bounds. Times are in seconds, `floor` in bytes a second."""

    connect: float = 10.0
    idle: float = 20.0
    floor: float = 64 << 10
    operation: float = 120.0
    attempts: int = 6
    busy_attempts: int = 30
    pause: float = 0.25
    busy_pause: float = 1.0
    longest_pause: float = 10.0

    @classmethod
    def of(cls, attempts: int | None, factor: float) -> Patience:
        """The usual bounds with all times multiplied, and as many tries as were asked for (None: nobody has said)."""
        return cls(
            *(factor * cls.connect, factor * cls.idle, cls.floor, factor * cls.operation),
            *(attempts or cls.attempts, attempts or cls.busy_attempts),
            *(factor * cls.pause, factor * cls.busy_pause, factor * cls.longest_pause),
        )


def factor() -> float:
    """What the environment asks for."""
    try:
        found = float(os.environ.get(VARIABLE) or 1)
    except ValueError:
        found = 0.0
    if not 0 < found < 1000:
        raise StoreRefused(f"{VARIABLE}={os.environ[VARIABLE]!r}: allowed: a factor above 0 and below 1000")
    return found


@dataclass(frozen=True)
class Allowance:
    """What the operation under way may take: the end of its time, and how its connections must move."""

    end: float = float("inf")
    idle: float = Patience.idle
    floor: float = Patience.floor

    def seconds(self) -> float:
        """How long the next step of a connection may take. Raises TimeoutError where there is no time left."""
        left = self.end - now()
        if left <= 0:
            raise TimeoutError("the operation's time is over")
        return min(self.idle, left)


class Unanswered(StoreError):  # noqa: N818  # named as those of genai/errors.py
    """A write of which some try had no answer that tells: it may have been carried out, or yet be."""


_ALLOWANCE: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


def now() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def allowance() -> Allowance:
    """That of the operation under way in this thread."""
    return _ALLOWANCE.get() or Allowance()


@contextmanager
def allowed(given: Allowance) -> Iterator[None]:
    """An operation is under way in this thread."""
    token = _ALLOWANCE.set(given)
    try:
        yield
    finally:
        _ALLOWANCE.reset(token)


@dataclass
class Tries:
    """The tries of one operation; `until` ends it earlier, on the clock of `now`."""

    patience: Patience
    until: float = float("inf")
    unanswered: bool = False  # whether some try had no answer that tells
    count: int = 0
    busy: int = 0
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.end = min(now() + self.patience.operation, self.until)

    def run(self, ask: Callable[[], T]) -> T:
        """One try."""
        self.count += 1
        with allowed(Allowance(self.end, self.patience.idle, self.patience.floor)):
            return ask()

    def pause(self, *, busy: bool) -> float | None:
        """How long to wait before the next try; None where there is none."""
        self.busy += busy
        failed = self.count - self.busy
        if failed >= self.patience.attempts or self.busy >= self.patience.busy_attempts:
            return None
        first = self.patience.busy_pause if busy else self.patience.pause
        pause = random.uniform(0, min(first * 2 ** (self.count - 1), self.patience.longest_pause))
        return pause if now() + pause < self.end else None
