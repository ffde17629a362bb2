"""Backfilling: the runs of a job for one logical date after another, each as a command of its own.

A date whose dataset is complete is skipped, one that another run is at work on is left to it (exit code 75). One that
fails does not keep the others from running; the same command tries only what is missing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from genai.errors import InputError, LeaseHeld
from jobs import dates, layout
from jobs.describe import refresh
from jobs.resolve import job
from jobs.spec import JobSpec
from jobs.survey import survey

MOST = 10_000  # dates of one backfill


@dataclass(frozen=True)
class Night:
    """What became of one date: `done`, `complete already`, `at work elsewhere`, or `failed`, with why."""

    date: str
    run: str
    state: str
    code: int = 0
    why: str = ""


def between(first: str, last: str, path: str, overrides: Sequence[str] = ()) -> list[str]:
    """The dates from `first` to `last`, both included, a window of the job apart. Raises InputError."""
    start, end = _moment("--from", first), _moment("--to", last)
    if start > end:
        raise InputError(f"--from: found {first}, after --to, {last}; allowed: a date at or before it")
    step = dates.span(job(path, (*overrides, f"logical_date={first}")).window)
    number = (end - start) // step + 1
    if number > MOST:
        raise InputError(f"--to: found {number:,} dates from {first} to {last}; allowed: at most {MOST:,}")
    return [dates.written(start + step * i) for i in range(number)]


def backfill(
    path: str,
    days: Sequence[str],
    options: Sequence[str] = (),
    *,
    overrides: Sequence[str] = (),
    parallel: int = 1,
    told: Callable[[Night], None] = lambda _: None,
) -> list[Night]:
    """Run the job for each date, at most `parallel` at once; `options` are those of `genai run` or `genai submit`.

    Raises SpecError where the job file has faults, before anything runs.
    """
    specs = [job(path, (*overrides, f"logical_date={day}")) for day in days]

    def one(day: str, spec: JobSpec) -> Night:
        night = _night(path, day, spec, options or ["run"], overrides)
        told(night)
        return night

    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(one, days, specs))


def code_of(nights: Sequence[Night]) -> int:
    """The exit code of them all: the first that failed; 75 where some were only left to others."""
    failed = [night.code for night in nights if night.code]
    return next((code for code in failed if code != LeaseHeld.exit_code), failed[0] if failed else 0)


def lines(nights: Sequence[Night]) -> Iterator[str]:
    for night in nights:
        yield f"{night.date:<20} {night.state:<18} {night.run}" + (f"  {night.why}" if night.why else "")


def _night(path: str, day: str, spec: JobSpec, options: Sequence[str], overrides: Sequence[str]) -> Night:
    run = layout.run_id(spec)
    try:
        if (found := survey(spec)).finished:
            refresh(found, remote=options[0] == "submit")
            return Night(day, run, "complete already")
    except InputError as error:  # the data of that date is not there, or a key
        return Night(day, run, "failed", error.exit_code, str(error))
    sets = [word for assignment in overrides for word in ("--set", assignment)]
    command, *rest = options
    line = [sys.executable, "-m", "jobs", command, path, "--logical-date", day, *sets, *rest]
    ended = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
    if ended.returncode == 0:
        return Night(day, run, "done")
    if ended.returncode == LeaseHeld.exit_code:
        return Night(day, run, "at work elsewhere", ended.returncode)
    why = next((text for text in ended.stderr.splitlines() if text.startswith("error: ")), ended.stderr[-200:].strip())
    return Night(day, run, "failed", ended.returncode, why.removeprefix("error: "))


def _moment(option: str, text: str) -> datetime:
    try:
        return dates.moment(text)
    except ValueError:
        raise InputError(f"{option}: found {text!r}; allowed: a day such as 2026-11-25, or a moment") from None
