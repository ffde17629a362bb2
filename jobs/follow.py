"""Following a run by its events in the store: also one on a cluster that cannot be reached, or that is gone."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

from genai.errors import GenaiError, IntegrityError, StoreError
from jobs.events import Event, segments
from jobs.rayjobs import JobServer, Submission
from jobs.stores import Store

LOOK_SECONDS = 1.0
LOST_SECONDS = 60.0
OVER = ("run_done", "run_incomplete", "run_failed")


class Tail:
    """The events of a run as they come. Segments that lie there already are passed over, or read first (`whole`)."""

    def __init__(self, store: Store, run: str, *, whole: bool = True) -> None:
        self._store, self._run = store, run
        self._seen = set() if whole else {key for _, key in segments(store, run)}

    def new(self) -> Iterator[Event]:
        """Those that have come since the last call."""
        for _, key in sorted(segments(self._store, self._run)):
            if key in self._seen:
                continue
            self._seen.add(key)
            for line in self._store.get(key).splitlines():
                try:
                    yield Event.from_json(line)
                except IntegrityError:
                    continue


def follow(
    tail: Tail,
    show: Callable[[Event], None],
    over: Callable[[], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> Event | None:
    """Show events until `over` says that nobody is at work; the last one that ended the run, if one did."""
    ended: Event | None = None
    while True:
        last = over()  # asked first: what was written before it was over is read after
        for event in tail.new():
            show(event)
            ended = event if event.kind in OVER else None if event.kind == "run_started" else ended
        if last:
            return ended
        sleep(LOOK_SECONDS)


class Following:
    """A submitted run: its events from the store, its state from the cluster. One that does not answer for
    `LOST_SECONDS` has lost its head.
    """

    def __init__(self, store: Store, run: str, address: str, *, whole: bool) -> None:
        self._store, self._run, self._server = store, run, JobServer(address)
        self._tail = Tail(store, run, whole=whole)
        self._last: Submission | None = None
        self._heard = time.monotonic()

    def until_it_ends(self, show: Callable[[Event], None]) -> int:
        """The driver's exit code. Raises StoreError where the head is lost."""
        ended = follow(self._tail, show, self._over)
        if self._last and self._last.code is not None:
            return self._last.code if self._last.code >= 0 else 128 - self._last.code
        if ended:
            return int(ended.fields.get("exit_code", 0))
        return 128 + signal.SIGTERM if self._last and self._last.state == "STOPPED" else 1

    def last_words(self) -> str:
        """What a driver that told no error printed last."""
        try:
            said = self._server.log(self._run).strip().splitlines()[-20:]
        except GenaiError:
            said = []
        lines = [line for line in said if not line.startswith('{"kind"')]
        return "\n".join(lines or filter(None, [self._last.message if self._last else ""]))

    def _over(self) -> bool:
        try:
            self._last = self._server.find(self._run)
        except GenaiError as error:
            if time.monotonic() - self._heard < LOST_SECONDS:
                return False
            raise StoreError(
                f"head lost: {error}; what is finished is safe: `genai status {self._run}` says how much, and the same "
                "command goes on where a cluster answers"
            ) from None
        self._heard = time.monotonic()
        return self._last is None or self._last.ended
