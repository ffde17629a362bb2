"""Submitting: the same driver as `genai run` starts, on a Ray cluster, under the run's id.

    job file -> store -> job server (`jobs.rayjobs`) -> `python -m workers JOB_URI` on the cluster's head

Our three packages go along, so what runs there is what is installed here; PyTorch and the like are the cluster's own.
The same job submitted twice is one run: the second finds the first at work. Nothing of the run is kept by Ray: its
events and its results are in the store, and whoever follows it reads them there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import genai
import jobs
from genai.errors import InputError, NotFound
from genai.identity import canonical
from jobs import layout
from jobs.rayjobs import JobServer
from jobs.spec import GenerateWorkers, JobSpec, TrainWorkers
from jobs.start import begin
from jobs.stores import Store

PASSED_ON = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "GENAI_S3_PATIENCE")
NEEDED = ("ray", "torch", "numpy", "pyarrow", "pydantic", "yaml", "click", "boto3", "safetensors", "PIL", "jinja2")
PACKAGE_BYTES = 512 << 20  # Ray's GCS_STORAGE_MAX_SIZE
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASS|CREDENTIAL", re.IGNORECASE)
#: before our code is imported, which another Python could not even read
_CHECK = """\
import importlib.util as u, sys
lacks = [n for n in {needed!r}.split() if not u.find_spec(n)]
old = sys.version_info < (3, 11)
if old: print("error: found Python %d.%d on the cluster; allowed: 3.11 or later" % sys.version_info[:2])
if lacks: print("error: the Python of the cluster lacks " + ", ".join(lacks) + "; allowed: a cluster that has them")
sys.exit(2 if old or lacks else 0)
"""


@dataclass(frozen=True)
class Submitted:
    """Where a run was submitted to, and when, in seconds since the epoch."""

    address: str
    at: float

    @classmethod
    def of(cls, store: Store, run: str) -> Submitted | None:
        """As the store knows; None where it was not submitted."""
        try:
            found = json.loads(store.get(layout.run(run, "submitted.json")))
            return cls(str(found["address"]), float(found["at"]))
        except (NotFound, ValueError, KeyError, TypeError, RecursionError):
            return None


def submit(
    spec: JobSpec,
    store: Store,
    address: str,
    *,
    command: str = "",
    packages: Sequence[str] = (),
    names: Sequence[str] = (),
    timeout: float | None = None,
) -> bool:
    """Start the run of a job on the cluster at `address`; False where it is at work there already.

    `packages` are folders of the user's own that go along, `names` environment variables that do. Raises InputError
    where nobody answers at the address, or the cluster can never give what the job asks for.
    """
    server, run = JobServer(address), layout.run_id(spec)
    ours = [*_packages(), *map(_package, packages)]
    environment = _environment(names)
    check_room(spec, server)
    job = begin(store, spec)
    store.put(layout.run(run, "submitted.json"), canonical(asdict(Submitted(server.address, time.time()))))
    return server.submit(run, entry(job, command, timeout), ours, environment)


def entry(job_uri: str, command: str = "", timeout: float | None = None) -> str:
    """What the cluster's shell runs."""
    check = _CHECK.format(needed=" ".join(NEEDED))
    line = ["python", "-m", "workers", job_uri, "--crew", "ray", "--command", command]
    line += ["--timeout", f"{timeout:g}"] if timeout else []
    return f"python -c {shlex.quote(check)} && exec {shlex.join(line)}"


def check_room(spec: JobSpec, server: JobServer) -> None:
    """Compare what a job asks for with what the cluster has; one that grows may give more. Raises InputError."""
    if server.grows():
        return
    machines = server.machines()
    if not machines:  # it has just begun; the driver compares again
        return
    asks: dict[str, tuple[TrainWorkers | GenerateWorkers, int]] = {}
    if not spec.model.given:
        asks["train.workers"] = (spec.train.workers, spec.train.least_workers)
    asks["generate.workers"] = (spec.generate.workers, 1)
    for path, (workers, number) in asks.items():
        each = {"CPU": workers.cpu, "GPU": workers.gpu}
        fit = sum(min(int(has.get(name, 0) / need + 1e-9) for name, need in each.items() if need) for has in machines)
        if fit < number:
            total = {name: sum(has.get(name, 0) for has in machines) for name in each}
            raise InputError(
                f"{path}: found {number} worker(s) of {workers.cpu:g} CPU and {workers.gpu:g} GPU; the cluster at "
                f"{server.address} has {total['CPU']:g} CPU and {total['GPU']:g} GPU on {len(machines)} machine(s), "
                f"room for {fit}: ask for less, or give it more"
            )


def _packages() -> list[str]:
    """The folders of our three packages."""
    here = [Path(str(genai.__file__)).parent, Path(str(jobs.__file__)).parent]
    return [str(folder) for folder in (*here, here[1].parent / "workers")]


def _package(path: str) -> str:
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"--package: found {path}, which is no folder; allowed: the folder of a Python package")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if size > PACKAGE_BYTES:
        raise InputError(
            f"--package: found {path} of {size / 2**20:,.0f} MiB; allowed: at most {PACKAGE_BYTES >> 20}, Ray's limit "
            "for what goes along with a job: give the data a place in the store"
        )
    return str(folder.resolve())


def _environment(names: Sequence[str]) -> Mapping[str, str]:
    """Variables for the driver and its workers: where the store is, and what the user names."""
    for name in names:
        if _SECRET.search(name):
            raise InputError(
                f"--env: found {name}, which may hold a secret, and whoever reaches the dashboard reads what is passed "
                "on; allowed: other variables. Give the machines a role, or set it where they are started"
            )
        if name not in os.environ:
            raise InputError(f"--env: found {name}, which is not set; allowed: a variable that is set here")
    return {name: os.environ[name] for name in (*PASSED_ON, *names) if name in os.environ}


def about(run: str, address: str, store: Store) -> dict[str, Any]:
    """What a submission leaves, for programs."""
    return {"run": run, "address": address, "job": store.locate(layout.run(run))}
