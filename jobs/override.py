"""`--set a.b.c=VALUE`: a document with some values changed.

VALUE is read by the rules of the file. Keys on the way that are not there (or null) are made; items of a list go by
their number. What is faulty in VALUE is told at `--set a.b.c=VALUE`, since no line of the file holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import Any

from genai.errors import SpecError
from jobs.document import DEPTH, Document, Fault, Path, Place, dotted, parse, printable, shown


def override(document: Document, assignments: Sequence[str]) -> Document:
    """`document` with each `a.b.c=VALUE` applied, in order. One that cannot be is a fault of the result."""
    made = deepcopy(document)
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        dated = name == "logical_date"
        steps = name.split(".")
        told = f"{name}=..." if equals and steps[0] == "notify" else assignment  # a webhook's address may be its key
        place = Place(f"--logical-date {printable(text)}" if dated else f"--set {printable(told)}")
        try:
            if not equals or not all(steps) or len(steps) > DEPTH:
                raise _error(place, (), "found no assignment; allowed: --set path.to.key=value")
            _assign(made, steps, parse(text, partial(_stay, place)), place)
        except SpecError as error:
            made.faults.append(_AsTold(place, (), error.faults[0]))
    return made


def _stay(place: Place, _line: int, _column: int) -> Place:
    return place


class _AsTold(Fault):
    """A fault whose sentence names its place already."""

    def __str__(self) -> str:
        return self.text


def _assign(made: Document, steps: list[str], value: Document, place: Place) -> None:
    at: Any = made.values
    path: Path = ()
    for step in steps[:-1]:
        key = _key(made, at, path, step, place)
        if at[key] is None:
            at[key] = {}
        at, path = at[key], (*path, key)
    last = _key(made, at, path, steps[-1], place)
    at[last] = value.values
    path = (*path, last)
    for places in (made.places, made.keys):
        for old in [old for old in places if old[: len(path)] == path]:
            del places[old]
    made.places.update({(*path, *below): there for below, there in value.places.items()})
    made.keys.update({path: place, **{(*path, *below): there for below, there in value.keys.items()}})
    made.faults[:] = [fault for fault in made.faults if fault.path[: len(path)] != path]  # those are replaced
    made.faults.extend(Fault(place, (*path, *fault.path), fault.text) for fault in value.faults)


def _key(made: Document, at: Any, path: Path, step: str, place: Place) -> str | int:
    """The key or number that a step means in `at`; a key that is missing is made, as null."""
    if isinstance(at, dict):
        if step not in at:
            at[step] = None
            made.places[*path, step] = made.keys[*path, step] = place
        return step
    if not isinstance(at, list):
        raise _error(place, path, f"found {shown(at)}, which holds nothing; allowed: a mapping, or no --set below it")
    if not (step.isascii() and step.isdigit() and len(step) < 9 and int(step) < len(at)):
        raise _error(place, path, f"found no item {step!r}; allowed: the {len(at)} items of {dotted(path)}, from 0")
    return int(step)


def _error(place: Place, path: Path, text: str) -> SpecError:
    return SpecError((str(Fault(place, path, text)),))
