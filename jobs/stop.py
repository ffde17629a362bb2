"""Stopping a run from anywhere: a wish in the store, which its driver looks for, also one that has not begun yet.

The cluster that it was submitted to is asked, too, and a driver on this machine is sent SIGTERM: both are quicker.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from genai.errors import GenaiError
from jobs import layout
from jobs.lease import holder_of
from jobs.resolve import Target
from jobs.stores import Store

WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.5


def ask(store: Store, run: str) -> None:
    """Whoever drives the run is to stop, in order."""
    store.put(_wish(run), b"stop\n")


def asked(store: Store, run: str) -> bool:
    """Whether somebody has asked."""
    return any(True for _ in store.list(_wish(run)))


def forget(store: Store, run: str) -> None:
    """Begin anew: a wish of before is none of a new driver's."""
    if asked(store, run):
        store.delete(_wish(run))


def stop(target: Target, tell: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """Ask, and wait until nobody is at work; `stopped` says whether that came to be."""
    from jobs.standing import at_work
    from jobs.submission import Submitted

    store, run = target.store, target.run_id
    holder, submitted = holder_of(store, run), Submitted.of(store, run)
    if not at_work(store, run):
        return {"run": run, "stopped": True, "was": "not at work"}
    ask(store, run)
    tell(f"run {run}: asked " + (f"{holder} to stop" if holder else "the cluster to let it go"))
    if submitted:
        _ask_cluster(submitted.address, run)
    if holder and holder.is_here:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(holder.pid, signal.SIGTERM)
    was = "at work" if holder else "waiting to begin"
    for _ in range(int(WAIT_SECONDS / LOOK_SECONDS)):
        if not at_work(store, run):
            return {"run": run, "stopped": True, "was": was}
        sleep(LOOK_SECONDS)
    return {"run": run, "stopped": False, "was": was}


def lines(shown: dict[str, Any]) -> Iterator[str]:
    if not shown["stopped"]:
        yield f"run {shown['run']}: it was asked to stop, and is {shown['was']} still; its driver does so when it looks"
    elif shown["was"] == "not at work":
        yield f"run {shown['run']}: nobody is at work on it"
    else:
        yield f"run {shown['run']}: stopped; everything finished is safe, and the command that began it goes on"


def _wish(run: str) -> str:
    return layout.run(run, "stop")


def _ask_cluster(address: str, run: str) -> None:
    from jobs.rayjobs import JobServer

    with suppress(GenaiError):
        JobServer(address).stop(run)
