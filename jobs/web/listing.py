"""The runs below an output, or of one job, the newest first: what `genai list` says, for a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from jobs.begun import Begun, begun, jobs_in
from jobs.show import KEY
from jobs.stores import Store
from jobs.view import result_of
from jobs.web.state import OUT_OF_TIME, SIGNS, STOPPED

MOST = 500  # runs that are listed
RUN_ID = re.compile(r"([a-z0-9][a-z0-9._-]*)-[0-9a-f]{12}")
_WORDS = {"done": ("done", "good"), "incomplete": ("incomplete", "bad"), "failed": ("failed", "bad")}


@dataclass(frozen=True)
class Run:
    """One line of the list."""

    run: str
    word: str = "begun, not over"
    tone: str = "live"
    ended: str = ""
    rows: int = 0
    date: str = ""
    report: bool = False
    at: float = 0.0

    @property
    def sign(self) -> str:
        return SIGNS[self.tone]


class Listing:
    """Reads a result again only when its object has changed."""

    def __init__(self, store: Store, *, one_job: bool = False) -> None:
        self._store, self._one_job = store, one_job
        self._read: dict[str, tuple[str, Run]] = {}  # by run: the version of its result, and what it says

    def look(self) -> tuple[Run, ...]:
        """Raises StoreError."""
        if self._one_job:
            there = [(self._store, begun(self._store))]
        else:
            there = [(self._store.child(job), runs) for job, runs in jobs_in(self._store)]
        found = [self._run(store, each) for store, runs in there for each in runs if RUN_ID.fullmatch(each.run)]
        return tuple(sorted(found, key=lambda run: (-run.at, run.run))[:MOST])

    def _run(self, store: Store, each: Begun) -> Run:
        version = each.result.version if each.result else ""
        if self._read.get(each.run, ("?",))[0] != version:
            self._read[each.run] = version, _line(each.run, result_of(store, each.run) if each.result else None)
        return self._read[each.run][1]


def _line(run: str, result: dict[str, Any] | None) -> Run:
    if result is None:
        return Run(run, at=float("inf"))
    state, code = str(result.get("state")), result.get("exit_code")
    word, tone = _WORDS.get(state, ("ended", "quiet"))
    if state == "failed" and code in STOPPED:
        word, tone = "stopped", "quiet"
    elif state == "failed" and code == OUT_OF_TIME:
        word = "out of time"
    from jobs.web.seen import clock

    ended = result.get("ended")
    report = state == "done" and bool(KEY.fullmatch(str(result.get("dataset"))))
    date = str(result.get("logical_date", ""))[:40]
    at = float(result.get("ended", result.get("began", 0)))
    return Run(run, word, tone, clock(ended) if ended else "", max(0, result.get("rows", 0)), date, report, at)
