"""`genai status`: how a run stands."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say


@click.command("status")
@click.argument("run", metavar="RUN")
@SET
@OUTPUT
@JSON
def command(run: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Show how a run stands, from the store alone.

    Example: genai status digits-0123456789ab
    """
    from jobs import view
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    shown = view.state(survey(target.spec, target.store), target.run_id)
    say(shown, view.state_lines(shown), as_json=as_json)
