"""`genai submit`: a run on a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobs.commands._ways import JSON, OUTPUT, SET, TIMEOUT, end, say, tell, tell_error, typed

if TYPE_CHECKING:
    from jobs.resolve import Target


@click.command("submit")
@click.argument("run", metavar="RUN")
@click.option("--address", envvar="RAY_API_SERVER_ADDRESS", required=True, metavar="URL",
              help="The cluster's dashboard: http://127.0.0.1:8265.  [env: RAY_API_SERVER_ADDRESS]")  # fmt: skip
@click.option("--follow/--detach", default=True, show_default=True, help="Stay and show how it goes, or not.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--package", "packages", multiple=True, metavar="FOLDER", help="A Python package that goes along.")
@click.option("--env", "names", multiple=True, metavar="NAME", help="A variable of here that is set there; no secrets.")
@TIMEOUT
@SET
@OUTPUT
@JSON
def command(
    run: str,
    address: str,
    follow: bool,
    dry_run: bool,
    packages: tuple[str, ...],
    names: tuple[str, ...],
    timeout: float | None,
    overrides: tuple[str, ...],
    output: str,
    as_json: bool,
) -> None:
    """Run a job on a Ray cluster. Submitted twice it is one run; the exit code is the driver's own.

    Example: genai submit job.yaml --address http://127.0.0.1:8265 --detach
    """
    from jobs import layout, view
    from jobs import submission as door
    from jobs.describe import refresh
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    found = survey(target.spec, target.store)
    job = target.store.locate(layout.run(target.run_id))
    if dry_run:
        shown = view.plan(found) | {"address": address, "command": door.entry(job, typed(), timeout)}
        return say(shown, [*view.plan_lines(shown), f"address   {address}"], as_json=as_json)
    if found.finished:
        tell(f"run {target.run_id}: {refresh(found, remote=True)}")
        return say(shown := view.done(found), view.done_lines(shown), as_json=as_json)
    began = door.submit(
        target.spec, target.store, address, command=typed(), packages=packages, names=names, timeout=timeout
    )
    tell(f"run {target.run_id}: " + (f"submitted to {address}" if began else f"at work at {address} already"))
    if not follow:
        shown = door.about(target.run_id, address, target.store)
        return say(shown, [f"{name:<9} {value}" for name, value in shown.items()], as_json=as_json)
    end(_followed(target, address, whole=not began), "ended")
    shown = view.done(survey(target.spec, target.store))
    return say(shown, view.done_lines(shown), as_json=as_json)


def _followed(target: Target, address: str, *, whole: bool) -> int:
    """The driver's exit code, once it has one."""
    from jobs.console import console
    from jobs.follow import Following
    from jobs.start import Told

    following = Following(target.store, target.run_id, address, whole=whole)
    with console() as show:
        told = Told(show)
        try:
            code = following.until_it_ends(told)
        except KeyboardInterrupt:
            tell(f"no longer following; the run goes on. `genai stop {target.run_id}` ends it")
            raise
    if told.error:
        tell_error(told.error)
    elif code and (words := following.last_words()):
        tell(words)
    return code
