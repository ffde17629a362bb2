"""What a job publishes beside its parts: the list `publish` of a job, one entry a folder of files or a table.

An entry is an instance of its kind: an export (`genai.exports`, files made from the parts) or a table (`jobs.tables`,
where the parts are registered). No sample follows from it, so it takes part in no digest and in no key: another entry
draws nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

import genai.exports
import jobs.tables
from genai.errors import InputError
from genai.exports import Export
from genai.modalities import Modality
from genai.registry import names
from jobs.document import shown
from jobs.form import rule
from jobs.plugin import Plugin
from jobs.split import Splits
from jobs.tables import Table

if TYPE_CHECKING:
    from genai.modalities import Modality

EXPORT = Plugin("kind", genai.exports, Export, "")  # type: ignore[type-abstract]
TABLE = Plugin("kind", jobs.tables, Table, "")  # type: ignore[type-abstract]
PLUGINS = (EXPORT, TABLE)


def _read(value: Any) -> Any:
    """The entry that `value` describes. Raises pydantic's ValidationError with all faults."""
    if isinstance(value, tuple(plugin.base for plugin in PLUGINS)):
        return value
    name = value.get("kind") if isinstance(value, Mapping) else value
    known = {name: plugin for plugin in PLUGINS for name in names(plugin.package)}
    if not isinstance(name, str) or (":" not in name and name not in known):
        found = "no kind" if name is None else shown(name)
        raise rule(f"found {found}; allowed: {', '.join(sorted(known))}, or your_package.module:Class, as `kind`")
    return known.get(name, EXPORT).read(value)


def _write(entry: Any) -> dict[str, Any]:
    return next(plugin for plugin in PLUGINS if isinstance(entry, plugin.base)).write(entry)


Entry = Annotated[Any, BeforeValidator(_read), PlainSerializer(_write)]


def check(entries: Sequence[Any], splits: Splits | None, date: str | None, rows: Modality | None) -> None:
    """Rules between the entries and the job; `rows` is what its rows are, where that is known. Raises pydantic's
    rule.
    """
    shares = splits.model_dump() if splits else None
    places: dict[str, int] = {}
    for number, entry in enumerate(entries):
        try:
            if isinstance(entry, Export):
                entry.ask(shares, date)
        except InputError as error:
            raise rule(str(error), f"publish.{number}", "splits", "logical_date") from error
        try:
            if isinstance(entry, Export) and rows:
                entry.fits(rows)
        except InputError as error:
            raise rule(str(error), f"publish.{number}", "data.modality") from error
        place = place_of(entry)
        if places.setdefault(place, number) != number:
            text = (
                f"found the place of entry {places[place] + 1} again ({place}); allowed: each entry to its own, by `to`"
            )
            raise rule(text, f"publish.{number}")


def kind_of(entry: Any) -> str:
    """The name of its kind, as a folder may be called."""
    return str(_write(entry)["kind"]).rpartition(":")[2].lower()


def place_of(entry: Any) -> str:
    """Where it goes: a place of its own, a table, or the name of a folder beside the dataset's parts."""
    return str(entry.place or kind_of(entry))
