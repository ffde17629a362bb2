"""`genai cluster`: a cluster.yaml for `ray up`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobs.commands._ways import JSON, say

if TYPE_CHECKING:
    from jobs.cluster import Cluster


@click.group("cluster")
def command() -> None:
    """Work with the cluster.yaml that `ray up` takes."""


@command.command("check")
@click.argument("cluster_file", default="cluster.yaml")
@click.option("--job", "job_file", metavar="JOB", help="Also whether the cluster can ever give what this job asks for.")
@JSON
def check(cluster_file: str, job_file: str | None, as_json: bool) -> None:
    """Check a cluster.yaml before it costs anything: all faults at once, without network and keys.

    Example: genai cluster check cluster.yaml --job job.yaml
    """
    from dataclasses import asdict

    from genai.errors import SpecError
    from jobs import cluster as clusters
    from jobs.cluster.nodes import offers

    cluster = _read(cluster_file)
    faults = [str(fault) for fault in clusters.check(cluster, clusters.Versions.here())]
    faults += _lacks(cluster, job_file) if job_file and not faults else []
    if faults:
        raise SpecError(tuple(faults))
    there = offers(cluster)
    types = "; ".join(map(str, there)) or "a head alone"
    say(
        {
            "cluster": cluster_file,
            "head": cluster.head,
            "max_workers": cluster.most,
            "workers": [asdict(offer) for offer in there],
            "job": job_file,
        },
        [f"{cluster_file}: in order; {types}" + (f"; it can give what {job_file} asks for" if job_file else "")],
        as_json=as_json,
    )


def _read(path: str) -> Cluster:
    from genai.errors import InputError
    from jobs import cluster as clusters

    try:
        return clusters.read(path, Path(path).read_bytes())
    except (OSError, ValueError) as error:
        found = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read: {found}; allowed: a cluster.yaml, as `ray up` takes it") from None


def _lacks(cluster: Cluster, job_file: str) -> list[str]:
    """What the job asks for in vain, at its place in the job file where that is on this machine."""
    from jobs.cluster.nodes import lacks
    from jobs.document import Fault, Place, parse
    from jobs.faults import place
    from jobs.resolve import job

    found = list(lacks(cluster, job(job_file)))
    here = Path(job_file)
    document = parse(here.read_text(), lambda line, column: Place(job_file, line, column)) if here.is_file() else None
    return [str(Fault(place(document, path) if document else Place(job_file), path, text)) for path, text, _ in found]
