"""The logical date of a run: the moment that a schedule means, whenever the run starts, and the window that ends there.

    data: {source: "s3://bucket/rows/{{ window.start }}/*.parquet"}
    genai run job.yaml --logical-date 2026-11-25

`{{ logical_date }}`, `{{ window.start }}` and `{{ window.end }}` stand for days (2026-11-25), or for moments
(2026-11-25T020000Z, in UTC) where they are no midnights; `{{ window.start | %Y/%m/%d }}` says how they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from jobs.document import Document, Fault, Path, printable
from jobs.form import rule

#: that dates may stand in; `*` is each entry of a list
FIELDS: tuple[Path, ...] = (
    ("data", "source"), ("data", "source", "*"), ("data", "test_source"), ("output",), ("model", "checkpoint"),
    ("publish", "*", "to"),
)  # fmt: skip
_STANDS = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_MEANS = re.compile(r"\s*(logical_date|window\.start|window\.end)\s*(?:\|\s*((?:[\w/.:-]|%[YmdHMSjGVu])+?)\s*)?")
_SPAN = re.compile(r"([1-9][0-9]{0,3})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ALLOWED = (
    "{{ logical_date }}, {{ window.start }} or {{ window.end }}, each with a form such as {{ logical_date | %Y/%m/%d }}"
)


def moment(text: str) -> datetime:
    """The moment that an ISO date, or date and time, says; in UTC where it says no zone. Raises ValueError, also where
    it is no year from 1900 to 8999.
    """
    found = datetime.fromisoformat(text.strip())
    if not 1900 <= found.year < 9000:
        raise ValueError(text)
    return (found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)).replace(microsecond=0)


def written(at: datetime) -> str:
    """A moment as job files and commands say it: one text for each."""
    return at.strftime("%Y-%m-%d" if _is_midnight(at) else "%Y-%m-%dT%H:%M:%SZ")


def span(text: str) -> timedelta:
    """The length of a window, such as 1d, 6h, 30m or 2w. Raises ValueError."""
    if not (found := _SPAN.fullmatch(text)):
        raise ValueError(text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _date(text: str) -> str:
    try:
        return written(moment(text))
    except ValueError:
        allowed = "a day such as 2026-11-25, or a moment such as 2026-11-25T02:00Z"
        raise rule(f"found {printable(text)!r}; allowed: {allowed}", "logical_date") from None


def _span(text: str) -> str:
    try:
        span(text)
    except ValueError:
        raise rule(f"found {printable(text)!r}; allowed: a length such as 1d, 6h, 30m or 2w", "window") from None
    return text


LogicalDate = Annotated[str, Field(min_length=1), AfterValidator(_date)]
Span = Annotated[str, Field(min_length=1), AfterValidator(_span)]


@dataclass(frozen=True)
class Window:
    """From `start` on, up to `end`, which is the logical date."""

    start: datetime
    end: datetime

    @classmethod
    def until(cls, end: datetime, length: timedelta) -> Window:
        """The window of that length."""
        return cls(end - length, end)

    def says(self, name: str, form: str | None) -> str:
        """What stands for `{{ name | form }}`."""
        at = self.start if name == "window.start" else self.end
        return at.strftime(form or ("%Y-%m-%d" if _is_midnight(at) else "%Y-%m-%dT%H%M%SZ"))


def dated(document: Document) -> Document:
    """`document` with what `{{ ... }}` stands for in `FIELDS`; one that stands for nothing is a fault of the result."""
    values = document.values
    try:
        length = span(str(values.get("window", "1d")))
        window = Window.until(moment(str(values["logical_date"])), length) if values.get("logical_date") else None
    except ValueError:  # told at its own field
        return document
    faults = list(document.faults)
    for path, text in _texts(values):
        try:
            filled = _filled(text, window)
        except ValueError as error:
            faults.append(Fault(document.places[path], path, str(error)))
        else:
            values = _with(values, path, filled)
    return replace(document, values=values, faults=faults)


def _texts(values: Any) -> Iterator[tuple[Path, str]]:
    """The texts in which a date may stand, with their paths."""
    for field in FIELDS:
        for path, text in _at(values, field):
            if isinstance(text, str) and "{{" in text:
                yield path, text


def _at(values: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """What stands at a path, each with the path that leads there."""
    if not path:
        yield (), values
    elif path[0] == "*":
        for number, item in enumerate(values) if isinstance(values, list) else ():
            yield from (((number, *below), found) for below, found in _at(item, path[1:]))
    elif isinstance(values, dict) and path[0] in values:
        yield from (((path[0], *below), found) for below, found in _at(values[path[0]], path[1:]))


def _filled(text: str, window: Window | None) -> str:
    def says(found: re.Match[str]) -> str:
        means = _MEANS.fullmatch(found[1])
        if not means:
            raise ValueError(f"found {printable(found[0])}; allowed: {_ALLOWED}")
        if window is None:
            raise ValueError(f"found {printable(found[0])} in a run without a date; allowed with --logical-date DATE")
        return window.says(means[1], means[2])

    return _STANDS.sub(says, text)


def _with(values: Any, path: Path, text: str) -> Any:
    """`values` with `text` at `path`."""
    if not path:
        return text
    copied: Any = dict(values) if isinstance(values, dict) else list(values)
    copied[path[0]] = _with(copied[path[0]], path[1:], text)
    return copied


def _is_midnight(at: datetime) -> bool:
    return (at.hour, at.minute, at.second) == (0, 0, 0)
