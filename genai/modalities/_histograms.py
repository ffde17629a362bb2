"""A column's histogram, real rows beside synthetic ones, as a picture.

Both are shares, so they can be compared however many rows there are. Numbers fall into bins of equal width, whole ones
into one for each where they are few; of categories the most frequent real ones are shown.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from unicodedata import normalize

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from genai.look import Figure
from genai.modalities._column import Column

WIDTH, HEIGHT, SCALE = 360, 160, 2  # points, and pixels of each
BINS = 24
REAL, SYNTHETIC, INK, FAINT = "#6b7280", "#2563eb", "#111827", "#d1d5db"
_LEFT, _RIGHT, _TOP, _BOTTOM = 10, 10, 24, 24

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Bars = list[tuple[str, float, float, float]]  # below a pair of bars, their shares, where the name is anchored


def histogram(column: Column, real: np.ndarray, synthetic: np.ndarray) -> Figure:
    """The figure of one column's numbers."""
    bars = _of_places(column, real, synthetic) if _has_places(column) else _of_bins(column, real, synthetic)
    if column.missing:
        bars += [("", 0, 0, 0.5), ("none", _share(np.isnan(real)), _share(np.isnan(synthetic)), 0.5)]
    return Figure(column.name, _drawn(bars))


def _has_places(column: Column) -> bool:
    few = column.knots and column.kind == "number" and column.step and column.knots[-1] - column.knots[0] < BINS
    return column.kind in ("category", "boolean") or bool(few and column.per == 1)


def _of_places(column: Column, real: np.ndarray, synthetic: np.ndarray) -> Bars:
    """A pair of bars for each category, or whole number."""
    if column.kind == "category":
        names = {float(place): name for place, name in enumerate(column.categories)}
    elif column.kind == "boolean":
        names = {0.0: "false", 1.0: "true"}
    else:
        names = {float(n): str(n) for n in range(int(column.knots[0]), int(column.knots[-1]) + 1)}
    ours = {place: _share(real == place) for place in names}
    most = sorted(names, key=lambda place: (-ours[place], place))[:BINS]
    return [(names[place], ours[place], _share(synthetic == place), 0.5) for place in sorted(most)]


def _of_bins(column: Column, real: np.ndarray, synthetic: np.ndarray) -> Bars:
    edges = _edges(column)
    shares = [np.histogram(n[~np.isnan(n)], edges)[0] / max(1, len(n)) for n in (real, synthetic)]
    last, low, high = len(edges) - 2, column.knots[0], column.knots[-1]
    marks = {0: (low, 0.0), last // 2 + 1: (float(edges[last // 2 + 1]), 0.0), last: (high, 1.0)}
    named = {place: (_named(column, number), anchor) for place, (number, anchor) in marks.items()}
    bars = zip(range(last + 1), *shares, strict=True)
    return [(named.get(place, ("", 0))[0], float(a), float(b), named.get(place, ("", 0))[1]) for place, a, b in bars]


def _edges(column: Column) -> np.ndarray:
    """Of bins of equal width, each with as many of the steps in which the numbers come."""
    low, high, step = column.knots[0], column.knots[-1], column.step / column.per
    steps = round((high - low) / step) + 1 if step else 0
    if not 0 < steps < BINS * BINS:
        return np.linspace(low, high, BINS + 1)
    width = -(-steps // BINS)
    return low + step * (np.arange(-(-steps // width) + 1) * width - 0.5)


def _named(column: Column, number: float) -> str:
    if column.kind == "number":
        return f"{number:,.0f}" if 1e4 <= abs(number) < 1e9 else f"{number:.4g}"
    since = timedelta(days=number) if column.kind == "date" else timedelta(microseconds=number)
    return (datetime(1970, 1, 1, tzinfo=UTC) + since).date().isoformat()


def _share(which: np.ndarray) -> float:
    return float(which.mean()) if len(which) else 0.0


def _drawn(bars: Bars) -> bytes:
    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), "white")
    draw = ImageDraw.Draw(picture)
    small = ImageFont.load_default(10 * SCALE)
    for word, colour, at in (("real", REAL, 94), ("synthetic", SYNTHETIC, 60)):
        draw.text(((WIDTH - at) * SCALE, 4 * SCALE), word, colour, small)
    floor, step = HEIGHT - _BOTTOM, (WIDTH - _LEFT - _RIGHT) / len(bars)
    tallest = max((share for _, *shares, _ in bars for share in shares), default=0) or 1
    for number, (_, *shares, _) in enumerate(bars):
        for half, (share, colour) in enumerate(zip(shares, (REAL, SYNTHETIC), strict=True)):
            left = _LEFT + step * (number + 0.08 + 0.42 * half)
            top = floor - share / tallest * (floor - _TOP)
            draw.rectangle([round(v * SCALE) for v in (left, top, left + step * 0.42, floor)], colour)
    draw.line([(_LEFT * SCALE, floor * SCALE), ((WIDTH - _RIGHT) * SCALE, floor * SCALE)], FAINT, SCALE)
    _name(draw, bars, step, floor + 4, small)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _name(draw: ImageDraw.ImageDraw, bars: Bars, step: float, top: float, font: Font) -> None:
    """What is below the bars, as much of it as there is room for."""
    free = 0.0
    named = [(number, name, anchor) for number, (name, _, _, anchor) in enumerate(bars) if name]
    for number, name, anchor in named:
        text = _fitting(draw, name, font, (WIDTH - _LEFT - _RIGHT) / min(len(named), 8) - 4)
        wide = draw.textlength(text, font) / SCALE
        left = min(max(_LEFT + step * (number + anchor) - wide * anchor, 2), WIDTH - wide - 2)
        if text and left >= free:
            draw.text((left * SCALE, top * SCALE), text, INK, font)
            free = left + wide + 6


def _fitting(draw: ImageDraw.ImageDraw, text: str, font: Font, room: float) -> str:
    """A text cut to some points."""
    plain = normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()  # Pillow's own font has no other letters
    plain = "".join(char if char.isprintable() else " " for char in plain)
    if draw.textlength(plain, font) <= room * SCALE:
        return plain
    while plain and draw.textlength(f"{plain}…", font) > room * SCALE:
        plain = plain[:-1]
    return f"{plain}…" if plain else ""
