"""`genai show`: a contact sheet of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobs.commands._ways import JSON, OUTPUT, SET, say, typed, write

if TYPE_CHECKING:
    from jobs.show import Gathered


@click.command("show")
@click.argument("shown", metavar="PART|RUN")
@click.option("--label", help="Only this class, by its name.")
@click.option(
    "-n", "--count", type=click.IntRange(1, 1000), help="Samples of each class; default: 10, of one class 50."
)
@click.option("-o", "--out", help="Where it goes, as a PNG; default: the terminal.")
@click.option("--page", "as_page", is_flag=True, help="As one HTML file; default: show.html")
@SET
@OUTPUT
@JSON
def command(
    shown: str, label: str | None, count: int | None, out: str | None, as_page: bool, overrides: tuple[str, ...],
    output: str, as_json: bool,
) -> None:  # fmt: skip
    """Show published samples by class: in the terminal, as a PNG, or as a page.

    PART is a Parquet file, by its path or URI. A run is shown as far as it has come.

    Example: genai show digits-0123456789ab --label 7 -o sevens.png
    """
    from genai.errors import InputError

    wanted = ".html" if as_page else ".png"
    out = out or ("show.html" if as_page else None)
    if out and not out.endswith(wanted):
        raise InputError(f"--out {out}: allowed: a name that ends with {wanted}" + ("" if as_page else ", or --page"))
    gathered = _gathered(shown, label, count, overrides, output)
    told = {"shown": gathered.name, "path": out, "samples": {name: len(row) for name, row in gathered.rows.items()}}
    if out or as_json:
        if out:
            write(out, _made(gathered, as_page=as_page))
        say(told, [f"{out}: {sum(map(len, gathered.rows.values())):,} samples"], as_json=as_json)
        return
    from jobs import terminal

    terminal.show(gathered)


def _gathered(shown: str, label: str | None, count: int | None, overrides: tuple[str, ...], output: str) -> Gathered:
    from jobs import show
    from jobs.resolve import resolve

    if shown.endswith(".parquet"):
        return show.of_part(shown, count, label)
    return show.of_run(resolve(shown, output, overrides), count, label)


def _made(gathered: Gathered, *, as_page: bool) -> bytes:
    from jobs import sheet

    return sheet.page(gathered, typed()).encode() if as_page else sheet.png(gathered)
