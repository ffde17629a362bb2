"""`genai status`: how a run stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobs.commands._ways import JSON, OUTPUT, SET, Length, say, tell

if TYPE_CHECKING:
    from jobs.resolve import Target
    from jobs.web.site import Site


@click.command("status")
@click.argument("run", metavar="RUN", required=False)
@click.option("--watch", is_flag=True, help="Go on showing what happens, until nobody is at work on it.")
@click.option("--max-age", type=Length(), help="Exit 1 where no run of the job was done within so long (26h).")
@click.option("--web", is_flag=True, help="Show it as a page, here on 127.0.0.1, until Ctrl-C. RUN may be an output.")
@click.option("--port", type=click.IntRange(0, 65535), default=7007, show_default=True, help="Of the page; 0: any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Of the page: others may see it by another one.")
@click.option("--price", type=click.FloatRange(min=0), help="Of one worker-hour: the page then tells the cost.")
@SET
@OUTPUT
@JSON
def command(
    run: str | None, watch: bool, max_age: float | None, web: bool, port: int, host: str, price: float | None,
    overrides: tuple[str, ...], output: str, as_json: bool,
) -> None:  # fmt: skip
    """Show how a run stands, from the store alone.

    Example: genai status digits-0123456789ab --max-age 26h
    """
    if web and (watch or max_age is not None):
        raise click.UsageError("--web stands alone: --watch and --max-age are for the terminal")
    if web:
        from jobs.web.site import site_of

        _serve(site_of(run, output, overrides, price), host, port, as_json=as_json)
        return
    if run is None:
        raise click.MissingParameter(param_hint="'RUN'", param_type="argument")
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


def _serve(site: Site, host: str, port: int, *, as_json: bool) -> None:
    from contextlib import suppress

    from jobs.web.server import Server, is_loopback

    with Server(site, host, port) as server:
        say({"url": server.url}, [server.url], as_json=as_json)
        if not is_loopback(host):
            tell(f"whoever reaches {host} sees this page, without a password")
        tell("Ctrl-C ends it; the run goes on")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
