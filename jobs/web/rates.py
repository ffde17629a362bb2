"""Curves and rates that stay small however long a run goes on. Times are those of the events."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

Point = tuple[float, float]
MARKS, DRAWN = 240, 40  # of a rate: kept, and drawn


@dataclass
class Series:
    """A curve of at most `most` points: where it gets more, every second one is let go."""

    most: int = 960
    points: list[Point] = field(default_factory=list)
    _every: int = 1
    _skipped: int = 0

    def add(self, x: float, y: float) -> None:
        self._skipped += 1
        if self._skipped < self._every:
            return
        self._skipped = 0
        self.points.append((x, y))
        if len(self.points) > self.most:
            del self.points[::2]
            self._every *= 2


@dataclass
class Rate:
    """Rows as they come: how many there were at some moments, and how fast the newest come."""

    began: float
    rows: int = 0
    counted: Series = field(default_factory=lambda: Series(MARKS))  # at, and rows until then
    newest: deque[tuple[float, int, int]] = field(default_factory=lambda: deque(maxlen=33))  # at, rows, done

    def add(self, at: float, rows: int, done: int) -> None:
        self.rows += rows
        self.newest.append((at, rows, done))
        self.counted.add(at, self.rows)

    @property
    def now(self) -> float | None:
        """Rows a second over the newest parts; None where there are too few to tell."""
        return self._over(sum(rows for _, rows, _ in list(self.newest)[1:]))

    @property
    def parts(self) -> float | None:
        """Parts a second."""
        return self._over(self.newest[-1][2] - self.newest[0][2] if self.newest else 0)

    def _over(self, count: int) -> float | None:
        seconds = self.newest[-1][0] - self.newest[0][0] if len(self.newest) > 1 else 0
        return count / seconds if seconds > 0 else None

    @property
    def points(self) -> tuple[Point, ...]:
        """Minutes since it began, and rows a second since the point before, `DRAWN` of them at most. Parts of several
        workers come in bursts, so a point stands for about two parts at least, and for its share of the time.
        """
        marks, found = [(self.began, 0.0), *self.counted.points], list[Point]()
        gap = (marks[-1][0] - self.began) / min(DRAWN, 1.1 * max(2, (len(marks) - 1) // 2))
        at, until = marks.pop()
        for before, rows in reversed(marks):
            if gap and at - before >= gap and (before - self.began >= gap or before == self.began):
                found.append(((at - self.began) / 60, (until - rows) / (at - before)))
                at, until = before, rows
        return tuple(reversed(found))
