"""`genai preview`: sixteen samples on a page."""

from __future__ import annotations

import click

from jobs.commands._ways import OUTPUT, SET, typed, write


@click.command("preview")
@click.argument("run", metavar="RUN")
@click.option("-o", "--out", default="preview.html", show_default=True, help="Where the page goes.")
@SET
@OUTPUT
def command(run: str, out: str, overrides: tuple[str, ...], output: str) -> None:
    """Draw sixteen samples from the newest checkpoint onto a page, without a run.

    Example: genai preview job.yaml --set generate.sampler.steps=4
    """
    from jobs.draw import preview as draw
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    click.echo(write(out, draw(survey(target.spec, target.store), typed()).encode()))
