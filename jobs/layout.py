"""Where things are kept below `<output>/<job>/`, and the keys under which.

A key covers all that can change a stage's result: its part of the spec, what it is made from (by content), and the
version of the code's format; never the count, the number of workers, or a clock. Raise a stage's version below when
a change of the code changes its results.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from genai.identity import key_of
from jobs.spec import JobSpec
from jobs.stores import Store, open_store

VERSIONS = {"prepare": 1, "train": 1, "generate": 1, "publish": 1}


def job_store(spec: JobSpec) -> Store:
    """The store of a job's folder."""
    return open_store(spec.output).child(spec.name)


def prepared(key: str, name: str = "index.json") -> str:
    return f"prepared/{key}/{name}"


def blocks(store: Store, key: str) -> Store:
    """Where the blocks of prepared data are, by their names."""
    return store.child(f"prepared/{key}")


def checkpoint(key: str, name: str = "metrics.json") -> str:
    return f"checkpoints/{key}/{name}"


def dataset(key: str, name: str = "manifest.json") -> str:
    return f"datasets/{key}/{name}"


def dataset_place(store: Store, key: str) -> str:
    """The path or URI of a dataset, for people and other programs."""
    return store.locate(f"datasets/{key}")


def part(key: str, name: str) -> str:
    return dataset(key, f"data/{name}")


def receipt(key: str, name: str) -> str:
    return dataset(key, f"receipts/{name}.json")


def prompts(digest: str) -> str:
    return f"prompts/{digest}.json"


def run(run_id: str, name: str = "job.yaml") -> str:
    return f"runs/{run_id}/{name}"


def leases(name: str) -> str:
    """The folder of a lease's epochs: `name` is a run id or a stage's key."""
    return f"leases/{name}/"


def lease(name: str, epoch: int) -> str:
    return f"{leases(name)}{epoch:06d}.json"


def run_id(spec: JobSpec) -> str:
    """The run that a spec asks for: the same request is the same run."""
    return f"{spec.name}-{spec.digest[:12]}"


def prepare_key(spec: JobSpec, fingerprint: list[Any]) -> str:
    """The key of the prepared data; `fingerprint` is what the sources list."""
    data = spec.data.model_dump(mode="json", exclude={"source", "test_source", *spec.data.told})
    return key_of("prepare", VERSIONS["prepare"], data=data, fingerprint=fingerprint)


def train_key(spec: JobSpec, prepared_digest: str, start: str | None = None) -> str:
    """The key of a checkpoint: the workers' number joins it only where their sums depend on it. `start` is the digest
    of the checkpoint that it begins with.
    """
    recipe, workers = spec.train.recipe, spec.train.workers
    parts: dict[str, Any] = {"model": spec.model.model_dump(mode="json"), "recipe": asdict(recipe)}
    if recipe.reduction == "ddp":
        parts["workers"] = workers.count
    if spec.train.init_from and start:
        parts |= {"start": start, "frozen": sorted(set(spec.train.init_from.frozen))}
    return key_of("train", VERSIONS["train"], data=prepared_digest, device=device(workers.gpu), **parts)


def generate_key(
    spec: JobSpec,
    checkpoint_digest: str,
    weights: tuple[int, ...],
    prompts: str | None = None,
    source: str | None = None,
) -> str:
    """The key of a dataset: how each sample is drawn and which class it has, not how many there are. `prompts` is the
    digest of those that it is drawn under, `source` that of the rows that it is drawn from.
    """
    asked = spec.generate.model_dump(
        mode="json", exclude={"count", "labels", "workers", "attempts", "draws", "prompts", "source"}
    )
    asked |= {"prompts": prompts} if prompts else {}
    asked |= {"source": source} if source else {}
    where = device(spec.generate.workers.gpu)
    return key_of(
        "generate", VERSIONS["generate"], checkpoint=checkpoint_digest, seed=spec.sampling_seed, asked=asked,
        weights=list(weights), device=where,
    )  # fmt: skip


def device(gpu: float) -> str:
    """The kind of device that a worker computes on; kinds differ in bits."""
    return "cuda" if gpu else "cpu"
