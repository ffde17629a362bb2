"""`genai run`: read, train, mint, publish."""

from __future__ import annotations

import click

from jobs.commands._ways import CREW, JSON, OUTPUT, SET, TIMEOUT, end, say, tell, tell_error, typed


@click.command("run")
@click.argument("run_", metavar="RUN")
@SET
@OUTPUT
@JSON
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@CREW
@TIMEOUT
@click.option("--lease/--no-lease", default=True, help="Heed other runs of the job, or work beside them.")
def command(
    run_: str,
    overrides: tuple[str, ...],
    output: str,
    as_json: bool,
    dry_run: bool,
    crew: str,
    timeout: float | None,
    lease: bool,
) -> None:
    """Read, train, mint, publish. Run it again and nothing is done twice; killed, it goes on where it was.

    Example: genai run job.yaml --set generate.count=10000
    """
    from jobs import listeners, signature, start, view
    from jobs.console import console
    from jobs.describe import describe
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run_, output, overrides)
    found = survey(target.spec, target.store)
    if dry_run:
        shown = view.plan(found)
        return say(shown, view.plan_lines(shown), as_json=as_json)
    if found.finished:
        again = ", ".join(describe(found))
        tell(f"run {target.run_id}: complete already, " + (f"wrote {again}" if again else "nothing to do"))
        shown = view.done(found)
        return say(shown, view.done_lines(shown), as_json=as_json)
    listeners.asked(target.spec)  # what they need is there, or nothing is begun
    signature.signer(target.spec)
    job = start.begin(found.store, found.spec)
    with console() as show:
        told = start.Told(show)
        code = start.drive(job, crew, typed(), told, lease=lease, timeout=timeout)
    if told.error:
        tell_error(told.error)
    end(code, "stopped")
    shown = view.done(survey(target.spec, target.store))
    return say(shown, view.done_lines(shown), as_json=as_json)
