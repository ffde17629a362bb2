"""The terminal: a fold over a run's events. Progress on stderr, a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from jobs.events import Event

Fields = dict[str, Any]
EVERY_SECONDS, EVERY_SHARE = 5.0, 0.05  # plain lines: the later of the two


class Plain:
    """One line for what matters, and for progress every 5 s or 5 %, whichever is later."""

    def __init__(self, write: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write or _to_stderr, clock
        self._shown: tuple[float, float] = (-1e9, -1.0)  # when, and what share

    def __call__(self, event: Event) -> None:
        done = progress_of(event)
        if done is not None and event.kind != "train_validated" and not self._due(done):
            return
        text = sentence(event)
        if text:
            self._write(text)

    def _due(self, done: float) -> bool:
        at, share = self._shown
        if done < 1 and self._clock() - at < EVERY_SECONDS and share <= done < share + EVERY_SHARE:
            return False
        self._shown = (self._clock(), done)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


class Live:
    """A bar for the stage at work, with finished stages above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}"), TimeElapsedColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._task: Any = None

    def __call__(self, event: Event) -> None:
        done = progress_of(event)
        if event.kind == "stage_started":
            self._task = self._progress.add_task(event.fields["stage"], total=1.0, note="")
        elif done is not None and self._task is not None:
            self._progress.update(self._task, completed=done, note=_note(event))
        else:
            if event.kind == "stage_done" and self._task is not None:
                self._progress.remove_task(self._task)
                self._task = None
            text = sentence(event)
            if text:
                self._progress.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def console() -> Plain | Live:
    """The one that fits stderr. (rich heeds NO_COLOR by itself.)"""
    return Live() if sys.stderr.isatty() else Plain()


def progress_of(event: Event) -> float | None:
    """Share of its stage that is done, 0 to 1, where the event tells one."""
    fields = event.fields
    if event.kind in ("train_step", "train_validated"):
        return float(fields["step"]) / max(1, fields["steps"])
    if event.kind == "part_done":
        return float(fields["done"]) / max(1, fields["parts"])
    if event.kind == "rows_added":
        return float(fields["rows"]) / max(1, fields["of"])
    return None


def _note(event: Event) -> str:
    f = event.fields
    if event.kind == "train_step":
        rate = f", {f['rows_per_second']:,.0f} rows/s" if f.get("rows_per_second") else ""
        return f"step {f['step']:,} of {f['steps']:,}, loss {f['loss']:.4g}{rate}"
    if event.kind == "train_validated":
        return "held out: " + ", ".join(f"{k} {v:.4g}" for k, v in f.items() if k not in ("step", "steps"))
    if event.kind == "rows_added":
        return f"{f['rows']:,} of {f['of']:,} rows"
    return f"{f['done']:,} of {f['parts']:,} parts"


def _of(f: Fields) -> str:
    """The stage whose parts an event is about."""
    return str(f.get("stage", "generate"))


def _stage(f: Fields) -> str:
    steps = f"the checkpoint is taken from {f['checkpoint']}" if "checkpoint" in f else f"{f.get('steps', 0):,} steps"
    steps += f", from the weights of {f['start']} on" if "start" in f else ""
    counted = f"{f['parts']:,} parts" if "parts" in f else ""
    parts = " to ".join(filter(None, (counted, f.get("place"))))
    about = {"train": steps, "prepare": "reading the data", "source": "reading the rows to draw from"}
    return f"{f['stage']}: {about.get(f['stage'], parts)}"


def _dropped(f: Fields) -> str:
    names = ", ".join(f["parts"]) or "none"
    return f"{_of(f)}: stopped with {f['done']:,} of {f['of']:,} parts safe; dropped while they were made: {names}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _again(f: Fields) -> str:
    if not f["error"]:
        return f"train: there is room for more workers; starts again from step {f['step']:,}"
    why = "" if f["lost"] else f"{f['error']}; "
    return f"train: {why}starts again from step {f['step']:,} ({f['tries']} of {f['of']} without a new state)"


SENTENCES: dict[str, Callable[[Fields], str]] = {
    "run_started": lambda f: f"run {f['run']}",
    "stage_started": _stage,
    "stage_reused": lambda f: f"{f['stage']}: done before ({f['key']})",
    "stage_done": lambda f: f"{f['stage']}: done in {f['seconds']:.1f} s",
    "train_started": lambda f: f"train: {_counted(f['workers'], 'worker')} from step {f['step']:,} on",
    "train_again": _again,
    "state_unsaved": lambda f: f"train: the state of step {f['step']:,} is not saved: {f['error']}",
    "state_damaged": lambda f: f"train: {f['error']}; the one before it is used",
    "shard_failed": lambda f: (
        f"{_of(f)}: {f['shard']} failed ({f['tries']} of {f['of']}), {f['decision']}: {f['error']}"
    ),
    "shard_doubled": lambda f: f"{_of(f)}: {f['shard']} takes long; tried a second time elsewhere",
    "shard_quarantined": lambda f: f"{_of(f)}: gave up {f['shard']}: {f['error']}",
    "worker_lost": lambda f: f"{f['stage']}: {f['error']}",
    "listener_failed": lambda f: f"{f['listener']}: {f['error']}; the run goes on without it",
    "listener_dropped": lambda f: f"{f['listener']}: too slow, {_counted(f['events'], 'event')} not told",
    "waiting": lambda f: f"waiting on {f['on']}",
    "steps_dropped": lambda f: (
        f"train: stopped at step {f['step']:,}; step {f['saved']:,} is saved, what came after it will be done again"
    ),
    "parts_dropped": _dropped,
}


def sentence(event: Event) -> str:
    """The event in a line, or nothing where it is not worth one."""
    f = event.fields
    if event.kind in ("train_step", "part_done", "rows_added"):
        return f"{'train' if event.kind == 'train_step' else _of(f)}: {_note(event)}"
    if event.kind == "train_validated":
        return f"train: step {f['step']:,}, {_note(event)}"
    told = SENTENCES.get(event.kind)
    return told(f) if told else ""


def dated_sentence(event: Event) -> str:
    """The same with its time, for a log."""
    text = sentence(event) or (event.fields.get("error") and f"error: {event.fields['error']}") or _ENDS.get(event.kind)
    return f"{datetime.fromtimestamp(event.at, UTC):%Y-%m-%d %H:%M:%SZ}  {text}" if text else ""


_ENDS = {"run_done": "done"}


def _to_stderr(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
