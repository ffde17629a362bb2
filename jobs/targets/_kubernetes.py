"""What all that runs on Kubernetes shares: names, the job file as a ConfigMap, what a worker needs, and text in which
`$(...)` is no reference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from genai.errors import InputError
from genai.identity import sha256
from jobs.document import printable
from jobs.schedule import Schedule

FOLDER = "/etc/genai"
MEMORY = 4  # GiB of a worker
_LONGEST = 41  # letters of a name to which Kubernetes and KubeRay add their own


def name_of(schedule: Schedule) -> str:
    """The job's name as a DNS label, which it may be already: letters, digits and hyphens."""
    name = f"genai-{schedule.job.name}"
    plain = re.sub(r"[^a-z0-9]+", "-", name)
    return name if plain == name and len(name) <= _LONGEST else f"{plain[: _LONGEST - 9].rstrip('-')}-{_short(name)}"


def metadata(schedule: Schedule, **beside: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "genai", "app.kubernetes.io/instance": schedule.job.name}
    return {"name": name_of(schedule), "labels": labels, **beside}


def image(schedule: Schedule) -> str:
    """Raises InputError where none was given."""
    if schedule.image is None:
        raise InputError("--image: nothing given; allowed: an image that holds genai and its Ray, as pods run it")
    return schedule.image


def job_file(schedule: Schedule) -> tuple[str, list[dict[str, Any]]]:
    """Its path in a pod, and the manifests of a volume that holds it; none where it is a URI.

    Raises InputError where the job reads or writes paths of this machine, which a pod does not see.
    """
    data = schedule.job.data
    places = [("data.source", uri) for uri in data.source] + [("data.test_source", data.test_source or "://")]
    for field, uri in [*places, ("output", schedule.job.output)]:
        if "://" not in uri:
            found = f"{schedule.file}: {field}: found {printable(uri)}, a path of this machine"
            raise InputError(f"{found}; allowed in a pod: s3://bucket/prefix, or file:///folder of a volume you mount")
    if "://" in schedule.file:
        return schedule.file, []
    files = {"job.yaml": schedule.text}
    return f"{FOLDER}/job.yaml", [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(schedule), "data": files}
    ]


def volumes(schedule: Schedule, maps: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those of a pod that reads the job file, and where its container has them."""
    if not maps:
        return [], []
    volume = {"name": "job", "configMap": {"name": name_of(schedule)}}
    return [volume], [{"name": "job", "mountPath": FOLDER, "readOnly": True}]


def workers(schedule: Schedule) -> tuple[int, int]:
    """Fewest and most that the job asks for."""
    train, generate = schedule.job.train.workers, schedule.job.generate.workers
    fewest = max(train.count, generate.min)
    return fewest, max(fewest, generate.max)


def resources(schedule: Schedule, count: int = 1) -> dict[str, Any]:
    """What a pod with so many workers gets."""
    train, generate = schedule.job.train.workers, schedule.job.generate.workers
    has = {"cpu": str(math.ceil(max(train.cpu, generate.cpu) * count)), "memory": f"{MEMORY * count}Gi"}
    gpus = math.ceil(max(train.gpu, generate.gpu) * count)
    limits = {**has, "nvidia.com/gpu": str(gpus)} if gpus else has
    return {"requests": dict(limits), "limits": limits}


def literal(text: str) -> str:
    """`text` in a container's command, where `$(NAME)` would stand for a variable."""
    return text.replace("$", "$$")


def documents(about: str, manifests: list[dict[str, Any]]) -> str:
    """Manifests as one YAML file."""
    return f"# {about}, by genai schedule. To install it: kubectl apply -f FILE\n" + "".join(_documents(manifests))


def _documents(manifests: list[dict[str, Any]]) -> Iterator[str]:
    for manifest in manifests:
        yield "---\n" + yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=10**6)


class _Dumper(yaml.SafeDumper):
    """Text of several lines stands as a block, and nothing stands for what was said before."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _short(text: str) -> str:
    return sha256(text.encode())[:8]
