"""The commands as functions, for notebooks and DAGs.

    from jobs import JobSpec, plan, run, submit

    done = run("job.yaml", logical_date="2026-11-25")
    done["data"]                       # the folder or prefix of the Parquet parts

Each takes a job file's path or URI, or a JobSpec, and raises the errors of `genai.errors`, whose `exit_code` is that of
the command. What they return is what the command prints with `--json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from genai.errors import DeadlinePassed, GenaiError, Interrupted, LeaseHeld
from jobs import layout, start, submission, view
from jobs.describe import refresh
from jobs.events import Event
from jobs.follow import Following
from jobs.resolve import Target, job
from jobs.spec import JobSpec, load
from jobs.standing import standing
from jobs.survey import survey

Listener = Callable[[Event], None]


def plan(spec: str | JobSpec, *, logical_date: str | None = None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The stages of a job, what of each is done, and what is left: `genai plan`."""
    target = _target(spec, logical_date, overrides)
    return view.plan(survey(target.spec, target.store))


def run(
    spec: str | JobSpec,
    *,
    logical_date: str | None = None,
    overrides: Sequence[str] = (),
    crew: str = "ray",
    timeout: float | None = None,
    lease: bool = True,
    listener: Listener = lambda _: None,
) -> dict[str, Any]:
    """Read, train, mint, publish: `genai run`. `timeout` is in seconds; `listener` hears each event as it comes.

    Raises LeaseHeld where another run is at work on it, DeadlinePassed after `timeout`, Incomplete and other errors of
    the driver as GenaiError with its exit code. All that is finished is safe; the same call goes on.
    """
    target = _target(spec, logical_date, overrides)
    found = survey(target.spec, target.store)
    if found.finished:
        refresh(found)
    else:
        told = start.Told(listener)
        code = start.drive(start.begin(target.store, target.spec), crew, "", told, lease=lease, timeout=timeout)
        _raise_for(code, told.error)
    return view.done(survey(target.spec, target.store))


def submit(
    spec: str | JobSpec,
    address: str,
    *,
    logical_date: str | None = None,
    overrides: Sequence[str] = (),
    packages: Sequence[str] = (),
    names: Sequence[str] = (),
    timeout: float | None = None,
    follow: bool = True,
    listener: Listener = lambda _: None,
) -> dict[str, Any]:
    """The same on the Ray cluster at `address`: `genai submit`. Without `follow` it returns once it is submitted.

    Raises InputError where nobody answers there, and what `run` raises.
    """
    target = _target(spec, logical_date, overrides)
    found = survey(target.spec, target.store)
    if found.finished:
        refresh(found, remote=True)
    else:
        began = submission.submit(target.spec, target.store, address, packages=packages, names=names, timeout=timeout)
        if not follow:
            return submission.about(target.run_id, address, target.store)
        told = start.Told(listener)
        following = Following(target.store, target.run_id, address, whole=not began)
        code = following.until_it_ends(told)
        _raise_for(code, told.error or (following.last_words() if code else ""))
    return view.done(survey(target.spec, target.store))


def status(spec: str | JobSpec, *, logical_date: str | None = None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """How a run stands, from the store alone: `genai status`."""
    target = _target(spec, logical_date, overrides)
    found = survey(target.spec, target.store)
    return view.state(found, target.run_id) | standing(found, target.run_id)


def _target(spec: str | JobSpec, logical_date: str | None, overrides: Sequence[str]) -> Target:
    dated = [f"logical_date={logical_date}"] if logical_date is not None else []
    if isinstance(spec, JobSpec):
        spec = load("the job", spec.to_yaml(), [*overrides, *dated]).anchored()
    else:
        spec = job(spec, [*overrides, *dated])
    return Target(spec, layout.job_store(spec), layout.run_id(spec))


def _raise_for(code: int, text: str) -> None:
    """The driver's end as an error of ours."""
    if code == 0:
        return
    known = {kind.exit_code: kind for kind in (LeaseHeld, DeadlinePassed, Interrupted)}
    error = known.get(code, GenaiError)(text or f"the driver ended with exit code {code}")
    error.exit_code = code
    raise error
