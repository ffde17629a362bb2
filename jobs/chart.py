"""Curves as the geometry of a small line chart, which the page draws as inline SVG.

By hand, not with matplotlib: that would add 40 MB and some seconds to the install for two charts, and its SVG knows
neither the reader's light or dark theme nor the width of the window; ours is 3 kB and takes both from the page.

Where a line has more points than a screen can show, neighbours are gathered: the line is their mean, the band around
it runs from their smallest to their largest. The y axis is logarithmic where positive values span more than SPAN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

Point = tuple[float, float]

WIDTH, HEIGHT = 460, 250  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 52, 352, 14, 206  # of the plot in it; the names of the lines stand right of it
POINTS = 120  # of a line, drawn
SPAN = 8.0  # largest / smallest value from which an axis is logarithmic
TINY, FINEST = 1e-290, 1e-9  # least value that counts as one, and least span of an axis for its values
APART = 29.0  # between two lines' names, each of two lines of text


@dataclass(frozen=True)
class Line:
    """One quantity over the steps: (step, value), in the order of the steps."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Curve:
    """What one chart shows."""

    title: str
    lines: tuple[Line, ...]
    x_label: str = "step"
    y_label: str = ""
    note: str = ""


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True)
class Stroke:
    """A line as it is drawn: `path` and `band` are SVG path data, the name stands at (`end_x`, `name_y`)."""

    name: str
    last: str
    path: str
    band: str
    end_x: float
    end_y: float
    name_y: float


@dataclass(frozen=True)
class Chart:
    """A curve laid out."""

    curve: Curve
    strokes: tuple[Stroke, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    logarithmic: bool
    left_out: int  # points that are not finite

    @property
    def banded(self) -> bool:
        return any(stroke.band for stroke in self.strokes)


@dataclass(frozen=True)
class _Axis:
    """From values to places; ends at the outermost values, or at round ones."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        shape: Callable[[float], float] = math.log10 if self.logarithmic else float
        span = shape(self.high) - shape(self.low)
        share = (shape(value) - shape(self.low)) / span if span else 0.5
        return round(self.start + share * (self.stop - self.start), 1)


def draw(curve: Curve) -> Chart | None:
    """The chart of a curve, or None where it has no finite point."""
    lines = [(line.name, [p for p in line.points if all(map(math.isfinite, p))]) for line in curve.lines]
    lines = [(name, points) for name, points in lines if points]
    if not lines:
        return None
    gathered = [(name, points[-1], _gathered(points)) for name, points in lines]
    xs = [x for _, points in lines for x, _ in points]
    ys = [y for _, _, groups in gathered for group in groups for y in group[1:]]
    logarithmic = min(ys) > TINY and max(ys) / min(ys) > SPAN
    x_ticks, y_ticks = _ticks(min(xs), max(xs), 5), _log_ticks(ys) if logarithmic else _ticks(min(ys), max(ys), 5)
    x_axis = _Axis(min(xs), max(xs), LEFT, RIGHT)
    y_axis = _Axis(min(*ys, y_ticks[0]), max(*ys, y_ticks[-1]), BOTTOM, TOP, logarithmic)
    inside = [tick for tick in x_ticks if min(xs) <= tick <= max(xs)]
    return Chart(
        curve,
        _named([_stroke(name, last, groups, x_axis, y_axis) for name, last, groups in gathered]),
        _marks(x_axis, inside or xs[:1]),
        _marks(y_axis, y_ticks),
        logarithmic,
        sum(len(line.points) for line in curve.lines) - sum(len(points) for _, points in lines),
    )


def number(value: float, digits: int = 4) -> str:
    """A number for people: so many significant digits, thousands set apart, a true minus sign."""
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits - 1}g}".replace("-", "\u2212")
    places = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "\u2212")


def _marks(axis: _Axis, ticks: Sequence[float]) -> tuple[Tick, ...]:
    """The ticks with as many digits as tell them apart."""
    digits = next(d for d in (4, 8, 12, 17) if len({number(tick, d) for tick in ticks}) == len(ticks))
    return tuple(Tick(axis(tick), number(tick, digits)) for tick in ticks)


def _gathered(points: Sequence[Point]) -> list[tuple[float, float, float, float]]:
    """At most POINTS groups of neighbours: the last x, then mean, smallest and largest y."""
    size = -(-len(points) // POINTS)
    groups = [points[a : a + size] for a in range(0, len(points), size)]
    return [
        (group[-1][0], sum(y for _, y in group) / len(group), min(y for _, y in group), max(y for _, y in group))
        for group in groups
    ]


def _stroke(
    name: str, last: Point, groups: list[tuple[float, float, float, float]], x_axis: _Axis, y_axis: _Axis
) -> Stroke:
    means = [(x_axis(x), y_axis(mean)) for x, mean, _, _ in groups]
    band = [(x_axis(x), y_axis(high)) for x, _, _, high in groups]
    band += [(x_axis(x), y_axis(low)) for x, _, low, _ in reversed(groups)]
    spread = any(low != high for _, _, low, high in groups)
    end_x, end_y = means[-1]
    return Stroke(name, number(last[1]), _path(means), _path(band) + "Z" if spread else "", end_x, end_y, end_y)


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _named(strokes: list[Stroke]) -> tuple[Stroke, ...]:
    """The strokes with their names moved apart, as many as they are, and none below the axis."""
    order = sorted(range(len(strokes)), key=lambda i: strokes[i].end_y)
    places = {i: strokes[i].end_y for i in order}
    floor = float(BOTTOM)
    for i in reversed(order):
        places[i] = min(places[i], floor)
        floor = places[i] - APART
    ceiling = float(TOP)
    for i in order:
        places[i] = round(max(places[i], ceiling), 1)
        ceiling = places[i] + APART
    return tuple(replace(stroke, name_y=places[i]) for i, stroke in enumerate(strokes))


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers, 1, 2 or 5 times a power of ten apart, that enclose [low, high]."""
    span = max(high - low, FINEST * max(abs(low), abs(high)))
    span = span if span > TINY else 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * m for m in (1, 2, 5, 10, 20) if span / (power * m) <= about)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [float(f"{i * step:.12g}") for i in range(first, max(last, first + 1) + 1)]


def _log_ticks(values: Sequence[float]) -> list[float]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    powers = [10.0**i for i in range(low, high + 1, -(-(high - low) // 6))]
    if len(powers) > 3:
        return powers
    fine = [m * power for power in powers for m in (1, 2, 5)]
    return [tick for tick in fine if min(values) / 2.5 < tick < max(values) * 2.5]
