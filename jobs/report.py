"""The page of a run, for people who would rather look than read: samples beside real data, curves, counts, identities.

One file without scripts that asks nothing of any server, opened from a disk or a bucket; its own content security
policy holds it to that. It says what it is given and nothing else. Pure: no clock, no store; equal pages give equal
bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from jobs import chart
from jobs.chart import Curve, Line

if TYPE_CHECKING:
    from jinja2 import Template

    from genai.look import Look

__all__ = [
    "ClassCount", "Counts", "Curve", "Exhibit", "Files", "Grid", "GridRow", "Line", "Measure", "Page",
    "Quarantined", "Snippet", "Stage", "reading", "render",
]  # fmt: skip


@dataclass(frozen=True)
class Exhibit:
    """A row as it is shown; `index` is that of a sample, or None."""

    look: Look
    index: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of its picture in pixels, from the file's header; nothing where there is none."""
        return _canvas(self.look.motion) if self.look.motion else _sides(self.look.png)

    @property
    def uri(self) -> str:
        """Its picture, in motion where it has that."""
        return _uri(self.look.motion, "image/webp") if self.look.motion else _uri(self.look.png, "image/png")

    @property
    def sound(self) -> str:
        """Its sound as a URI; nothing where there is none."""
        return _uri(self.look.sound, self.look.sound_type) if self.look.sound else ""


