"""cluster.yaml, checked offline: what `ray up` would refuse, and what it would let through to fail or cost later.

    cluster = read("cluster.yaml", text)
    faults = check(cluster, Versions.here())

Decisions:
- A check yields what it finds, each with its path; places come from the YAML text (`jobs.document`), values from
  PyYAML, as Ray reads them: merge keys, `yes` for true. What the file leaves out is filled in as Ray would do it.
- Ray is not imported: its schema and its defaults are files of its distribution.
- AWS alone, since a node's `node_config` is the provider's own language.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import version
from typing import Any, NamedTuple

import yaml

from genai.errors import SpecError
from jobs import document
from jobs.document import Document, Fault, Path, Place
from jobs.faults import place


class Found(NamedTuple):
    """A fault at a path; `key` where it is the key that is wrong."""

    path: Path
    text: str
    key: bool = False


Check = Callable[["Cluster"], Iterator[Found]]


@dataclass(frozen=True)
class Versions:
    """What runs here, and therefore has to run there."""

    ray: str
    python: str

    @classmethod
    def here(cls) -> Versions:
        return cls(version("ray"), f"{sys.version_info.major}.{sys.version_info.minor}")


@dataclass(frozen=True)
class Cluster:
    """A cluster.yaml: its text's places, what it says, and what Ray makes of that."""

    document: Document
    given: dict[str, Any]
    values: dict[str, Any]  # with Ray's defaults

    @cached_property
    def types(self) -> dict[str, dict[str, Any]]:
        """The node types, as far as they are mappings."""
        types = mapping(self.given.get("available_node_types"))
        return {name: node for name, node in types.items() if isinstance(node, dict)}

    @property
    def head(self) -> str:
        """The name of the head's type."""
        return str(self.given.get("head_node_type", ""))

    @property
    def most(self) -> int:
        """Workers that there may be at once."""
        return number(self.values.get("max_workers"))

    def most_of(self, name: str) -> int:
        """Workers of a type that there may be at once; Ray starts none of the head's unless told to."""
        return number(self.types[name].get("max_workers"), 0 if name == self.head else self.most)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where something stands, or what is around it and there."""
        keys = self.document.keys
        return keys[path] if key and path in keys else place(self.document, path)


def read(name: str, text: str | bytes) -> Cluster:
    """The cluster that the file `name` describes. Raises SpecError where it cannot be read at all."""
    from jobs.cluster.schema import defaults

    found = document.read(name, text, "cluster_name, provider and available_node_types")
    try:
        given = _named(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError) as error:
        line = str(getattr(error, "problem", None) or error).splitlines()[0]
        fault = Fault(found.places[()], (), f"found {line}; allowed: what PyYAML reads, as Ray does")
        raise SpecError((str(fault),)) from None
    return Cluster(found, given, defaults() | given)


def check(cluster: Cluster, ours: Versions) -> list[Fault]:
    """All faults, in the order of the file."""
    from jobs.cluster import aws, nodes, pins, schema, secrets

    checks: list[Check] = [
        schema.check, nodes.check, aws.check, secrets.check, lambda cluster: pins.check(cluster, ours)
    ]  # fmt: skip
    found = [found for check in checks for found in check(cluster)]
    faults = [Fault(cluster.place(path, key=key), path, text) for path, text, key in found]
    faults = [*cluster.document.faults, *faults]
    return sorted(dict.fromkeys(faults), key=lambda fault: (fault.place.line, fault.place.column))


def mapping(value: Any) -> dict[str, Any]:
    """The value, where it is a mapping; an empty one otherwise, since the schema has told."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """The same for a list."""
    return value if isinstance(value, list) else []


def number(value: Any, default: int = 0) -> int:
    """The same for a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def commands(cluster: Cluster, key: str) -> list[tuple[Path, str]]:
    """Commands with the path of each, from the file or from Ray's defaults."""
    return [((key, at), line) for at, line in enumerate(listing(cluster.values.get(key))) if isinstance(line, str)]


def meant(key: str, known: Mapping[str, Any] | list[str]) -> str:
    """A hint at the name that was meant."""
    close = get_close_matches(key, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


def _named(value: Any) -> Any:
    """The same with text as keys; others were told of when the text was read."""
    if isinstance(value, dict):
        return {str(key): _named(inner) for key, inner in value.items()}
    return [_named(inner) for inner in value] if isinstance(value, list) else value
