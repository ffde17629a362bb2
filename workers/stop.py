"""Stopping a driver: SIGINT and SIGTERM end it in order within `SECONDS`, with all that is finished safe; a second one
ends it at once. So does the end of whoever started it, where that is asked for.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from jobs.events import EventLog

SECONDS = 8.0  # for the orderly end; after it the process is gone all the same


def heed(stopped_by: list[int] | None = None) -> list[int]:
    """The first signal becomes KeyboardInterrupt, which nobody takes for a failure to be tried again; the list that is
    given back then holds its number.
    """
    first = [] if stopped_by is None else stopped_by

    def stop(number: int, _frame: FrameType | None) -> None:
        if first:
            os._exit(128 + number)
        first.append(number)
        limit = threading.Timer(SECONDS, os._exit, [128 + number])  # a store or a cluster may hang
        limit.daemon = True
        limit.start()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return first


def end_with_parent() -> None:
    """SIGTERM to this process when its standard input ends, which its parent holds open."""

    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock, held by a daemon thread, aborts the interpreter's end
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


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
