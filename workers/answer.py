"""What a worker that makes parts answers when it is asked what it does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jobs.shards import Shard


@dataclass(frozen=True)
class Answer:
    """What a worker does, seconds since it got on, whether it only waits for the store, and the shard at work where
    there is but one.
    """

    seconds: float = 0.0
    doing: str = ""
    stores: bool = False
    shard: str = ""


class Doings:
    """What the callers of a maker do with their shards, and since when; `waits` is what `said` means by it."""

    def __init__(self, waits: str = "") -> None:
        self._waits = waits
        self._by_shard: dict[str, tuple[str, float]] = {}

    @contextmanager
    def of(self, shard: Shard, first: str) -> Iterator[None]:
        """A caller has the shard in hand, and does `first` to begin with."""
        self.tell(shard, first)
        try:
            yield
        finally:
            self._by_shard.pop(shard.name, None)

    def tell(self, shard: Shard, what: str) -> None:
        """It got on, and does this now."""
        self._by_shard[shard.name] = (what, time.monotonic())

    def answer(self) -> Answer:
        """May be called beside the callers."""
        return said(dict(self._by_shard), self._waits)


def said(doing: dict[str, tuple[str, float]], waits: str) -> Answer:
    """The answer of a worker whose callers do what `doing` says by shard: (what, since when). Those that only wait for
    another's turn come last and do not count.
    """
    now = time.monotonic()
    at_work = {name: pair for name, pair in doing.items() if pair[0] != waits}
    told = [f"{what} {name}, for {now - since:.0f} s" for name, (what, since) in (at_work or doing).items()]
    youngest = min((now - since for _, since in at_work.values()), default=0.0)
    stores = all(what.startswith("stores") for what, _ in at_work.values())
    return Answer(youngest, ", ".join(told), stores, next(iter(at_work)) if len(at_work) == 1 else "")
