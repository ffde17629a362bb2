"""Curves and rates that stay small however long a run goes on. Times are those of the events."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

Point = tuple[float, float]
SPANS, DRAWN = 240, 40  # of a rate: kept, and drawn


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
    """Rows as they come: how many in each of at most `SPANS` equal spans, and how fast the newest come."""

    began: float
    rows: int = 0
    width: float = 1.0
    spans: dict[int, int] = field(default_factory=dict)
    newest: deque[tuple[float, int, int]] = field(default_factory=lambda: deque(maxlen=33))  # at, rows, done

    def add(self, at: float, rows: int, done: int) -> None:
        self.rows += rows
        self.newest.append((at, rows, done))
        span = max(0, int((at - self.began) / self.width))
        self.spans[span] = self.spans.get(span, 0) + rows
        while max(self.spans) >= SPANS:
            halved: dict[int, int] = {}
            for number, count in self.spans.items():
                halved[number // 2] = halved.get(number // 2, 0) + count
            self.spans, self.width = halved, self.width * 2

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
        """Minutes since it began, and rows a second, `DRAWN` of them at most; what is not over is left out."""
        last = max(self.spans, default=0)
        group = -(-last // DRAWN) or 1
        return tuple(
            (end * self.width / 60, sum(self.spans.get(i, 0) for i in range(end - group, end)) / group / self.width)
            for end in range(group, last + 1, group)
        )
