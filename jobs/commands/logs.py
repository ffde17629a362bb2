"""`genai logs`: what happened in a run."""

from __future__ import annotations

import click

from jobs.commands._ways import OUTPUT, SET


@click.command("logs")
@click.argument("run", metavar="RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until nobody is at work on it.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON, one a line.")
@SET
@OUTPUT
def command(run: str, follow: bool, as_json: bool, overrides: tuple[str, ...], output: str) -> None:
    """Show the events of a run, from the store alone: one that ran here, or on a cluster that is gone.

    Example: genai logs digits-0123456789ab -f
    """
    from jobs import follow as events
    from jobs.console import dated_sentence
    from jobs.events import Event
    from jobs.resolve import resolve
    from jobs.standing import at_work

    target = resolve(run, output, overrides)

    def show(event: Event) -> None:
        if text := event.to_json() if as_json else dated_sentence(event):
            click.echo(text)

    def over() -> bool:
        return not (follow and at_work(target.store, target.run_id))

    events.follow(events.Tail(target.store, target.run_id), show, over)
