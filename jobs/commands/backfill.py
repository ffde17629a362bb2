"""`genai backfill`: the runs of many dates."""

from __future__ import annotations

from dataclasses import asdict

import click

from jobs.commands._ways import CREW, JSON, SET_ONLY, TIMEOUT, say, tell


@click.command("backfill")
@click.argument("job_file")
@click.option("--from", "first", required=True, metavar="DATE", help="The first logical date.")
@click.option("--to", "last", required=True, metavar="DATE", help="The last one; a window of the job lies between two.")
@click.option("--max-parallel", type=click.IntRange(1, 64), default=1, show_default=True, help="Runs at once.")
@click.option("--address", help="Submit the runs to the Ray cluster there, instead of running them here.")
@CREW
@TIMEOUT
@SET_ONLY
@JSON
def command(
    job_file: str,
    first: str,
    last: str,
    max_parallel: int,
    address: str | None,
    crew: str,
    timeout: float | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run a job for each logical date from one to another; those that are complete are skipped.

    Example: genai backfill job.yaml --from 2026-11-01 --to 2026-11-10 --max-parallel 2
    """
    from jobs import backfill as many

    days = many.between(first, last, job_file, overrides)
    options = ["submit", "--address", address, "--follow"] if address else ["run", "--crew", crew]
    options += ["--timeout", f"{timeout:g}"] if timeout else []
    tell(f"{len(days)} dates from {days[0]} to {days[-1]}, {max_parallel} at once")
    nights = many.backfill(
        job_file, days, options, overrides=overrides, parallel=max_parallel,
        told=lambda night: tell("".join(many.lines([night]))),
    )  # fmt: skip
    say([asdict(night) for night in nights], many.lines(nights), as_json=as_json)
    if code := many.code_of(nights):
        raise click.exceptions.Exit(code)
