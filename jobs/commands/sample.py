"""`genai sample`: one sample drawn again."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say, write


@click.command("sample")
@click.argument("run", metavar="RUN")
@click.option("--index", type=click.IntRange(min=0), required=True, help="Which sample.")
@click.option("-o", "--out", default=None, help="Where its file goes; default: sample-<index>.png")
@SET
@OUTPUT
@JSON
def command(run: str, index: int, out: str | None, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Draw one sample of a run again, alone, and compare it with the published one.

    Example: genai sample job.yaml --index 17 -o seventeen.png
    """
    from jobs.draw import sample as draw
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    drawn = draw(survey(target.spec, target.store), index)
    path = write(out or f"sample-{index}{drawn.suffix}", drawn.cell)
    verdict = {True: "it equals the published one", False: "it DIFFERS from the published one"}
    said = "it is not published yet" if drawn.equal is None else verdict[drawn.equal]
    label = "" if drawn.label is None else f", class {drawn.label}"
    told = {"index": index, "label": drawn.label, "path": path, "equal": drawn.equal}
    say(told, [f"{path}: sample {index}{label}; {said}"], as_json=as_json)
    if drawn.equal is False:
        raise click.exceptions.Exit(1)
