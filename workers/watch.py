"""Who of a group of training workers is silent, or lives and does not get on.

Each worker keeps a `Pulse`: what it does, and a count that grows with every sign of progress. A thread of its own tells
it every BEAT_SECONDS, so that a worker that is stopped, lost with its machine, or stuck with the interpreter's lock is
told from one that only takes long. The driver's `Watch` judges: silent is who has not beaten for `patience` seconds;
stuck is who beats, makes no progress, and does not wait for another. Those who wait are never to blame, unless all do.

Only seconds in which somebody listened count: a driver that was stopped itself finds nobody silent when it wakes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

BEAT_SECONDS = 2.0
START_SECONDS = 180.0  # to the first beat, and from there to the first step: a busy machine is long importing torch
SHORTEST_START_SECONDS = 60.0  # once a start has shown how long they take here
SLOWEST_BYTES = 4 << 20  # a second: the slowest store that is borne before it counts as no progress
GAP_SECONDS = 2.0  # between two judgements; what is longer is the driver's own silence

STARTING, WAITING, DONE = "starting", "waiting for the others", "done"


@dataclass(frozen=True)
class Beat:
    """What a worker says of itself. `steps` are those since it started; `slack` are seconds that what it does may take
    beyond the patience.
    """

    rank: int
    worker: str
    step: int = 0
    steps: int = 0
    doing: str = STARTING
    marks: int = 0
    slack: float = 0.0


@dataclass
class Pulse:
    """A worker's own account of what it does; `now` is safe to call from another thread."""

    rank: int = 0
    worker: str = ""
    step: int = 0
    steps: int = 0
    doing: str = STARTING
    marks: int = 0
    slack: float = 0.0

    def __call__(self, doing: str, size: int = 0) -> None:
        """Begin something, or get on with it; `size` are bytes that it moves without another sign of progress."""
        self.doing, self.slack, self.marks = doing, size / SLOWEST_BYTES, self.marks + 1

    def stepped(self, step: int) -> None:
        self.step, self.steps, self.marks = step, self.steps + 1, self.marks + 1

    def now(self) -> Beat:
        return Beat(self.rank, self.worker, self.step, self.steps, self.doing, self.marks, self.slack)


@dataclass(frozen=True)
class Suspect:
    """A worker that holds up the others, with the sentence that says so; none by name where none has come."""

    rank: int
    worker: str
    why: str


@dataclass
class _Seen:
    """The last beat of a worker, when it came, and when its marks last grew."""

    beat: Beat
    heard: float
    moved: float


@dataclass
class Watch:
    """What was heard of a group of `size` workers since it was started. Its clock is the caller's: `tick`."""

    size: int
    patience: float
    start: float = START_SECONDS
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _now: float = 0.0
    _first: float = 0.0  # when the first of all beat
    _took: float = 0.0  # seconds until the first step
    _at: float | None = None

    def tick(self, at: float) -> None:
        """It is `at` now, by a clock that does not jump; to be called at least every GAP_SECONDS."""
        self._now += min(at - self._at, GAP_SECONDS) if self._at is not None else 0.0
        self._at = at

    def heard(self, beat: Beat) -> None:
        before = self._seen.get(beat.rank)
        self._first = self._first if self._seen else self._now
        self._took = self._took or (self._now if beat.steps else 0.0)
        moved = before.moved if before and before.beat.marks == beat.marks else self._now
        self._seen[beat.rank] = _Seen(beat, self._now, moved)

    def who(self, rank: int | None) -> str:
        """A worker's name."""
        seen = self._seen.get(-1 if rank is None else rank)
        return seen.beat.worker if seen else f"worker {rank}"

    def last(self, rank: int | None) -> str:
        """A worker, and what it did last."""
        seen = self._seen.get(-1 if rank is None else rank)
        return f"{_who(seen.beat)} ({_what(seen.beat)})" if seen else f"worker {rank}"

    def unheard(self) -> list[Suspect]:
        """Those whose beat is overdue: of a group that fell apart, who is gone with a machine."""
        late = [s for s in self._seen.values() if self._now - s.heard > 2 * BEAT_SECONDS and s.beat.doing != DONE]
        return [self._suspect(s, f"was not heard for {self._now - s.heard:.0f} s", late) for s in late]

    @property
    def next_start(self) -> float:
        """How long the next start may take, by how long this one took to its first step."""
        return min(START_SECONDS, max(SHORTEST_START_SECONDS, 3 * self._took)) if self._took else self.start

    @property
    def quiet(self) -> float:
        """Seconds since anybody got on."""
        return self._now - max((seen.moved for seen in self._seen.values()), default=0.0)

    def suspects(self) -> list[Suspect]:
        """Those who are to blame that nothing goes on, or nobody."""
        return self._absent() or self._silent() or self._stuck()

    def waiting(self) -> str:
        """What is being waited for, for a person."""
        if not self._seen:
            return f"the start of {self.size} worker(s), for {self._now:.0f} s"
        at_work = [s for s in self._seen.values() if s.beat.doing not in (WAITING, DONE)] or list(self._seen.values())
        told = [f"{_who(s.beat)}, {_what(s.beat)} for {self._now - s.moved:.0f} s" for s in at_work]
        absent = [f"worker {rank}, which has not started" for rank in range(self.size) if rank not in self._seen]
        return "; ".join(told + absent)

    def _absent(self) -> list[Suspect]:
        limit = self.patience if self._seen else self.start
        if len(self._seen) == self.size or self._now - self._first <= limit:
            return []
        if not self._seen:
            return [Suspect(-1, "", f"no worker started within {limit:.0f} s")]
        missing = [rank for rank in range(self.size) if rank not in self._seen]
        why = f"did not start within {limit:.0f} s of the first"
        return [Suspect(rank, f"worker {rank}", f"worker {rank} {why}") for rank in missing]

    def _silent(self) -> list[Suspect]:
        late = [s for s in self._seen.values() if self._now - s.heard > self.patience and s.beat.doing != DONE]
        return [self._suspect(s, f"was silent for {self._now - s.heard:.0f} s", late) for s in late]

    def _stuck(self) -> list[Suspect]:
        working = [s for s in self._seen.values() if s.beat.doing not in (WAITING, DONE)]
        still = [s for s in working if self._now - s.moved > self._limit(s.beat)]
        if not working and self.quiet > self.patience:  # all wait for one another
            still = [s for s in self._seen.values() if s.beat.doing == WAITING]
        return [self._suspect(s, f"did not get on for {self._now - s.moved:.0f} s", still) for s in still]

    def _limit(self, beat: Beat) -> float:
        return (self.patience if beat.steps else max(self.patience, self.start)) + beat.slack

    def _suspect(self, seen: _Seen, how: str, blamed: Iterable[_Seen]) -> Suspect:
        held = [_who(s.beat) for s in self._seen.values() if s.beat.doing == WAITING and s not in blamed]
        waits = f"; {', '.join(held)} had to wait" if held else ""
        return Suspect(seen.beat.rank, seen.beat.worker, f"{_who(seen.beat)}, {how} ({_what(seen.beat)}){waits}")


def _who(beat: Beat) -> str:
    return f"worker {beat.rank}, {beat.worker}"


def _what(beat: Beat) -> str:
    return DONE if beat.doing == DONE else f"step {beat.step + 1}, {beat.doing}"
