"""Stopping a driver: SIGINT, SIGTERM and its deadline end it in order within `SECONDS`, with all that is finished safe,
and so does the end of whoever started it, where that is asked for. A Ctrl-C after that ends it at once; another SIGTERM
changes nothing, since a stop may come by three ways: from the store, from the cluster, and from a scheduler that
signals all processes of a job.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from genai.errors import DeadlinePassed, GenaiError
from jobs.events import EventLog
from jobs.stop import asked, forget
from jobs.stores import Store

LOOK_SECONDS = 5.0  # between two looks for a wish to stop
SECONDS = 8.0  # for the orderly end; after it the process is gone all the same


def heed(stopped_by: list[int] | None = None) -> list[int]:
    """The first signal becomes KeyboardInterrupt, which nobody takes for a failure to be tried again; the list that is
    given back then holds its number.
    """
    first = [] if stopped_by is None else stopped_by

    def stop(number: int, _frame: FrameType | None) -> None:
        if first and number == signal.SIGINT:
            os._exit(code_of(first[0]))
        if first:
            return
        first.append(number)
        limit = threading.Timer(SECONDS, os._exit, [code_of(number)])  # a store or a cluster may hang
        limit.daemon = True
        limit.start()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, stop)
    return first


def code_of(number: int) -> int:
    """The exit code of a process that a signal has stopped; that of the deadline is SIGALRM."""
    return DeadlinePassed.exit_code if number == signal.SIGALRM else 128 + number


def end_after(seconds: float) -> None:
    """SIGALRM to this process when its time is over."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def end_with_parent() -> None:
    """SIGTERM to this process when its standard input ends, which its parent holds open."""

    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock, held by a daemon thread, aborts the interpreter's end
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def heed_wishes(store: Store, run: str) -> None:
    """SIGTERM to this process when somebody asks in the store that the run is stopped, or has asked."""

    def look() -> None:
        while True:
            with suppress(GenaiError):
                if asked(store, run):
                    forget(store, run)
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            time.sleep(LOOK_SECONDS)

    threading.Thread(target=look, name="wishes", daemon=True).start()


@contextmanager
def told(events: EventLog, stopped_by: list[int]) -> Iterator[None]:
    """The last event of a run that was stopped says so."""
    try:
        yield
    except KeyboardInterrupt:
        late = stopped_by[0] == signal.SIGALRM
        name = "its deadline (--timeout)" if late else signal.Signals(stopped_by[0]).name
        text = f"stopped by {name}; everything finished is safe, and the same command goes on"
        events.note("run_failed", error=text, exit_code=code_of(stopped_by[0]))
        raise
