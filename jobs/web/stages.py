"""Stages and workers of a run, as far as its events have told."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.web.rates import Rate


@dataclass
class Stage:
    """One stage of the newest try."""

    name: str
    key: str = ""
    state: str = "running"  # or "done", "reused", "stopped"
    done: int = 0
    total: int = 0
    unit: str = ""  # what is counted: steps, parts, rows
    began: float = 0.0
    heard: float = 0.0
    seconds: float | None = None  # that it took
    place: str = ""
    workers: int = 0  # of a training
    speed: float | None = None  # rows a second just now, where the events say it
    note: str = ""
    rate: Rate | None = None
    from_step: int = 0  # the first that the training told of since it was begun
    from_at: float | None = None

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; None where it tells nothing."""
        if self.state in ("done", "reused"):
            return 1.0
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def left(self) -> float | None:
        """Seconds until it will be done, by the newest rate."""
        if self.state != "running" or self.done >= self.total:
            return None
        if self.unit == "steps":
            took = self.heard - self.from_at if self.from_at is not None else 0.0
            pace = (self.done - self.from_step) / took if took > 0 else None
        else:
            pace = self.rate.parts if self.rate else None
        return (self.total - self.done) / pace if pace and pace > 0 else None


@dataclass
class Worker:
    """One worker of one stage; `span` is when it was first and last heard of, since the stage was begun."""

    name: str
    stage: str
    parts: int = 0
    rows: int = 0
    failures: int = 0
    lost: str = ""
    span: tuple[float, float] | None = None
    heard: float = 0.0
    at: float = 0.0  # seconds at work in spans that are over

    @property
    def seconds(self) -> float:
        """From the beginning of its first part to the end of its last."""
        return self.at + (self.span[1] - self.span[0] if self.span else 0.0)

    def over(self) -> None:
        self.at, self.span = self.seconds, None

    def work(self, began: float, at: float) -> None:
        """A part that was in its hands from one moment to another."""
        first = self.span[0] if self.span else began
        self.span, self.heard = (first, max(first, at)), at
