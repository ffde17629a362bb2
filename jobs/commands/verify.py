"""`genai verify`: a dataset against its manifest."""

from __future__ import annotations

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say, tell


@click.command("verify")
@click.argument("run", metavar="RUN")
@click.option("--deep", is_flag=True, help="Read every part, and hash its bytes and its rows.")
@click.option("--key", metavar="FILE", help="Check the manifest's signature with this public key (Ed25519, PEM).")
@SET
@OUTPUT
@JSON
def command(run: str, deep: bool, key: str | None, overrides: tuple[str, ...], output: str, as_json: bool) -> None:
    """Check every part of a dataset against its manifest. Exits 1 where one is not as it should be.

    Example: genai verify job.yaml --deep
    """
    from jobs import signature
    from jobs import verify as check
    from jobs.resolve import resolve

    public = signature.public_key(key) if key is not None else None
    target = resolve(run, output, overrides)
    found = check.look(target) if deep or not target.dataset else None
    dataset = check.dataset_of(target, found)
    manifest, problems = check.verify(target.store, dataset, deep=deep, found=found, told=check.paced(tell))
    state = signature.check(target.store, manifest, public) if public else None
    problems += check.unsigned(state)
    shown = check.view(manifest, problems, found, deep=deep, signature=state)
    say(shown, check.lines(shown), as_json=as_json)
    if problems:
        raise click.exceptions.Exit(1)
