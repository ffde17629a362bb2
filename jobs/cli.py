"""The command line: `genai COMMAND`. Results on stdout (`--json` for programs), progress and errors on stderr.

Each command is a file of `jobs.commands`, and imports what it needs when it runs, so that `--help` answers in a blink
and `import jobs.cli` loads neither torch nor Ray. Exit codes are owned by the error classes (`genai.errors`).
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from genai import __version__
from genai.errors import GenaiError, Interrupted
from genai.registry import names
from jobs.commands._ways import tell_error


class Group(click.Group):
    """Finds the commands, and turns errors into one message and their exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name.replace("_", "-") for name in names("jobs.commands")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"jobs.commands.{cmd_name.replace('-', '_')}").command
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except GenaiError as error:
            tell_error(str(error))
            code = error.exit_code
        except click.exceptions.Exit as error:
            code = error.exit_code
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted; everything finished is safe, the same command goes on", err=True)
            code = Interrupted.exit_code
        sys.exit(code if isinstance(code, int) else 0)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="genai")
def main() -> None:
    """Train a generative model on your data, mint labelled samples on Ray, publish them as Parquet.

    RUN is a job file, a run id, or the path or URI of a run or a dataset.
    """
