"""`genai validate`: a job file and its data, checked."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, SET, say


@click.command("validate")
@click.argument("job_file")
@SET
@JSON
def command(job_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check a job file and that its data is there; all faults at once.

    Example: genai validate job.yaml --set generate.count=100
    """
    from jobs.resolve import job
    from jobs.survey import sources

    spec = job(job_file, overrides)
    rows = [sum(fragment.rows for source in group for fragment in source.fragments()) for group in sources(spec)]
    found = "no rows to train on" if spec.model.given else f"{sum(rows):,} rows in the source"
    say(
        {"job": spec.model_dump(mode="json"), "digest": spec.digest, "rows": sum(rows)},
        [f"{job_file}: in order; {found}"],
        as_json=as_json,
    )
