"""`genai plan`: the stages of a run, and what is left."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say


@click.command("plan")
@click.argument("run", metavar="RUN")
@SET
@OUTPUT
@JSON
def command(run: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Show the stages of a run, what is done of each, and what is left.

    Example: genai plan job.yaml
    """
    from jobs import view
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    shown = view.plan(survey(target.spec, target.store))
    say(shown, view.plan_lines(shown), as_json=as_json)
