"""`genai stop`: end a run in order, wherever it is."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say, tell


@click.command("stop")
@click.argument("run", metavar="RUN")
@SET
@OUTPUT
@JSON
def command(run: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Stop whoever is at work on a run, here or on a cluster; everything finished is safe.

    Example: genai stop digits-0123456789ab
    """
    from jobs import stop as end
    from jobs.resolve import resolve

    target = resolve(run, output, overrides)
    shown = end.stop(target, tell)
    say(shown, end.lines(shown), as_json=as_json)
    if not shown["stopped"]:
        raise click.exceptions.Exit(1)
