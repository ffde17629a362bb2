"""What a scheduler is to start, and when: a job file by `genai run`, or by `genai submit` where there is an address.

`jobs.targets` has a file for each scheduler, which says the same in its words. All of them give a start the same date
(`Cron.form`), so that a schedule that moves from one to another goes on where it was.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

from genai.errors import InputError
from genai.registry import names
from jobs import dates, resolve, targets
from jobs.cron import Cron
from jobs.document import printable
from jobs.rayjobs import ADDRESS
from jobs.spec import JobSpec

_EXAMPLE = datetime(2000, 1, 1)  # noqa: DTZ001  # in UTC, as all that cron says
_IMAGE = re.compile(r"[a-z0-9][\w.:/-]*(?:@[\w+.-]+:[0-9a-fA-F]{32,})?", re.ASCII)


@dataclass(frozen=True)
class Schedule:
    """A job file, and how it is to be started. Paths are absolute: a scheduler starts things in a folder of its own."""

    job: JobSpec
    file: str  # path or URI
    text: str  # what the file says, for machines that cannot reach it
    folder: str  # where relative paths of the job file begin
    program: tuple[str, ...]  # the words that start genai on this machine
    cron: Cron | None = None
    settings: tuple[str, ...] = ()  # of --set
    address: str | None = None
    image: str | None = None
    crew: str | None = None
    timeout: float | None = None  # seconds
    log: str | None = None
    logical_date: str | None = None  # of one run
    since: str | None = None  # the first date that is made up for

    def __post_init__(self) -> None:
        for field in fields(self):
            said = getattr(self, field.name)
            for value in said if isinstance(said, tuple) else (said,):
                if isinstance(value, str) and field.name != "text":
                    _check_letters(value)
        _check(ADDRESS.fullmatch, self.address, "--address", "such as http://head:8265")
        _check(_IMAGE.fullmatch, self.image, "--image", "such as registry.example/genai:1.0")
        _check(dates.moment, self.logical_date, "--logical-date", "a day such as 2026-11-25, or a moment")
        _check(dates.moment, self.since, "--since", "a day such as 2026-11-25, or a moment")

    @property
    def ticks(self) -> Cron:
        """When it starts. Raises InputError where that was not said."""
        if self.cron is None:
            raise InputError("--at: nothing given; allowed: a cron line of five fields in UTC, such as '0 2 * * *'")
        return self.cron

    def command(self, program: tuple[str, ...] = (), file: str | None = None) -> str:
        """The start as a command of sh, up to the date."""
        how = ["submit", file or self.file, "--address", self.address, "--follow"] if self.address else None
        words = [*(program or self.program), *(how or ["run", file or self.file])]
        words += [word for setting in self.settings for word in ("--set", setting)]
        words += ["--crew", self.crew] if self.crew and not self.address else []
        return shlex.join([*map(str, words), *(("--timeout", _length(self.timeout)) if self.timeout else ())])

    def script(self, date: str) -> str:
        """The start as a line of sh for this machine; `date` is a word of sh. Signals reach genai, not the shell."""
        return f"cd {shlex.quote(self.folder)} && exec {self.command()} --logical-date {date}"

    @property
    def today(self) -> str:
        """The date by the clock, as a word of sh."""
        return f'"$(date -u +{self.ticks.form})"'

    def submitting_to(self, address: str) -> Schedule:
        """The same by `genai submit`; the address that it has, it keeps."""
        return self if self.address else replace(self, address=address)


def scheduled(
    file: str, kind: str, at: str | None, settings: tuple[str, ...], timeout: float | None = None, **how: str | None
) -> Schedule:
    """What was asked for of a scheduler, checked. `how` are fields of Schedule, and `genai`, the path of a program.

    Raises InputError, SpecError where the job file is none. A job that is nothing without a date is looked at with one.
    """
    cron = None if at is None else Cron.read(at)
    takes: dict[str, frozenset[str]] = {name: _target(name).TAKES for name in names(targets)}
    for name, said in how.items():
        if said is not None and name in frozenset().union(*takes.values()) - takes[kind]:
            known = ", ".join(other.replace("_", "-") for other in takes if name in takes[other])
            found = f"--{name.replace('_', '-')}: found it with --target {kind.replace('_', '-')}"
            raise InputError(f"{found}; allowed with {known}")
    date = how.get("logical_date") or (None if cron is None else dates.written(cron.after(_EXAMPLE)))
    job = resolve.job(file, [*settings, *([] if date is None else [f"logical_date={date}"])])
    here = "" if "://" in file else Path(file).read_bytes().decode().removeprefix("\ufeff")
    program = (how.pop("genai", None) or str(Path(sys.executable).with_name("genai")),)
    at_path = file if "://" in file else os.path.abspath(file)  # noqa: PTH100  # keeps links
    return Schedule(job, at_path, here, str(Path.cwd()), program, cron, settings, timeout=timeout, **how)


def render(schedule: Schedule, kind: str) -> dict[str, str]:
    """The files that a scheduler expects, by their names. Raises InputError where it needs what was not said, or cannot
    be told what was.
    """
    files: dict[str, str] = _target(kind).render(schedule)
    return files


def _target(kind: str) -> ModuleType:
    return import_module(f"{targets.__name__}.{kind}")


def _length(seconds: float) -> str:
    """As `--timeout` takes it, in the largest unit that has no rest."""
    known = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    return next((f"{seconds / size:.0f}{unit}" for unit, size in known.items() if seconds % size == 0), str(seconds))


def _check(read: Callable[[str], object], said: str | None, option: str, allowed: str) -> None:
    """`read` gives None, or raises ValueError or OverflowError, where `said` is none of its kind."""
    try:
        good = said is None or read(said)
    except (ValueError, OverflowError):
        good = False
    if not good:
        raise InputError(f"{option}: found {printable(str(said))!r}; allowed: {allowed}")


def _check_letters(value: str) -> None:
    odd = next((letter for letter in value if unicodedata.category(letter) in ("Cc", "Cs")), None)
    if odd is not None:
        raise InputError(f"{printable(value)}: found {odd!r}, which no schedule can hold; allowed: text on one line")
