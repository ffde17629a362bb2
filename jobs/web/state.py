"""How a run stands, in a word and a sentence, by what lies in the store: its events, its lease, its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.lease import STALE_SECONDS, Holder
from jobs.web.told import Told

STOPPED = (130, 143)
OUT_OF_TIME = 124


@dataclass(frozen=True)
class State:
    """`name` is for programs, `word` for people; `tone` is good, bad, live or quiet, and never the only sign of it."""

    name: str
    word: str
    sentence: str
    tone: str

    @property
    def live(self) -> bool:
        """Whether more is to be expected soon."""
        return self.name in ("running", "silent", "submitted", "nothing")


SIGNS = {"good": "\u2713", "bad": "\u2717", "live": "\u25cf", "quiet": "\u25cb"}

_SAFE = "Everything finished is safe, and the same command goes on from it."
_NOTHING = State("nothing", "Nothing there yet", "This run has not begun. The page fills as soon as it does.", "quiet")
_SUBMITTED = State("submitted", "Submitted", "It waits for its cluster to begin it.", "live")
_LOST = State("lost", "Ended without a word", f"Nobody is at work on it, and nothing says how it ended. {_SAFE}", "bad")
_ENDS = {
    "done": State("done", "Done", "All samples are published.", "good"),
    "incomplete": State("incomplete", "Incomplete", f"Some shards could not be made. {_SAFE}", "bad"),
    "failed": State("failed", "Failed", _SAFE, "bad"),
    "stopped": State("stopped", "Stopped", f"Somebody, or the system, has stopped it. {_SAFE}", "quiet"),
    "late": State("late", "Out of time", f"The time that it was given (--timeout) is over. {_SAFE}", "bad"),
}
_OVER = {"run_done": "done", "run_incomplete": "incomplete", "run_failed": "failed"}


def state_of(
    told: Told, holder: Holder | None, quiet: float, result: dict[str, Any] | None, *, submitted: bool, asked: bool
) -> State:
    """`quiet` is for how many seconds the holder's lease has not been renewed; `asked`: somebody wants it to stop."""
    if told.end is not None:
        return _ended(_OVER[told.end.kind], told.exit_code)
    if holder is not None:
        return _at_work(holder, quiet, asked=asked)
    if result and result.get("state") in _ENDS and not told.tries:
        return _ended(str(result["state"]), int(result.get("exit_code", 0)))
    if told.last is None:
        return _SUBMITTED if submitted else _NOTHING
    if result and result.get("state") == "done" and float(result.get("ended", 0)) >= (told.began or 0):
        return _ENDS["done"]
    return _SUBMITTED if submitted and not told.tries else _LOST


def _ended(how: str, code: int) -> State:
    if how == "failed" and code in STOPPED:
        return _ENDS["stopped"]
    return _ENDS["late"] if how == "failed" and code == OUT_OF_TIME else _ENDS[how]


def _at_work(holder: Holder, quiet: float, *, asked: bool) -> State:
    where = f"on {holder.host[:100]} (process {holder.pid})"
    if quiet > STALE_SECONDS and not holder.is_here:
        text = f"Its driver {where} has not been heard of for {quiet:.0f} s: it may be gone, or its network. {_SAFE}"
        return State("silent", "No sign of life", text, "bad")
    if asked:
        return State(
            "running", "Stopping", f"It was asked to stop; its driver {where} ends what it has in hand.", "live"
        )
    return State("running", "At work", f"Its driver is {where}.", "live")
