"""Listeners: who hears of a run beside its console, one file each (`webhook`, `openlineage`, `tensorboard`).

None of them may fail, delay or change a run. Each is fed by a thread of its own from a queue of bounded length: what
finds it full is dropped and counted. What a listener raises is noted once, as `listener_failed`; what it did not hear,
as `listener_dropped`, at the end, where all of them together get `SECONDS` for what is left.

A listener's module has the name of its field in `notify:`, and `listener(spec)`, which raises InputError where the
surroundings lack what that field names. No network there, and nothing that takes long.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol

from genai.errors import GenaiError
from jobs.events import Event, EventLog
from jobs.spec import JobSpec

ROOM = 1000  # events that wait for one listener
SECONDS = 5.0  # at the end of a run, for all listeners together


class Listener(Protocol):
    """Hears events, in order, on a thread of its own. May take its time, and may raise."""

    @property
    def kinds(self) -> frozenset[str]:
        """The events that it wants."""
        ...

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None:
        """Send what is left: no event follows."""
        ...


class Audience:
    """Passes a run's events on to listeners, and never waits for one: a listener of EventLog.

    audience = of(spec)
    with EventLog(store, run_id, audience) as events, audience.heard(events):
        …
    """

    def __init__(self, room: int = ROOM, seconds: float = SECONDS) -> None:
        self._room, self._seconds = room, seconds
        self._ears: list[_Ear] = []
        self._note: Callable[..., None] | None = None
        self._telling = False

    def add(self, name: str, listener: Listener) -> None:
        """One more, which hears what is told from now on."""
        self._ears.append(_Ear(name, listener, self._room))

    def __call__(self, event: Event) -> None:
        for ear in self._ears:
            ear.hear(event)
        self._tell_failures()

    @contextmanager
    def heard(self, events: EventLog) -> Iterator[None]:
        """The time of a run: failures are noted in `events`, and at its end the listeners get a moment."""
        self._note = events.note
        try:
            yield
        finally:
            events.flush()  # first: nothing that happened waits for a listener
            self._close()

    def _close(self) -> None:
        end = time.monotonic() + self._seconds
        for ear in self._ears:
            ear.end()
        for ear in self._ears:
            ear.join(end)
        self._tell_failures()
        for ear in self._ears:
            if missed := ear.missed:
                self._noted("listener_dropped", listener=ear.name, events=missed)

    def _tell_failures(self) -> None:
        if self._telling:
            return
        self._telling = True  # a note comes by here again
        for ear in self._ears:
            if ear.error and not ear.told:
                ear.told = True
                self._noted("listener_failed", listener=ear.name, error=ear.error)
        self._telling = False

    def _noted(self, kind: str, **fields: Any) -> None:
        if self._note:
            self._note(kind, **fields)


class _Ear:
    """One listener with its thread and its queue."""

    def __init__(self, name: str, listener: Listener, room: int) -> None:
        self.name, self.error, self.told = name, "", False
        self._listener, self._room = listener, room
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()  # the end always fits in
        self._wanted = self._given = self._taken = self._done = 0
        self._thread = threading.Thread(target=self._work, name=f"listener {name}", daemon=True)  # may hang for ever
        self._thread.start()

    def hear(self, event: Event) -> None:
        if event.kind not in self._listener.kinds:
            return
        self._wanted += 1
        if self._given - self._taken < self._room:
            self._given += 1
            self._queue.put(event)

    @property
    def missed(self) -> int:
        """Events that it was not told, or is still busy with."""
        return self._wanted - self._done

    def end(self) -> None:
        self._queue.put(None)

    def join(self, by: float) -> None:
        self._thread.join(max(0.0, by - time.monotonic()))
        if self._thread.is_alive() and not self.missed:
            self.error = self.error or "it has heard all, but did not come to its end"

    def _work(self) -> None:
        while (event := self._queue.get()) is not None:
            self._taken += 1
            self._guarded(self._listener, event)
            self._done += 1
        self._guarded(self._listener.close)

    def _guarded(self, call: Callable[..., None], *event: Event) -> None:
        try:
            call(*event)
        except GenaiError as error:
            self.error = self.error or str(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, no run ends by it; its text may hold a key
            self.error = self.error or type(error).__name__


def of(spec: JobSpec) -> Audience:
    """Those whom the job asks to be told. Raises InputError where what `notify` names is not there."""
    audience = Audience()
    for name, listener in asked(spec):
        audience.add(name, listener)
    return audience


def asked(spec: JobSpec) -> list[tuple[str, Listener]]:
    """The listeners of a job by name, not yet listening. Raises InputError like `of`."""
    names = [name for name in type(spec.notify).model_fields if getattr(spec.notify, name)]
    return [(name, import_module(f"{__name__}.{name}").listener(spec)) for name in names]
