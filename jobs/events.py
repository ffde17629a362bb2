"""The one stream of a run: what happened, in order. The terminal, `status` and the report are folds over it.

The driver is its one writer. On the store it lies in numbered segments of JSON lines (objects can't be appended
to); a run that is started again continues the numbers. A segment's name bears its writer, so that two drivers at once
do not write over each other.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from genai.errors import IntegrityError, StoreError
from jobs import layout
from jobs.stores import Store

SEGMENT_EVENTS, SEGMENT_SECONDS = 500, 5.0
_SEGMENT = re.compile(r"([0-9]{6,})(-[0-9a-f]{8})?\.jsonl")

#: every kind of event, with what it says
KINDS = {
    "run_started": "run, command, crew",
    "stage_started": "stage, key, and what it will do",
    "stage_reused": "stage, key: complete in the store, nothing done",
    "train_started": "step that a group goes on from (0: the beginning), workers, and which of them saves and tells",
    "train_step": "step, steps, loss, learning_rate",
    "train_validated": "step, and the held-out measures",
    "train_again": "step that is safe, error (none: there is room for more), lost workers, starts in vain, of how many",
    "state_saved": "step, bytes, seconds",
    "state_unsaved": "step, error: the training goes on, and is saved at its next state",
    "state_damaged": "state, error: it is passed over for the one before",
    "part_done": "stage, part, rows, bytes, done and planned parts, worker, seconds",
    "rows_added": "stage, rows that a table has taken by now, of how many; none is there before all are",
    "shard_failed": "stage, shard, try, error, what was decided",
    "shard_quarantined": "stage, shard, error",
    "shard_doubled": "stage, shard: it takes long, and is tried a second time elsewhere",
    "worker_lost": "stage, worker, error: it died, or was ended because it was silent",
    "waiting": "seconds without news, and on what: who does what, and for how long",
    "steps_dropped": "the step at which training was stopped, and the last one that is saved",
    "parts_dropped": "stage, parts in hand when the run was stopped; parts done and planned",
    "listener_failed": "listener, error: told once; the run goes on",
    "listener_dropped": "listener, events: how many it was not told, since it was too slow",
    "stage_done": "stage, key, seconds",
    "run_done": "dataset, digest, rows, bytes, seconds",
    "run_incomplete": "parts done and missing, the errors",
    "run_failed": "error, exit code",
}


@dataclass(frozen=True)
class Event:
    """One line of the stream; `at` is in seconds since the epoch."""

    kind: str
    at: float
    fields: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        text = json.dumps({"kind": self.kind, "at": round(self.at, 3), **self.fields}, ensure_ascii=False)
        return text.encode(errors="replace").decode()  # an error may name a file whose name is no text

    @classmethod
    def from_json(cls, line: str | bytes) -> Event:
        """Raises IntegrityError where the line is no event."""
        try:
            found = json.loads(line)
            kind, at = found.pop("kind"), found.pop("at")
            if type(kind) is not str or type(at) not in (int, float) or not 0 <= at < LATEST or not _flat(found):
                raise ValueError("no kind, no time, or too much in one another")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"this is no event: {str(error)[:200]}") from error
        return cls(kind, float(at), found)


LATEST = 253_402_300_800  # the year 10,000: calendars end there


def _flat(value: Any, depth: int = 8) -> bool:
    """Whether lists and mappings lie in one another only so deep that every reader can print them."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_flat(one, depth - 1) for one in inner)


class EventLog:
    """Writes events to a run's folder and to `listeners`. Use as a context manager: the end writes what is left."""

    def __init__(
        self, store: Store, run_id: str, *listeners: Callable[[Event], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._run, self._listeners, self._clock = store, run_id, listeners, clock
        self._waiting: list[Event] = []
        self._writer = secrets.token_hex(4)
        self._next = 1 + max((number for number, _ in segments(store, run_id)), default=-1)
        self._written_at = clock()

    def note(self, kind: str, **fields: Any) -> None:
        assert kind in KINDS, kind
        event = Event(kind, self._clock(), fields)
        for listener in self._listeners:
            listener(event)
        self._waiting.append(event)
        if len(self._waiting) % SEGMENT_EVENTS == 0 or self._clock() - self._written_at >= SEGMENT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting. A store that fails keeps the events waiting: progress is no reason to lose work."""
        if not self._waiting:
            return
        self._written_at = self._clock()
        lines = "".join(event.to_json() + "\n" for event in self._waiting)
        try:
            self._store.put(layout.run(self._run, f"events/{self._next:06d}-{self._writer}.jsonl"), lines.encode())
        except StoreError:
            return
        self._next += 1
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


def read(store: Store, run_id: str) -> Iterator[Event]:
    """All events of a run, in order. A line that is damaged is passed over: events tell, the ledger knows."""
    for _, key in sorted(segments(store, run_id)):
        for line in store.get(key).splitlines():
            try:
                event = Event.from_json(line)
            except IntegrityError:
                continue
            yield event


def segments(store: Store, run_id: str) -> Iterator[tuple[int, str]]:
    """Number and key of each segment of a run's events; what else lies there is not ours."""
    for entry in store.list(layout.run(run_id, "events/")):
        if found := _SEGMENT.fullmatch(entry.key.rpartition("/")[2]):
            yield int(found[1]), entry.key
