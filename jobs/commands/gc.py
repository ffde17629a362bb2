"""`genai gc`: what nothing names, shown and removed."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, say


@click.command("gc")
@click.argument("job", required=False)
@click.option("--delete", is_flag=True, help="Remove it; without this it is only shown.")
@OUTPUT
@JSON
def command(job: str | None, delete: bool, output: str, as_json: bool) -> None:
    """Show what in an output no manifest names and no run goes on with, and remove it where asked to.

    Example: genai gc digits --output s3://bucket/prefix --delete
    """
    from jobs import gc as garbage

    found = map(garbage.look, garbage.folders(output, job))
    sweeps = [garbage.remove(sweep) if delete else sweep for sweep in found]
    shown = garbage.view(sweeps, removed=delete)
    say(shown, garbage.lines(shown), as_json=as_json)
