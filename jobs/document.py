"""The document: YAML text as plain values, with the place of each.

Decisions:
- YAML 1.2's core schema, as people read it: only `true` and `false` are booleans (`no` stays text), dates stay text,
  `1e-3` and `1_000` are numbers, a number with a leading zero stays text, a whole number is an int however it is
  written (`1e3`, `2.0`).
- Tags are refused, so no value can name code. A key stands once. Anchors and aliases are allowed.
- Text, depth and values are bounded, so that a hostile document costs a few seconds at most.
- What breaks the reading is one fault; what does not (a key that stands twice) is kept beside the values, so that it
  is told along with all faults of the spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from genai.errors import SpecError

Path = tuple[str | int, ...]

_BYTES = 1_000_000
DEPTH = 40
_VALUES = 10_000
_SHOWN = 100  # characters of a value in a sentence
_DIGITS = 40  # of a whole number; the largest seed has 19


@dataclass(frozen=True)
class Place:
    """Where something stands: a file's line and column, both from 1, or a `--set` (line 0)."""

    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


@dataclass(frozen=True)
class Fault:
    """What is wrong with the value at a path."""

    place: Place
    path: Path
    text: str
    rule: bool = False  # over several fields

    def __str__(self) -> str:
        return ": ".join(filter(None, (str(self.place), dotted(self.path), self.text)))


@dataclass(frozen=True)
class Document:
    """Values, the place of each (by its path), the place of each key, and the faults found so far."""

    values: Any
    places: dict[Path, Place]
    keys: dict[Path, Place]
    faults: list[Fault] = field(default_factory=list)


def dotted(path: Path) -> str:
    """A path as the user writes it: `data.source.0`."""
    return ".".join(printable(str(part)) for part in path)


def printable(text: str) -> str:
    """`text` on one line of bounded length."""
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def shown(value: Any) -> str:
    """A value as the user wrote it, in few characters."""
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    return printable(dump(value).split("\n")[0] if value is None or isinstance(value, bool) else repr(value))


def read(name: str, text: str | bytes, least: str = "name, data and output") -> Document:
    """The document `text` of the file `name`, which says `least`. Raises SpecError where it cannot be read at all."""
    document = parse(_decoded(name, text), lambda line, column: Place(name, line, column))
    if not isinstance(document.values, dict):
        found = "nothing" if document.values is None else "no mapping"
        raise _error(document.places[()], f"found {found}; allowed: `key: value` lines, at least {least}")
    return document


def parse(text: str, place: Callable[[int, int], Place]) -> Document:
    """Any YAML value; `place` makes a Place of line and column. Raises SpecError where it cannot be read at all."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        raise _error(*_unprintable(text, error, place)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = place(mark.line + 1, mark.column + 1) if mark else place(1, 1)
        raise _error(at, _sentence(error)) from None
    walk = _Walk(place)
    values = walk.value(root, ()) if root else None
    walk.places.setdefault((), place(1, 1))
    return Document(values, walk.places, walk.keys, walk.faults)


def dump(values: Any) -> str:
    """Plain values as YAML that `read` gives back."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)


def _decoded(name: str, text: str | bytes) -> str:
    if len(text) > _BYTES:
        raise _error(Place(name, 1, 1), f"found {len(text):,} bytes; allowed: at most {_BYTES:,}")
    try:
        decoded = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as error:
        at = Place(name, *_after(error.object[: error.start].decode()))
        raise _error(at, f"found the byte 0x{error.object[error.start]:02x}; allowed: text in UTF-8") from None
    return decoded.removeprefix("\ufeff")


def _after(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows `before`, by YAML's line breaks."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", before)
    return len(lines), len(lines[-1]) + 1


def _error(place: Place, text: str) -> SpecError:
    return SpecError((str(Fault(place, (), text)),))


def _unprintable(text: str, error: yaml.reader.ReaderError, place: Callable[[int, int], Place]) -> tuple[Place, str]:
    return place(
        *_after(text[: error.position])
    ), f"found the character U+{ord(text[error.position]):04X}; allowed: printable text"


def _sentence(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or error.context)
    if isinstance(error, _Refused):
        return problem
    if "\\t" in problem:
        return "found a tab; allowed: spaces for indentation"
    if "another document" in problem:
        return "found a second document (---); allowed: one a file"
    context = f" {error.context}" if error.context and error.problem else ""
    return f"this is not YAML: {problem}{context}; check the indentation, colons, brackets and quotes before it"


class _Refused(yaml.MarkedYAMLError):
    """YAML that we do not take."""


class _Loader(yaml.SafeLoader):
    """Composes nodes within bounds; constructs nothing."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # filled below, shared with the dumper

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self._depth += 1
        self._count += 1
        if getattr(event, "tag", None) is not None:
            text = f"found the tag {event.tag!r}; allowed: values without tags"
            raise _Refused(problem=text, problem_mark=event.start_mark)
        if self._depth > DEPTH or self._count > _VALUES:
            raise _Refused(problem=_TOO_LARGE, problem_mark=event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what the loader would not read as text."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # the other styles write U+0085 and its like raw, which a reader folds into spaces
        return self.represent_scalar(_TEXT, data, style=None if data.isprintable() else '"')


_TOO_LARGE = f"found more than {_VALUES:,} values (aliases counted out), or {DEPTH} levels; allowed: fewer"
_WHOLE = r"(?:0|[1-9](?:_?[0-9])*)"
_TEXT = "tag:yaml.org,2002:str"

for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", rf"[-+]?{_WHOLE}|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        rf"[-+]?(?:\.[0-9]+|{_WHOLE}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


_Dumper.add_representer(str, _Dumper.represent_str)


def _whole(text: str) -> int:
    return int(text.replace("_", ""), 0 if text[:2] in ("0o", "0x") else 10)


def _real(text: str) -> float | int:
    number = float(re.sub(r"[._]?(inf|nan)|_", r"\1", text.lower()))
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _whole,
    "float": _real,
    "str": str,
}


class _Walk:
    """From nodes to values, noting places; aliases are counted as often as they are used."""

    def __init__(self, place: Callable[[int, int], Place]) -> None:
        self._place, self._count = place, 0
        self.places: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.faults: list[Fault] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._count += 1
        self.places[path] = at = self._at(node)
        if self._count > _VALUES or len(path) > DEPTH:
            raise _error(at, _TOO_LARGE)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            at = self._at(key_node)
            key = key_node.value
            if key_node.tag != _TEXT:
                found = f"{key!r}, which is no text" if isinstance(key, str) else "a list or mapping as a key"
                self.faults.append(Fault(at, path, f"found {found}; allowed: names as keys"))
            elif key in made:
                first = self.keys[*path, key]
                self.faults.append(Fault(at, (*path, key), f"stands twice, first at {first}; allowed: once"))
            else:
                self.keys[*path, key] = at
                made[key] = self.value(value_node, (*path, key))
        return made

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind == "int" and len(node.value) > _DIGITS:
            self._fault(path, f"found a number of {len(node.value)} digits; allowed: at most {_DIGITS}")
            return 0
        if kind == "str" and re.search("[\ud800-\udfff]", node.value):
            self._fault(path, "found half a surrogate pair; allowed: Unicode text")
            return ""
        return _SCALARS[kind](node.value)

    def _fault(self, path: Path, text: str) -> None:
        self.faults.append(Fault(self.places[path], path, text))

    def _at(self, node: yaml.Node) -> Place:
        return self._place(node.start_mark.line + 1, node.start_mark.column + 1)
