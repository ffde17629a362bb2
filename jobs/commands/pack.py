"""`genai pack`: a dataset as a recipe."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say, write


@click.command("pack")
@click.argument("run", metavar="RUN")
@click.option("-o", "--out", default="recipe.json", show_default=True, help="Where the recipe goes.")
@SET
@OUTPUT
@JSON
def command(run: str, out: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Write a sealed dataset as a recipe of a few kilobytes, from which `genai run` makes it again.

    Example: genai pack job.yaml -o recipe.json
    """
    from jobs.pack import recipe
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    found = survey(target.spec, target.store)
    data = recipe(found)
    assert found.manifest
    path, weights = write(out, data), found.manifest.checkpoint
    told = {"path": path, "bytes": len(data), "digest": found.manifest.digest, "weights": weights}
    say(
        told,
        [
            f"{path}: {found.manifest.rows:,} samples as {len(data):,} bytes; `genai run {path}` makes them again",
            f"weights   {weights}, which it takes from where they are now, or from --weights",
        ],
        as_json=as_json,
    )
