"""`genai init`: a job file to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from genai.errors import InputError


@click.command("init")
@click.argument("path", default="job.yaml")
@click.option("--name", default="digits", show_default=True, help="Name of the job.")
def command(path: str, name: str) -> None:
    """Write a job file to begin with.

    Example: genai init job.yaml
    """
    from jobs.view import starter

    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(starter(name))
    except FileExistsError:
        raise InputError(f"{path}: there is a file already; give another path, or remove it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; give another path") from None
    click.echo(path)
