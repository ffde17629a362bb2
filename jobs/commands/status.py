"""`genai status`: how a run stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobs.commands._ways import JSON, OUTPUT, SET, Length, say, tell

if TYPE_CHECKING:
    from jobs.resolve import Target


@click.command("status")
@click.argument("run", metavar="RUN")
@click.option("--watch", is_flag=True, help="Go on showing what happens, until nobody is at work on it.")
@click.option("--max-age", type=Length(), help="Exit 1 where no run of the job was done within so long (26h).")
@SET
@OUTPUT
@JSON
def command(
    run: str, watch: bool, max_age: float | None, overrides: tuple[str, ...], output: str, as_json: bool
) -> None:
    """Show how a run stands, from the store alone.

    Example: genai status digits-0123456789ab --max-age 26h
    """
    from jobs import view
    from jobs.resolve import resolve
    from jobs.standing import standing
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    if watch:
        _watch(target)
    found = survey(target.spec, target.store)
    shown = view.state(found, target.run_id) | standing(found, target.run_id)
    say(shown, view.state_lines(shown), as_json=as_json)
    if max_age is not None and not view.is_fresh(target.store, max_age, tell):
        raise click.exceptions.Exit(1)


def _watch(target: Target) -> None:
    from jobs.console import console
    from jobs.follow import Tail, follow
    from jobs.standing import at_work

    with console() as show:
        follow(Tail(target.store, target.run_id), show, lambda: not at_work(target.store, target.run_id))
