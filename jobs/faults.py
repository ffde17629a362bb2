"""Faults in our own sentences: pydantic's errors, by one table over their types.

A fault says what stands at its path and what may stand there. A union's errors become one: of those below each
other the deepest tells what the user meant, of those at one path all alternatives are named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from jobs.document import Document, Fault, Path, Place, shown

Context = Mapping[str, Any]


def _plain(expected: str) -> str:
    """Pydantic's list of literals as YAML writes them."""
    return expected.replace("'", "").replace("True", "true").replace("False", "false")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


#: pydantic's error types that our fields can raise: what is allowed instead
ALLOWED: dict[str, Callable[[Context], str]] = {
    "int_type": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "string_type": lambda _: "text",
    "none_required": lambda _: "null",
    "list_type": lambda _: "a list",
    "tuple_type": lambda _: "a list",
    "dict_type": lambda _: "a mapping",
    "model_type": lambda _: "a mapping",
    "model_attributes_type": lambda _: "a mapping",
    "literal_error": lambda c: _plain(c["expected"]),
    "greater_than": lambda c: f"above {c['gt']:,}",
    "greater_than_equal": lambda c: f"at least {c['ge']:,}",
    "less_than": lambda c: f"below {c['lt']:,}",
    "less_than_equal": lambda c: f"at most {c['le']:,}",
    "multiple_of": lambda c: f"a multiple of {c['multiple_of']}",
    "too_short": lambda c: f"at least {_counted(c['min_length'], 'item')}",
    "too_long": lambda c: f"at most {_counted(c['max_length'], 'item')}",
    "string_too_short": lambda c: f"at least {_counted(c['min_length'], 'character')}",
    "string_too_long": lambda c: f"at most {_counted(c['max_length'], 'character')}",
    "string_pattern_mismatch": lambda c: f"text that matches {c['pattern']}",
    "predicate_failed": lambda _: "a value that passes the field's own check",
    "count_form": lambda _: (
        "a whole number, {per_class: n}, {classes: {name: n}}, {per_prompt: n}, {match: train} or {balance: true}"
    ),
}


def faults_of(error: ValidationError, document: Document) -> list[tuple[Fault, tuple[Path, ...]]]:
    """The faults of a validation, each with the paths that it touches; a rule's first, its own, comes first."""
    rules = [e for e in error.errors() if e["type"] == "rule"]
    others = [e for e in error.errors() if e["type"] != "rule"]
    found: dict[Path, list[ErrorDetails]] = {}
    for one in others:
        found.setdefault(_path(document.values, one), []).append(one)
    around = {path[:length] for path in found for length in range(len(path))}
    deepest = [path for path in found if path not in around]
    made = [(_fault(document, p, found[p]), (p,)) for p in deepest]
    return made + [_broken_rule(document, one) for one in rules]


def _fault(document: Document, path: Path, errors: list[ErrorDetails]) -> Fault:
    unknown = errors[0]["type"] == "unknown_key"
    at = document.keys[path] if unknown else place(document, path)
    return Fault(at, path, _sentence(document, path, errors))


def _broken_rule(document: Document, error: ErrorDetails) -> tuple[Fault, tuple[Path, ...]]:
    context = error["ctx"]
    touched = tuple(tuple(path.split(".")) for path in context["touches"]) or (_path(document.values, error),)
    return Fault(place(document, touched[0]), touched[0], context["text"], rule=True), touched


def _path(values: Any, error: ErrorDetails) -> Path:
    """Where in the document an error is; pydantic's places name branches of unions, too, which are not there."""
    path: Path = ()
    for part in error["loc"]:
        there = isinstance(values, dict) and part in values
        if there or (isinstance(values, list) and isinstance(part, int) and part < len(values)):
            values = values[part]
            path = (*path, part)
        elif isinstance(values, dict | None) and error["type"] == "missing" and part == error["loc"][-1]:
            path = (*path, part)
    return path


def place(document: Document, path: Path) -> Place:
    """The place of a value (of its key, where it is a mapping or a list), or of what is around it and there."""
    while path not in document.places:
        path = path[:-1]
    scalar = not isinstance(_at(document.values, path), dict | list)
    return document.places[path] if scalar else document.keys.get(path, document.places[path])


def _sentence(document: Document, path: Path, errors: list[ErrorDetails]) -> str:
    first = errors[0]
    if first["type"] == "missing":
        return "missing; it has no default, so the job file must say it"
    if first["type"] == "unknown_key":
        return _unknown(str(path[-1]), first["ctx"]["known"])
    value = _at(document.values, path)
    allowed = " or ".join(dict.fromkeys(_allowed(error) for error in errors))
    return f"found {shown(value)}{_hint(value, errors)}; allowed: {allowed}"


def _allowed(error: ErrorDetails) -> str:
    say = ALLOWED.get(error["type"])
    return say(error.get("ctx", {})) if say else error["msg"]


def _hint(value: Any, errors: list[ErrorDetails]) -> str:
    kinds = {error["type"] for error in errors}
    if isinstance(value, str):
        expected = [_plain(str(c)) for e in errors for c in [e.get("ctx", {}).get("expected", "")]]
        close = get_close_matches(value, ", ".join(expected).replace(" or ", ", ").split(", "), n=1)
        if close:
            return f", did you mean {close[0]}?"
        if kinds & {"int_type", "float_type"} and value.strip().replace(".", "", 1).lstrip("-+").isdigit():
            return ", which is text (take the quotes away)"
    if "string_type" in kinds and isinstance(value, bool | int | float):
        return " (quote it, if it is a name)"
    return ""


def _unknown(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    hint = f", did you mean {close[0]}?" if close else ""
    return f"found an unknown key{hint}; allowed: {', '.join(known) or 'none'}"


def _at(values: Any, path: Path) -> Any:
    for part in path:
        values = values[part]
    return values
