"""Ray's own schema of a cluster.yaml, and what `validate_config` asks beyond it, in our sentences.

`ray-schema.json` and the provider's `defaults.yaml` lie beside Ray's code, and are read without importing it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path as FilePath
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from jobs.cluster import Cluster, Found, mapping, meant
from jobs.document import Path, shown

_KINDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "null",
}  # fmt: skip


@cache
def defaults() -> dict[str, Any]:
    """What Ray puts where a file for AWS says nothing. Not to be changed."""
    values: dict[str, Any] = yaml.safe_load(_file("aws/defaults.yaml").read_text())
    return values


def check(cluster: Cluster) -> Iterator[Found]:
    """What `ray up` refuses of any provider."""
    for error in sorted(_validator().iter_errors(cluster.given), key=lambda error: list(map(str, error.absolute_path))):
        yield from _told(error)
    yield from _head(cluster)
    for there, here in mapping(cluster.given.get("file_mounts")).items():
        if not isinstance(here, str):
            yield Found(("file_mounts", there), f"found {shown(here)}; allowed: the path of a file or folder here")
    docker = mapping(cluster.given.get("docker"))
    image = docker.get("image") or (docker.get("head_image") and docker.get("worker_image"))
    if docker.get("container_name") and not image:
        yield Found(("docker", "image"), "missing; allowed: an image, or head_image and worker_image")
    if image and not docker.get("container_name"):
        yield Found(("docker", "container_name"), "missing; allowed: any name, since there is an image")


def _head(cluster: Cluster) -> Iterator[Found]:
    names = ", ".join(cluster.types)
    if "available_node_types" not in cluster.given:
        yield Found(("available_node_types",), "missing; allowed: a type for the head and one or more for workers")
    elif "head_node_type" not in cluster.given:
        yield Found(("head_node_type",), f"missing; allowed: one of available_node_types: {names}")
    elif cluster.head not in cluster.types:
        found = f"found {shown(cluster.given['head_node_type'])}{meant(cluster.head, cluster.types)}"
        yield Found(("head_node_type",), f"{found}; allowed: one of available_node_types: {names}")


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(json.loads(_file("ray-schema.json").read_text()))


def _file(name: str) -> FilePath:
    return FilePath(str(distribution("ray").locate_file(f"ray/autoscaler/{name}")))


def _told(error: ValidationError) -> Iterator[Found]:
    """One or more faults; jsonschema tells of all unknown keys of a mapping at once."""
    path: Path = tuple(error.absolute_path)
    rule, value = str(error.validator), error.instance
    if rule == "required":
        yield from (
            Found((*path, name), "missing; Ray needs it") for name in error.validator_value if name not in value
        )
    elif rule == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        for key in value:
            if key not in known:
                text = f"found an unknown key{meant(key, known)}; allowed: {', '.join(known)}"
                yield Found((*path, key), text, key=True)
    elif rule == "type":
        kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        yield Found(path, f"found {shown(value)}; allowed: {' or '.join(_KINDS[kind] for kind in kinds)}")
    elif rule == "minimum":
        yield Found(path, f"found {shown(value)}; allowed: at least {error.validator_value}")
    else:
        rules = error.validator_value if isinstance(error.validator_value, list) else [rule, error.validator_value]
        yield Found(path, f"found {shown(value)}; allowed: {', '.join(map(str, rules))}")
