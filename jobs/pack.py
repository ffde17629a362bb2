"""Packing: a sealed dataset as a job file of a few kilobytes, which makes it again elsewhere.

Such a recipe is a job that pins the checkpoint by its digest and says, as `packed`, what the dataset was. All that the
samples follow from is in it; rows to train on, training, places and who is told are not. It is JSON, which is YAML,
too: `genai run recipe.json` reads it as any job file.
"""

from __future__ import annotations

import json
from typing import Any

from genai.errors import InputError
from jobs.asked import MOST_PROMPTS
from jobs.ledger import Manifest
from jobs.parts import FAMILY
from jobs.shards import Plan
from jobs.spec import JobSpec
from jobs.survey import Survey


def recipe(found: Survey) -> bytes:
    """The recipe of a job's dataset. Raises InputError where it is not sealed."""
    manifest = found.manifest
    if manifest is None or not found.train_key:
        raise InputError(f"{found.spec.name}: its dataset is not sealed yet; `genai run` finishes it")
    return json.dumps(_job(found, manifest), indent=1, ensure_ascii=False).encode() + b"\n"


def equal(found: Survey) -> bool | None:
    """Whether the dataset is what was packed; None where nothing was, or another number of samples was asked for."""
    packed, manifest = found.spec.packed, found.manifest
    if packed is None or manifest is None or manifest.rows != packed.rows:
        return None
    return manifest.digest == packed.digest


def _job(found: Survey, manifest: Manifest) -> dict[str, Any]:
    spec, said = found.spec, found.spec.model_dump(mode="json")
    place = found.pinned.place if found.pinned else found.store.locate(f"checkpoints/{found.train_key}")
    return {
        "name": spec.name,
        "output": "runs",
        "seed": spec.sampling_seed,
        "model": _model(spec, place, manifest.checkpoint),
        "data": {name: value for name, value in said["data"].items() if name in spec.data.told and value is not None},
        "generate": {**said["generate"], **_count(manifest.plan, manifest.classes), **_prompts(found)},
        "card": said["card"],
        "packed": {
            "key": manifest.key, "digest": manifest.digest, "rows": manifest.rows, "versions": manifest.versions,
        },
    }  # fmt: skip


def _model(spec: JobSpec, place: str, digest: str) -> dict[str, Any]:
    """The checkpoint, or the pipeline that it stands for."""
    if spec.model.pipeline is not None:
        return {**FAMILY.write(spec.model.family), "pipeline": place, "digest": digest}
    return {"family": FAMILY.write(spec.model.family)["family"], "checkpoint": place, "digest": digest}


def _prompts(found: Survey) -> dict[str, Any]:
    """The texts themselves, as long as a job file may hold them: their source may not be there elsewhere."""
    texts = found.prompts.texts if found.prompts else ()
    return {"prompts": list(texts)} if 0 < len(texts) <= MOST_PROMPTS else {}


def _count(plan: Plan, classes: tuple[str, ...]) -> dict[str, Any]:
    """How many samples of which classes, without the training rows that a job may have counted them by."""
    if set(plan.weights) <= {1}:
        return {"count": plan.count, "labels": None}
    if set(plan.weights) == {0, 1}:
        return {"count": plan.count, "labels": [name for name, one in zip(classes, plan.weights, strict=True) if one]}
    counts = zip(classes, plan.label_counts(), strict=True)
    return {"count": {"classes": {name: n for name, n in counts if n}}, "labels": None}
