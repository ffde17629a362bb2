"""`genai repair`: make again what is damaged."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say, tell, tell_error, typed


@click.command("repair")
@click.argument("run", metavar="RUN")
@click.option("--dry-run", is_flag=True, help="Show what is wrong, and do nothing.")
@click.option("--crew", type=click.Choice(["ray", "local"]), default="ray", show_default=True,
              help="Who makes it again; the bytes are the same.")  # fmt: skip
@SET
@OUTPUT
@JSON
def command(run: str, dry_run: bool, crew: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Make again what of a sealed dataset is missing or damaged, to the same bytes, and nothing else.

    Example: genai repair job.yaml --dry-run
    """
    from jobs import repair as mend
    from jobs.console import console
    from jobs.resolve import resolve
    from jobs.start import Told
    from jobs.verify import paced

    damage = mend.examine(resolve(run, output, overrides), paced(tell))
    if damage.mendable and not dry_run:
        with console() as show:
            told = Told(show)
            code = mend.mend(damage, crew, typed(), told)
        if told.error:
            tell_error(told.error)
        if code:
            raise click.exceptions.Exit(code)
    shown = mend.view(damage, done=not dry_run)
    say(shown, mend.lines(shown), as_json=as_json)
