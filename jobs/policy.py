"""What to do about a shard that failed: a pure decision from the failure and how often it was tried."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from genai.errors import InputError, Refused

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds


@dataclass(frozen=True)
class Retry:
    """Try again after `delay` seconds."""

    delay: float


@dataclass(frozen=True)
class Quarantine:
    """Leave this shard undone, go on with the others."""


@dataclass(frozen=True)
class Stop:
    """No shard can succeed: end the run."""


Decision = Retry | Quarantine | Stop


def decide(error: BaseException, shard: int, tries: int, attempts: int) -> Decision:
    """`tries` is how often the shard was tried, this failure included; `attempts` how often it may be.

    Bad input is bad for every shard. What filters refuse is refused again: quarantined at once. All else may be the
    world's fault: tried again with exponential backoff and jitter (from the shard's number, so that a test sees the
    same delays), then quarantined.
    """
    if isinstance(error, InputError):
        return Stop()
    if tries >= attempts or isinstance(error, Refused):
        return Quarantine()
    return Retry(delay(shard, tries))


def delay(shard: int, tries: int) -> float:
    """Seconds before try `tries + 1`: doubled each time, to a bound, and shortened by up to a half."""
    whole = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(tries - 1, 30))
    return Random(shard * 1000 + tries).uniform(0.5, 1.0) * whole
