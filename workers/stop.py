"""Stopping a driver: SIGINT and SIGTERM end it in order, with all that is finished safe."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from jobs.events import EventLog


def heed(stopped_by: list[int] | None = None) -> list[int]:
    """Both signals become KeyboardInterrupt, which nobody takes for a failure to be tried again.

    Only the first counts (a terminal's Ctrl-C may come twice); the list that is given back then holds its number.
    """
    first = [] if stopped_by is None else stopped_by

    def stop(number: int, _frame: FrameType | None) -> None:
        if not first:
            first.append(number)
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return first


@contextmanager
def told(events: EventLog, stopped_by: list[int]) -> Iterator[None]:
    """The last event of a run that was stopped says so."""
    try:
        yield
    except KeyboardInterrupt:
        name = signal.Signals(stopped_by[0]).name
        text = f"stopped by {name}; everything finished is safe, and the same command goes on"
        events.note("run_failed", error=text, exit_code=128 + stopped_by[0])
        raise
