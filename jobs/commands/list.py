"""`genai list`: the runs of an output."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, say


@click.command("list")
@click.argument("job", required=False)
@OUTPUT
@JSON
def command(job: str | None, output: str, as_json: bool) -> None:
    """List the runs in an output, of one job or of all.

    Example: genai list --output s3://bucket/prefix
    """
    from jobs import view

    found = view.runs(output, job)
    say(found, view.run_lines(found), as_json=as_json)
