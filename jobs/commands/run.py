"""`genai run`: read, train, mint, publish."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genai.errors import InputError, SpecError
from jobs.commands._ways import CREW, JSON, OUTPUT, SET, TIMEOUT, end, say, tell, tell_error, typed

if TYPE_CHECKING:
    from jobs.survey import Survey


@click.command("run")
@click.argument("run_", metavar="RUN")
@SET
@OUTPUT
@JSON
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@CREW
@TIMEOUT
@click.option(
    "--weights", metavar="PLACE", help="Take the checkpoint or pipeline of the job from here: a folder, URI or run."
)
@click.option("--index", metavar="FROM:TO", help="Make just these samples, here and without Ray, into --out.")
@click.option("-o", "--out", default="slice", show_default=True, help="The folder or URI of what --index makes.")
@click.option("--lease/--no-lease", default=True, help="Heed other runs of the job, or work beside them.")
def command(
    run_: str,
    overrides: tuple[str, ...],
    output: str,
    as_json: bool,
    dry_run: bool,
    crew: str,
    timeout: float | None,
    weights: str | None,
    index: str | None,
    out: str,
    lease: bool,
) -> None:
    """Read, train, mint, publish. Run it again and nothing is done twice; killed, it goes on where it was.

    Example: genai run job.yaml --set generate.count=10000
    """
    from jobs import listeners, signature, start, view
    from jobs.console import console
    from jobs.describe import refresh
    from jobs.resolve import resolve
    from jobs.survey import survey

    if weights is not None:
        overrides = (*overrides, _from(weights, run_, output, overrides))
    target = resolve(run_, output, overrides)
    found = survey(target.spec, target.store)
    if index is not None:
        return _slice(found, index, out, as_json=as_json)
    if dry_run:
        shown = view.plan(found)
        return say(shown, view.plan_lines(shown), as_json=as_json)
    if found.finished:
        tell(f"run {target.run_id}: {refresh(found)}")
        return _say_done(found, as_json=as_json)
    listeners.asked(target.spec)  # what they need is there, or nothing is begun
    signature.signer(target.spec)
    job = start.begin(found.store, found.spec)
    with console() as show:
        told = start.Told(show)
        code = start.drive(job, crew, typed(), told, lease=lease, timeout=timeout)
    if told.error:
        tell_error(told.error)
    end(code, "stopped")
    return _say_done(survey(target.spec, target.store), as_json=as_json)


def _from(weights: str, run: str, output: str, overrides: tuple[str, ...]) -> str:
    """The setting that takes the weights from a place."""
    from jobs.resolve import resolve

    place = str(Path(weights).absolute()) if Path(weights).is_dir() else weights  # a run's id stays one
    try:
        pipeline = resolve(run, output, overrides).spec.model.pipeline is not None
    except SpecError:  # which may be for want of the weights
        pipeline = False
    return f"model.{'pipeline' if pipeline else 'checkpoint'}={json.dumps(place)}"


def _say_done(found: Survey, *, as_json: bool) -> None:
    """What there is; exit code 1 where it is not what was packed."""
    from jobs import view

    shown = view.done(found)
    say(shown, view.done_lines(shown), as_json=as_json)
    if shown["as_packed"] is False and found.spec.packed and found.manifest:
        made = [sorted(versions.items()) for versions in (found.spec.packed.versions, found.manifest.versions)]
        was, now = (", ".join(f"{name} {version}" for name, version in each) for each in made)
        tell_error(f"the samples are not those that were packed ({was}): here it is {now}, or another kind of machine")
        raise click.exceptions.Exit(1)


def _slice(found: Survey, index: str, out: str, *, as_json: bool) -> None:
    from jobs.slice import make_slice

    if not (match := re.fullmatch(r"([0-9]{1,19}):([0-9]{1,19})", index)):
        raise InputError(f"--index {index}: allowed: FROM:TO, such as 5000:6000 for the samples 5000 to 5999")
    made = make_slice(found, range(int(match[1]), int(match[2])), out, tell)
    say({"parts": made}, made, as_json=as_json)
