"""Who is at work on a run now: its lease says who, the cluster that it was submitted to whether that is there still.

A cluster that is gone takes nothing of a run along, so what is told of it is how much is safe and how to go on.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

from genai.errors import GenaiError, StoreError
from jobs.events import read
from jobs.follow import OVER
from jobs.lease import holder_of
from jobs.rayjobs import JobServer
from jobs.stores import Store
from jobs.submission import Submitted
from jobs.survey import Survey


def standing(found: Survey, run: str) -> dict[str, Any]:
    """What `genai status` says beside what is in the store; it replaces the state where it knows better."""
    with suppress(StoreError):  # of a table that is out of reach nobody knows, and the rest is told
        if found.finished:
            return {}
    holder, submitted = holder_of(found.store, run), Submitted.of(found.store, run)
    shown: dict[str, Any] = {"holder": str(holder) if holder else None, "address": submitted and submitted.address}
    if submitted is None:
        return shown | ({"state": "at work"} if holder else {})
    try:
        there = JobServer(submitted.address).find(run)
    except GenaiError as error:
        last = max(read(found.store, run), key=lambda event: event.at, default=None)
        if holder is None and last and last.kind in OVER:
            return shown
        command = f"genai submit {found.store.locate(f'runs/{run}')} --address …"
        return shown | {"state": "head lost", "error": f"{error}; {_safe(found)}; go on with {command}"}
    if there is None or there.ended:
        return shown | ({"state": "lost", "error": there and there.message} if holder else {})
    return shown | {"state": "at work" if holder else there.state.lower()}


_server = cache(JobServer)  # whoever follows a run asks every second


def at_work(store: Store, run: str) -> bool:
    """Whether a driver is there that has not ended, also one that a cluster has still to begin. Of one on another
    machine the cluster knows, where it can be asked; else its lease is believed.
    """
    holder, submitted = holder_of(store, run), Submitted.of(store, run)
    if submitted is None or (holder and holder.is_here):
        return holder is not None
    try:
        there = _server(submitted.address).find(run)
    except GenaiError:
        return holder is not None
    return there is not None and not there.ended


def _safe(found: Survey) -> str:
    if found.plan is None or not found.metrics:
        return "training goes on from its last state"
    return f"{len(found.receipts)} of {len(found.plan)} parts are safe"
