"""`genai verify`: a dataset against its manifest."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say, tell


@click.command("verify")
@click.argument("run", metavar="RUN")
@click.option("--deep", is_flag=True, help="Read every part, and hash its bytes and its rows.")
@SET
@OUTPUT
@JSON
def command(run: str, deep: bool, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Check every part of a dataset against its manifest. Exits 1 where one is not as it should be.

    Example: genai verify job.yaml --deep
    """
    from jobs import verify as check
    from jobs.resolve import resolve

    target = resolve(run, output, overrides)
    found = check.look(target) if deep or not target.dataset else None
    key = check.dataset_of(target, found)
    manifest, problems = check.verify(target.store, key, deep=deep, found=found, told=check.paced(tell))
    shown = check.view(manifest, problems, found, deep=deep)
    say(shown, check.lines(shown), as_json=as_json)
    if problems:
        raise click.exceptions.Exit(1)
