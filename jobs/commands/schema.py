"""`genai schema`: the JSON Schema of a job file."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a job file, for editors.

    Example: genai schema > job.schema.json
    """
    from jobs.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
