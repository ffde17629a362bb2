"""The command line: `genai COMMAND`. Results on stdout (`--json` for programs), progress and errors on stderr.

Each command imports what it needs when it runs, so that `--help` answers in a blink and `import jobs.cli` loads
neither torch nor Ray. Exit codes are owned by the error classes (`genai.errors`).
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from genai import __version__
from genai.errors import GenaiError, InputError, Interrupted, LeaseHeld

SET = click.option("--set", "overrides", metavar="PATH=VALUE", multiple=True, help="Change a field of the job file.")
JSON = click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
OUTPUT = click.option("--output", default="runs", show_default=True, help="Where a run id is looked for.")


class Group(click.Group):
    """Turns errors into one message and their exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except GenaiError as error:
            click.echo(f"error: {error}" if "\n" not in str(error) else str(error), err=True)
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


@main.command()
@click.argument("path", default="job.yaml")
@click.option("--name", default="digits", show_default=True, help="Name of the job.")
def init(path: str, name: str) -> None:
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
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    click.echo(path)


@main.command()
@click.argument("job_file")
@SET
@JSON
def validate(job_file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check a job file and that its data is there; all faults at once.

    Example: genai validate job.yaml --set generate.count=100
    """
    from jobs.resolve import job
    from jobs.survey import sources

    spec = job(job_file, overrides)
    rows = [sum(fragment.rows for source in group for fragment in source.fragments()) for group in sources(spec)]
    _say(
        {"job": spec.model_dump(mode="json"), "digest": spec.digest, "rows": sum(rows)},
        [f"{job_file}: in order; {sum(rows):,} rows in the source"],
        as_json=as_json,
    )


@main.command()
@click.argument("run", metavar="RUN")
@SET
@OUTPUT
@JSON
def plan(run: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Show the stages of a run, what is done of each, and what is left.

    Example: genai plan job.yaml
    """
    from jobs import view
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    shown = view.plan(survey(target.spec, target.store))
    _say(shown, view.plan_lines(shown), as_json=as_json)


@main.command()
@click.argument("run_", metavar="RUN")
@SET
@OUTPUT
@JSON
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--crew", type=click.Choice(["ray", "local"]), default="ray", show_default=True,
              help="Ray, or this one process without Ray; the bytes are the same.")  # fmt: skip
@click.option("--lease/--no-lease", default=True, help="Heed other runs of the job, or work beside them.")
def run(
    run_: str, overrides: tuple[str, ...], output: str, as_json: bool, dry_run: bool, crew: str, lease: bool
) -> None:
    """Read, train, mint, publish. Run it again and nothing is done twice; killed, it goes on where it was.

    Example: genai run job.yaml --set generate.count=10000
    """
    from jobs import layout, start, view
    from jobs.console import console
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run_, output, overrides)
    found = survey(target.spec, target.store)
    if dry_run:
        shown = view.plan(found)
        return _say(shown, view.plan_lines(shown), as_json=as_json)
    if found.complete:
        _tell(f"run {target.run_id}: complete already, nothing to do")
        shown = view.done(found)
        return _say(shown, view.done_lines(shown), as_json=as_json)
    job = layout.run(target.run_id)
    found.store.put(job, found.spec.to_yaml().encode())
    with console() as show:
        told = _Told(show)
        code = start.drive(found.store.locate(job), crew, _command(), told, lease=lease)
    if told.error:
        _tell(told.error if "\n" in told.error else f"error: {told.error}")
    if code in (InputError.exit_code, LeaseHeld.exit_code):
        raise click.exceptions.Exit(code)
    if code:
        _tell(f"stopped with exit code {code}; everything finished is safe. To go on: {_command()}")
        raise click.exceptions.Exit(code)
    shown = view.done(survey(target.spec, target.store))
    return _say(shown, view.done_lines(shown), as_json=as_json)


