"""What the page of a run says, in words and figures: a snapshot that is made of what was told, and does not change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from jobs import chart
from jobs.chart import Chart, Curve, Line
from jobs.web.stages import Stage, Worker
from jobs.web.state import SIGNS, State
from jobs.web.told import Told

WORKERS, SHARDS = 40, 100  # that are listed

_STATES = {"running": "at work", "done": "done", "reused": "done before", "stopped": "not finished"}


@dataclass(frozen=True)
class StageLine:
    """One stage. `share` is None where nobody can tell how much is done."""

    name: str
    state: str
    counted: str = ""
    share: float | None = None
    about: str = ""
    running: bool = False


@dataclass(frozen=True)
class WorkerLine:
    """One worker; `trouble` says what went wrong with it."""

    name: str
    stage: str
    parts: int
    rows: int
    rate: float | None
    heard: str
    trouble: str


@dataclass(frozen=True)
class Failure:
    """A try that failed, or a worker that was lost."""

    at: str
    what: str
    error: str


@dataclass(frozen=True)
class Seen:
    """A run as its page shows it."""

    run: str
    job: str
    place: str
    state: State
    error: str
    waiting: str
    command: str
    facts: tuple[tuple[str, str], ...]
    stages: tuple[StageLine, ...]
    workers: tuple[WorkerLine, ...]
    more_workers: int
    quarantined: tuple[tuple[str, str], ...]
    more_quarantined: int
    failures: tuple[Failure, ...]
    charts: tuple[Chart, ...]
    dataset: str | None  # its key
    dataset_place: str
    digest: str
    newest: tuple[str, ...]  # parts, the newest first
    heard: str  # when the last event was

    @property
    def sign(self) -> str:
        return SIGNS[self.state.tone]


def stage_lines(told: Told, to_come: list[str], *, live: bool = True) -> tuple[StageLine, ...]:
    """Those that have begun, in the order of the job, and those that will; `live`: somebody is at work."""
    names = [*to_come, *(name for name in told.stages if name not in to_come)]
    return tuple(_stage(told.stages[n], live=live) if n in told.stages else StageLine(n, "to come") for n in names)


def _stage(stage: Stage, *, live: bool) -> StageLine:
    if stage.state == "running" and not live:  # its driver went without a word
        stage = replace(stage, state="stopped")
    counted = f"{stage.done:,} of {stage.total:,} {stage.unit}" if stage.total else ""
    if stage.state == "reused":
        counted = ""
    return StageLine(
        stage.name, _STATES[stage.state], counted, stage.share, ", ".join(_about(stage)), stage.state == "running"
    )


def _about(stage: Stage) -> list[str]:
    running, rate = stage.state == "running", stage.rate
    speed = (rate.now if rate else stage.speed) if running else None
    if rate and stage.seconds and rate.rows:
        speed = rate.rows / stage.seconds
    said = [
        f"to {stage.place}" if stage.place else "",
        f"{stage.workers} worker{'s' * (stage.workers != 1)}" if stage.workers else "",
        stage.note,
        f"{chart.number(speed, 3)} rows/s" if speed else "",
        f"{length(stage.seconds)}" if stage.seconds is not None else "",
        f"about {length(stage.left)} left" if stage.left is not None else "",
    ]
    return [text for text in said if text]


def worker_lines(told: Told) -> tuple[tuple[WorkerLine, ...], int]:
    """Those heard of last, and how many more there are."""
    known = sorted(told.workers.values(), key=lambda worker: (-worker.heard, worker.stage, worker.name))
    return tuple(map(_worker, sorted(known[:WORKERS], key=_in_order))), max(0, len(known) - WORKERS)


def _in_order(worker: Worker) -> tuple[str, int, str]:
    return worker.stage, len(worker.name), worker.name


def _worker(worker: Worker) -> WorkerLine:
    tries = f"{worker.failures} failed tr{'y' if worker.failures == 1 else 'ies'}" if worker.failures else ""
    trouble = "; ".join(filter(None, (tries, worker.lost)))
    rate = worker.rows / worker.seconds if worker.seconds > 0 else None
    heard = clock(worker.heard) if worker.heard else ""
    return WorkerLine(worker.name, worker.stage, worker.parts, worker.rows, rate, heard, trouble)


def failures(told: Told) -> tuple[Failure, ...]:
    """The newest, the newest first."""
    return tuple(
        Failure(clock(float(each["at"])), " ".join(filter(None, (each["stage"], each["what"]))), each["error"])
        for each in reversed(told.failures)
    )


def charts(told: Told) -> tuple[Chart, ...]:
    """What can be drawn."""
    minting = told.stages.get("generate")
    points = minting.rate.points if minting and minting.rate else ()
    lines = tuple(Line(name, tuple(series.points)) for name, series in told.held.items())
    curves = [
        Curve("Samples a second", (Line("rows/s", points),), "minutes since minting began"),
        Curve("Training loss", (Line("loss", tuple(told.loss.points)),)),
        Curve("Held-out rows", lines),
    ]
    long_enough = [curve for curve in curves if any(len(line.points) > 1 for line in curve.lines)]
    return tuple(made for made in map(chart.draw, long_enough) if made)


def clock(at: float) -> str:
    """A moment, to the second, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def length(seconds: float | None) -> str:
    """A time for people."""
    if seconds is None:
        return ""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def hours(seconds: float) -> str:
    """The work of all workers."""
    return f"{seconds / 3600:,.2f} h" if seconds >= 3600 else length(seconds)


def money(amount: float) -> str:
    """What it costs: to the hundredth, or to two digits where that would say nothing."""
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else chart.number(amount, 2)
