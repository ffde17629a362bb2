"""What the commands share: options, and the two ways to say something."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from genai.errors import InputError, LeaseHeld

SET_ONLY = click.option(
    "--set", "overrides", metavar="PATH=VALUE", multiple=True, help="Change a field of the job file."
)
CREW = click.option(
    "--crew",
    type=click.Choice(["ray", "local"]),
    default="ray",
    show_default=True,
    help="Ray, or this one process without Ray; the bytes are the same.",
)
_DATE = click.option("--logical-date", metavar="DATE", help="The day or moment that the run is for, in UTC.")
JSON = click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
OUTPUT = click.option("--output", default="runs", show_default=True, help="Where a run id is looked for.")


class Length(click.ParamType):
    """A time such as 90s, 30m, 26h or 7d, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from jobs.dates import span

        try:
            return float(value) if _is_number(value) else span(value).total_seconds()
        except ValueError:
            return self.fail(f"found {value!r}; allowed: a time such as 90s, 30m, 26h or 7d", param, ctx)


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) or value.replace(".", "", 1).isdigit()


TIMEOUT = click.option("--timeout", type=Length(), help="Stop after so long (90s, 30m, 6h), with exit code 124.")


def SET(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802  # stands beside the others
    """What changes a job file on its way in: `--set`, and `--logical-date`, which is one of its fields."""

    @SET_ONLY
    @_DATE
    @wraps(command)
    def with_date(*args: Any, overrides: tuple[str, ...], logical_date: str | None, **kwargs: Any) -> Any:
        dated = (*overrides, f"logical_date={logical_date}") if logical_date is not None else overrides
        return command(*args, overrides=dated, **kwargs)

    return with_date


def say(data: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """A result, on stdout."""
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line)


def tell(text: str) -> None:
    """A word beside the result, on stderr."""
    click.echo(text, err=True)


def tell_error(text: str) -> None:
    """An error, on stderr; one of several lines says itself what it is."""
    tell(text if "\n" in text else f"error: {text}")


def end(code: int, how: str) -> None:
    """Leave with a driver's exit code, where it is not 0, and say what goes on where something was begun."""
    if code and code not in (InputError.exit_code, LeaseHeld.exit_code):
        tell(f"{how} with exit code {code}; everything finished is safe. To go on: {typed()}")
    if code:
        raise click.exceptions.Exit(code)


def typed() -> str:
    """The command as it was typed."""
    return shlex.join(["genai", *sys.argv[1:]])


def write(path: str, data: bytes) -> str:
    """A file of the user's, and its path."""
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; give another path") from None
    return path