@main.command()
@click.argument("run", metavar="RUN")
@SET
@OUTPUT
@JSON
def status(run: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Show how a run stands, from the store alone.

    Example: genai status digits-0123456789ab
    """
    from jobs import view
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    shown = view.state(survey(target.spec, target.store), target.run_id)
    _say(shown, view.state_lines(shown), as_json=as_json)


@main.command("list")
@click.argument("job", required=False)
@OUTPUT
@JSON
def list_(job: str | None, output: str, as_json: bool) -> None:
    """List the runs in an output, of one job or of all.

    Example: genai list --output s3://bucket/prefix
    """
    from jobs import view

    found = view.runs(output, job)
    _say(found, view.run_lines(found), as_json=as_json)


@main.command()
@click.argument("run", metavar="RUN")
@click.option("--deep", is_flag=True, help="Read every part, and hash its bytes and its rows.")
@SET
@OUTPUT
@JSON
def verify(run: str, deep: bool, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Check every part of a dataset against its manifest. Exits 1 where one is not as it should be.

    Example: genai verify job.yaml --deep
    """
    from jobs import verify as check
    from jobs.resolve import resolve

    target = resolve(run, output, overrides)
    found = check.look(target) if deep or not target.dataset else None
    key = check.dataset_of(target, found)
    manifest, problems = check.verify(target.store, key, deep=deep, found=found, told=check.paced(_tell))
    shown = check.view(manifest, problems, found, deep=deep)
    _say(shown, check.lines(shown), as_json=as_json)
    if problems:
        raise click.exceptions.Exit(1)


@main.command()
@click.argument("run", metavar="RUN")
@click.option("--dry-run", is_flag=True, help="Show what is wrong, and do nothing.")
@click.option("--crew", type=click.Choice(["ray", "local"]), default="ray", show_default=True,
              help="Who makes it again; the bytes are the same.")  # fmt: skip
@SET
@OUTPUT
@JSON
def repair(run: str, dry_run: bool, crew: str, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Make again what of a sealed dataset is missing or damaged, to the same bytes, and nothing else.

    Example: genai repair job.yaml --dry-run
    """
    from jobs import repair as mend
    from jobs.console import console
    from jobs.resolve import resolve
    from jobs.verify import paced

    damage = mend.examine(resolve(run, output, overrides), paced(_tell))
    if damage.mendable and not dry_run:
        with console() as show:
            told = _Told(show)
            code = mend.mend(damage, crew, _command(), told)
        if told.error:
            _tell(told.error if "\n" in told.error else f"error: {told.error}")
        if code:
            raise click.exceptions.Exit(code)
    shown = mend.view(damage, done=not dry_run)
    _say(shown, mend.lines(shown), as_json=as_json)


@main.command()
@click.argument("job", required=False)
@click.option("--delete", is_flag=True, help="Remove it; without this it is only shown.")
@OUTPUT
@JSON
def gc(job: str | None, delete: bool, output: str, as_json: bool) -> None:
    """Show what in an output no manifest names and no run goes on with, and remove it where asked to.

    Example: genai gc digits --output s3://bucket/prefix --delete
    """
    from jobs import gc as garbage

    found = map(garbage.look, garbage.folders(output, job))
    sweeps = [garbage.remove(sweep) if delete else sweep for sweep in found]
    shown = garbage.view(sweeps, removed=delete)
    _say(shown, garbage.lines(shown), as_json=as_json)


@main.command()
@click.argument("run", metavar="RUN")
@click.option("--index", type=click.IntRange(min=0), required=True, help="Which sample.")
@click.option("-o", "--out", default=None, help="Where its PNG goes; default: sample-<index>.png")
@SET
@OUTPUT
@JSON
def sample(run: str, index: int, out: str | None, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Draw one sample of a run again, alone, and compare it with the published one.

    Example: genai sample job.yaml --index 17 -o seventeen.png
    """
    from jobs.draw import sample as draw
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    drawn = draw(survey(target.spec, target.store), index)
    path = _write(out or f"sample-{index}.png", drawn.png)
    verdict = {True: "its pixels equal the published ones", False: "its pixels DIFFER from the published ones"}
    said = "it is not published yet" if drawn.equal is None else verdict[drawn.equal]
    label = "" if drawn.label is None else f", class {drawn.label}"
    told = {"index": index, "label": drawn.label, "path": path, "equal": drawn.equal}
    _say(told, [f"{path}: sample {index}{label}; {said}"], as_json=as_json)
    if drawn.equal is False:
        raise click.exceptions.Exit(1)


@main.command()
@click.argument("run", metavar="RUN")
@click.option("-o", "--out", default="preview.html", show_default=True, help="Where the page goes.")
@SET
@OUTPUT
def preview(run: str, out: str, overrides: tuple[str, ...], output: str) -> None:
    """Draw sixteen samples from the newest checkpoint onto a page, without a run.

    Example: genai preview job.yaml --set generate.sampler.steps=4
    """
    from jobs.draw import preview as draw
    from jobs.resolve import resolve
    from jobs.survey import survey

    target = resolve(run, output, overrides)
    click.echo(_write(out, draw(survey(target.spec, target.store), _command()).encode()))


@main.command()
def schema() -> None:
    """Print the JSON Schema of a job file, for editors.

    Example: genai schema > job.schema.json
    """
    from jobs.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


class _Told:
    """Passes events on, and keeps the error that ended the run."""

    def __init__(self, show: Callable[[Any], None]) -> None:
        self._show = show
        self.error = ""

    def __call__(self, event: Any) -> None:
        if event.kind in ("run_failed", "run_incomplete"):
            self.error = str(event.fields["error"])
        self._show(event)


def _say(data: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """A result, on stdout."""
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line)


def _tell(text: str) -> None:
    """A word beside the result, on stderr."""
    click.echo(text, err=True)


def _command() -> str:
    """The command as it was typed."""
    return shlex.join(["genai", *sys.argv[1:]])


def _write(path: str, data: bytes) -> str:
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    return path
