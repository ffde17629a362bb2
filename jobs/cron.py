"""A cron expression that every scheduler reads alike: five fields, in UTC.

Schedulers differ in what they take. Debian's cron knows no `5/10`, Kubernetes knows no 7 for Sunday, and where both the
day of the month and the day of the week are given, and one begins with a star, half of them take days that suit both
and half days that suit either. So `text` says in one way what may be said in several, and what has no common reading
is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from cronsim import CronSim, CronSimError

from genai.errors import InputError
from jobs.document import printable

_NAMES = ("minute", "hour", "day-of-month", "month", "day-of-week")
_ALL = (range(60), range(24), range(1, 32), range(1, 13), range(7))
_RANGES = ("0-59", "0-23", "1-31, of a month that has it", "1-12 or JAN-DEC", "0-7 or SUN-SAT")
_LONGEST = 200  # letters
_NUMBER = r"(?:0|[1-9][0-9]?)"
_PLAIN = re.compile(rf"(?:\*(?:/[0-9]+)?|{_NUMBER}(?:-{_NUMBER}(?:/[0-9]+)?)?)")
_FORMS = {"day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H:00Z", "minute": "%Y-%m-%dT%H:%MZ"}


@dataclass(frozen=True)
class Cron:
    """When something is to start. Weekdays count from Sunday, 0; `either` says that a day need only suit one of its two
    fields.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @classmethod
    def read(cls, said: str) -> Cron:
        """The expression that somebody typed. Raises InputError where it is too long to be one, and as `of` does."""
        if len(said) > _LONGEST:
            raise _error(said, f"found {len(said):,} letters; allowed: {_LONGEST}")
        return cls.of(said)

    @classmethod
    def of(cls, said: str) -> Cron:
        """The expression `said`, of any length: `text` may be longer than what was typed. Raises InputError where it is
        none, never comes, or is read differently by some.
        """
        fields = said.upper().split()
        if len(fields) != len(_NAMES):
            raise _error(said, f"found {len(fields)} fields; allowed: five, {' '.join(_NAMES)}")
        sets = _sets(said, fields)
        days, weekdays = (set(_ALL[at]) == sets[at] for at in (2, 4))
        if fields[2].startswith("*") or fields[4].startswith("*"):
            if not (days or weekdays):
                text = "found a star with a step for one kind of day and a choice for the other, which some schedulers"
                raise _error(said, f"{text} take as both and some as either; allowed: a range, such as 1-31/2")
        elif days or weekdays:  # either of which one is always so
            fields[2], fields[4], sets[2], sets[4] = "*", "*", set(_ALL[2]), set(_ALL[4])
        shown = " ".join(_shown(field, found, all_) for field, found, all_ in zip(fields, sets, _ALL, strict=True))
        return cls(shown, *(tuple(sorted(found)) for found in sets))

    @property
    def either(self) -> bool:
        """Whether both kinds of day are given: then a day that suits one of them is enough."""
        return len(self.days) < 31 and len(self.weekdays) < 7

    @property
    def form(self) -> str:
        """How the date of a start is written, for strftime: no finer than it takes to tell two starts apart, so that
        one that is late has the date that it would have had.
        """
        often = "day" if len(self.hours) == len(self.minutes) == 1 else "hour" if len(self.minutes) == 1 else "minute"
        return _FORMS[often]

    def after(self, at: datetime) -> datetime:
        """The first start after a moment."""
        return next(CronSim(self.text, at))


def _sets(said: str, fields: list[str]) -> list[set[int]]:
    """What each field stands for."""
    try:
        if not all(map(str.isascii, fields)):
            raise CronSimError("Bad field")  # told as the others are
        found = CronSim(" ".join(fields), datetime(2000, 1, 1))  # noqa: DTZ001  # cron knows no zones
    except CronSimError as error:
        raise _bad(said, fields, str(error).removeprefix("Bad ")) from None
    sets = [set[object](values) for values in (found.minutes, found.hours, found.days, found.months, found.weekdays)]
    for name, values in zip(_NAMES, sets, strict=True):
        if not all(isinstance(value, int) and value >= 0 for value in values):  # L, LW, 5L, MON#1: not of every cron
            raise _bad(said, fields, name)
    return [*sets[:4], {value % 7 for value in sets[4]}]  # type: ignore[list-item,operator]  # judged above


def _shown(field: str, values: set[int], all_: range) -> str:
    """The field as all read it: as it was typed, or as a list."""
    if values == set(all_):
        return "*"
    plain = all(_PLAIN.fullmatch(item) for item in field.split(","))
    steps = [int(step) for step in re.findall(r"/([0-9]+)", field)]
    if plain and all(0 < step < len(all_) for step in steps) and not (all_ is _ALL[4] and "7" in field):
        return field
    return ",".join(map(str, sorted(values)))


def _bad(said: str, fields: list[str], name: str) -> InputError:
    at = _NAMES.index(name) if name in _NAMES else next(i for i, field in enumerate(fields) if not field.isascii())
    allowed = f"{_RANGES[at]}, as *, a number, a range 1-5, a list 1,3 or a step */2"
    return _error(said, f"found {printable(repr(fields[at]))} as {_NAMES[at]}; allowed: {allowed}")


def _error(said: str, text: str) -> InputError:
    return InputError(f"--at {printable(repr(said[:_LONGEST]))}: {text}; '0 2 * * *' is 02:00 UTC each night")