def _sides(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _canvas(webp: bytes) -> tuple[int, int]:
    """Of an animated WebP, which says its sides less one in three bytes each."""
    return int.from_bytes(webp[24:27], "little") + 1, int.from_bytes(webp[27:30], "little") + 1


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@dataclass(frozen=True)
class GridRow:
    """Samples of one class beside real ones; unlabelled data has one row without a name."""

    name: str
    synthetic: tuple[Exhibit, ...]
    real: tuple[Exhibit, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Rows of pictures of one size, of sounds, or of words."""

    title: str
    rows: tuple[GridRow, ...]
    note: str = ""

    @property
    def exhibits(self) -> list[Exhibit]:
        return [exhibit for row in self.rows for exhibit in (*row.synthetic, *row.real)]

    @property
    def in_words(self) -> bool:
        """Whether its rows have no pictures."""
        return not any(exhibit.look.png for exhibit in self.exhibits)


@dataclass(frozen=True)
class ClassCount:
    """Samples of a class; `real` are the rows that the model was trained on."""

    name: str
    planned: int
    published: int
    real: int | None = None


@dataclass(frozen=True)
class Counts:
    """What became of each planned index (planned = published + failed) and each draw (drawn = published + rejected);
    `drawn` 0: once for each that is published.
    """

    planned: int
    published: int
    rejected: Mapping[str, int] = field(default_factory=dict)  # by reason
    failed: Mapping[str, int] = field(default_factory=dict)  # by error
    classes: tuple[ClassCount, ...] = ()
    drawn: int = 0

    @property
    def known_real(self) -> bool:
        """Whether the page has a column of real rows."""
        return any(count.real is not None for count in self.classes)


@dataclass(frozen=True)
class Stage:
    """How long a stage took; `reused`: it was complete in the store, and nothing was done."""

    name: str
    seconds: float
    rows: int = 0
    reused: bool = False

    @property
    def rate(self) -> float:
        """Rows a second; 0 where nothing was counted."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Measure:
    """A score, in words as it is to be shown."""

    name: str
    value: str
    interval: str = ""
    meaning: str = ""
    passed: bool | None = None  # its gate; None: it has none


@dataclass(frozen=True)
class Quarantined:
    """A shard that stays undone, and why."""

    shard: str
    error: str


@dataclass(frozen=True)
class Snippet:
    """How to read the data with one library."""

    name: str
    code: str


@dataclass(frozen=True)
class Files:
    """Where the parts are: `data` is the folder or URI that holds only them."""

    data: str
    parts: int
    bytes: int
    snippets: tuple[Snippet, ...] = ()


@dataclass(frozen=True)
class Page:
    """All that the page says. Sections without content are left out."""

    title: str
    job: str
    command: str  # for a shell
    created: str  # a date, as it is to be shown
    sentence: str  # what happened
    counts: Counts | None = None
    grids: tuple[Grid, ...] = ()
    curves: tuple[Curve, ...] = ()
    measures: tuple[Measure, ...] = ()
    stages: tuple[Stage, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)  # run, dataset, digests
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Files | None = None
    quarantined: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[Exhibit, ...] = ()  # of many rows; the words of each are its title


def render(page: Page) -> str:
    """The page as one HTML document."""
    charts = [made for made in map(chart.draw, page.curves) if made]
    layouts = [(grid, _layout(grid)) for grid in map(_bounded, page.grids)]
    return _template().render(page=page, charts=charts, layouts=layouts)


def _bounded(grid: Grid) -> Grid:
    """The grid, beyond `MOVING_BYTES` without sounds and still; each row, and in it the real ones, has its share."""
    if sum(len(exhibit.look.motion) + len(exhibit.look.sound) for exhibit in grid.exhibits) <= MOVING_BYTES:
        return grid
    room = MOVING_BYTES // len(grid.rows) // 4
    rows = [
        GridRow(row.name, tuple(_calmed(row.synthetic, 3 * room)), tuple(_calmed(row.real, room))) for row in grid.rows
    ]
    return replace(grid, rows=tuple(rows), note=f"{grid.note} {_CALMED}".strip())


MOVING_BYTES = 1 << 25  # of the sounds and moving pictures of a grid; in a page each takes a third more
_CALMED = "Only some have a sound or move, so that the page stays small."


def _calmed(exhibits: tuple[Exhibit, ...], room: int) -> Iterator[Exhibit]:
    for exhibit in exhibits:
        room -= len(exhibit.look.motion) + len(exhibit.look.sound)
        yield exhibit if room >= 0 else replace(exhibit, look=replace(exhibit.look, motion=b"", sound=b""))


def reading(data: str, column: str = "", what: str = "") -> tuple[Snippet, ...]:
    """How to read the parts in the folder or under the URI `data`, with three libraries. `column` is the one whose
    cells are files, if there is one, and `what` the first library makes of them.
    """
    glob = f"{data.rstrip('/')}/*.parquet"
    remote = "://" in data
    quoted = glob.replace("'", "''")
    secret = 'duckdb.sql("INSTALL httpfs; CREATE SECRET (TYPE s3, PROVIDER credential_chain)")\n' if remote else ""
    columns = f"* EXCLUDE {column}" if column else "*"
    query = f"SELECT {columns} FROM '{quoted}' LIMIT 5"  # noqa: S608  # text for the reader
    one = f'rows[0]["{column}"]  # {what}' if column else "rows[0]"
    first = "  # pip install s3fs" if remote else ""
    return (
        Snippet(
            "Hugging Face datasets",
            f"from datasets import load_dataset{first}\n\n"
            f'rows = load_dataset("parquet", data_files={glob!r}, split="train")\n' + one,
        ),
        Snippet("DuckDB", f"import duckdb\n\n{secret}duckdb.sql({query!r})"),
        Snippet("Polars", f"import polars\n\nrows = polars.scan_parquet({glob!r})\nrows.head().collect()"),
    )


@dataclass(frozen=True)
class _Layout:
    """Sizes of a grid's pictures in CSS pixels: whole multiples of their own, halves on a phone, whose screens have
    two or three dots to a CSS pixel. What moves or is heard is larger.
    """

    cell: float
    phone_cell: float
    columns: int
    real_columns: int
    phone_columns: int
    shrunk: bool  # pictures are drawn smaller than they are
    above: bool  # names are too long to stand at the left
    nameless: bool
    compared: bool


def _layout(grid: Grid) -> _Layout:
    width = max((exhibit.size[0] for exhibit in grid.exhibits), default=0) or 1
    playing = any(exhibit.look.sound or exhibit.look.motion for exhibit in grid.exhibits)
    small = width <= _CELL and not playing
    columns = max(1, min(max((len(row.synthetic) for row in grid.rows), default=1), 16 if small else 8))
    longest = max((len(row.name) for row in grid.rows), default=0)
    return _Layout(
        cell=width * (_CELL // width) if small else width * (2 * _CELL // width) or 2 * _CELL,
        phone_cell=_PLAYER if playing else width * (2 * _PHONE // width) / 2 or _PHONE,
        columns=columns,
        real_columns=4 if small else 2,
        phone_columns=min(columns, 3 if playing else 8),
        shrunk=width > 2 * _CELL,
        above=longest > 2,
        nameless=longest == 0,
        compared=any(row.real for row in grid.rows),
    )


_CELL, _PHONE = 56, 42  # largest side of a small picture: sixteen and four fill a desktop's line, eight a phone's
_PLAYER = 108  # what has room for a button: three fill a phone's line


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": chart.number, "size": _size, "duration": _duration}
    environment.globals["area"] = {name: getattr(chart, name) for name in _AREA}
    return environment.from_string(resources.files("jobs").joinpath("report.html.j2").read_text("utf-8"))


_AREA = ("WIDTH", "HEIGHT", "LEFT", "RIGHT", "TOP", "BOTTOM")


def _size(count: int) -> str:
    """Bytes for people, in decimal units."""
    value, units = float(count), ["bytes", "kB", "MB", "GB", "TB", "PB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}"


def _duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
