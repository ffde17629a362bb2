"""`genai schedule`: what a scheduler needs, to start a job."""

from __future__ import annotations

from pathlib import Path

import click

from genai.errors import InputError
from genai.registry import names
from jobs.commands._ways import CREW, JSON, SET_ONLY, TIMEOUT, say, write

_KINDS = {name.replace("_", "-"): name for name in names("jobs.targets")}


@click.command("schedule")
@click.argument("job_file")
@click.option("--target", type=click.Choice(list(_KINDS)), required=True, help="Who is to start the job.")
@click.option("--at", metavar="CRON", help="When, in UTC: minute hour day-of-month month day-of-week.")
@SET_ONLY
@click.option("--address", metavar="URL", help="Submit to the Ray cluster there, instead of a run in place.")
@TIMEOUT
@CREW
@click.option("--genai", metavar="PATH", help="The genai to start, where it is not this one.")
@click.option("--image", help="What pods run, on Kubernetes; it holds genai.")
@click.option("--log", metavar="FILE", help="cron: where a run's words go; left out: NAME.log in this folder.")
@click.option("--since", metavar="DATE", help="airflow: make up for the dates from this one on.")
@click.option("--logical-date", metavar="DATE", help="kuberay: the date of the RayJob.")
@click.option("-o", "--out", metavar="FOLDER", help="Write the files into a folder.")
@JSON
def command(
    job_file: str, target: str, at: str | None, overrides: tuple[str, ...], timeout: float | None, out: str | None,
    as_json: bool, crew: str, **how: str | None,
) -> None:  # fmt: skip
    """Print what a scheduler needs to start a job, or write it.

    Example: genai schedule job.yaml --target cron --at "0 2 * * *"
    """
    from jobs.schedule import render, scheduled

    files = render(
        scheduled(job_file, _KINDS[target], at, overrides, timeout, crew=crew if crew != "ray" else None, **how),
        _KINDS[target],
    )
    if out is not None:
        written = _written(out, files)
        return say({"written": written}, written, as_json=as_json)
    marked = [f"# file: {name}\n{text}" for name, text in files.items()] if len(files) > 1 else files.values()
    return say({"files": files}, [text.removesuffix("\n") for text in marked], as_json=as_json)


def _written(folder: str, files: dict[str, str]) -> list[str]:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}; give another folder") from None
    return [write(str(Path(folder) / name), text.encode()) for name, text in files.items()]
