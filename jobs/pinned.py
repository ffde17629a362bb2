"""A pinned checkpoint: `model: {checkpoint: ...}` names one that is there, and nothing is trained, or read to train on.

It is copied into the job's own `checkpoints/`, under a key of its content, so that all that comes after finds it where
any other would be, and the dataset can be made again when the place that it came from is gone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genai.errors import InputError, IntegrityError, NotFound
from genai.identity import canonical, key_of
from jobs import layout
from jobs.parts import FAMILY
from jobs.resolve import is_run_id, resolve, trained_at
from jobs.spec import JobSpec
from jobs.stores import Store, open_store

if TYPE_CHECKING:
    from genai.modalities import Modality

CONFIG, MODEL, METRICS = "config.json", "model.safetensors", "metrics.json"


@dataclass(frozen=True)
class Pinned:
    """A checkpoint's place, and what its config says. `metrics` holds its digest, and what was measured of it."""

    store: Store
    place: str
    classes: tuple[str, ...]
    modality: Modality
    metrics: dict[str, Any]
    family: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Of the copy: it follows from the content."""
        return _key(self.metrics["digest"])

    def keep(self, store: Store) -> None:
        """Nothing: looking at it is quick."""

    def copy(self, store: Store) -> None:
        """Into the checkpoints of a job, `metrics.json` last. Raises IntegrityError where its digest is another."""
        from genai.checkpoint import digest_of

        files = {name: self.store.get(name) for name in (CONFIG, MODEL)}
        if (digest := digest_of(files)) != self.metrics["digest"]:
            raise IntegrityError(f"{self.place}: found digest {digest}, its {METRICS} says {self.metrics['digest']}")
        for name, data in (files | {METRICS: canonical(self.metrics)}).items():
            store.put(layout.checkpoint(self.key, name), data)


def look(spec: JobSpec) -> Pinned:
    """The checkpoint that a job pins: where it says, or our own copy of the one with its digest. Raises InputError
    where none is there, or one of another family or digest.
    """
    return _look(spec, "model.checkpoint", str(spec.model.checkpoint), spec.model.digest)


def look_at_start(spec: JobSpec) -> Pinned | None:
    """The checkpoint that a job's training begins with; None where it begins with random weights. Raises InputError as
    `look` does, and where it is of other fields than the job's family.
    """
    from genai import families
    from genai.registry import describe

    said = spec.train.init_from
    if said is None:
        return None
    found = _look(spec, "train.init_from", said.checkpoint, said.digest)
    own = json.loads(canonical(describe(families, spec.model.family)))
    odd = [name for name in own if own[name] != found.family.get(name)]
    if odd:
        there = f"{odd[0]}: {found.family.get(odd[0])!r}"[:200]
        raise InputError(
            f"model.{odd[0]}: found {own[odd[0]]!r}; allowed: {there}, as the checkpoint of train.init_from"
        )
    return found


def _look(spec: JobSpec, path: str, said: str, digest: str | None) -> Pinned:
    store = _copied(spec, digest) or _folder(said, spec.output, path)
    place = store.locate(CONFIG).removesuffix(f"/{CONFIG}")
    try:
        config, metrics = json.loads(store.get(CONFIG)), _metrics(store)
        family, modality, classes = config["family"], config["modality"], tuple(map(str, config["classes"]))
    except NotFound as error:
        wanted = f" (its digest is to be {digest})" if digest else ""
        raise _none(path, said, f"there is no {CONFIG} with its {MODEL} at {place}{wanted}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _none(path, said, f"{place}/{CONFIG} cannot be read") from error
    if digest not in (None, metrics["digest"]):
        raise _none(path, said, f"the checkpoint at {place} has the digest {metrics['digest']}, asked is {digest}")
    asked, kind = FAMILY.write(spec.model.family)["family"], str(family["kind"])
    if asked != kind:
        raise InputError(f"model.family: found {asked}; the checkpoint at {place} is a {kind}: say family: {kind}")
    from genai import modalities

    return Pinned(store, place, classes, modalities.stored(modality), metrics, dict(family))


def _key(digest: str) -> str:
    return key_of("pinned", 1, checkpoint=digest)


def _copied(spec: JobSpec, digest: str | None) -> Store | None:
    """The job's own copy of the checkpoint of a digest, which is there once a run has begun to mint."""
    if digest is None:
        return None
    store = layout.job_store(spec).child(f"checkpoints/{_key(digest)}")
    try:
        return store if _metrics(store)["digest"] == digest else None
    except NotFound:
        return None


def _metrics(store: Store) -> dict[str, Any]:
    """What is known of the checkpoint: at least its digest, which is taken of its files where nothing says it."""
    try:
        found = json.loads(store.get(METRICS))
        if isinstance(found["digest"], str):
            return dict(found)
    except (NotFound, ValueError, KeyError, TypeError, RecursionError):
        pass
    from genai.checkpoint import digest_of

    return {"digest": digest_of({name: store.get(name) for name in (CONFIG, MODEL)})}


def _folder(said: str, output: str, path: str) -> Store:
    """Where the files are: a folder or URI, or that of the checkpoint of a run or a dataset."""
    if "/" in said and not {"runs", "datasets"} & set(said.rstrip("/").split("/")[-2:-1]):
        return open_store(said)
    if "/" not in said and not is_run_id(said):
        raise _none(path, said, "it is no run's id, and no path (which has a slash)")
    target = resolve(said, output)
    try:
        digest = str(json.loads(target.store.get(layout.run(target.run_id, "result.json")))["checkpoint"])
    except (NotFound, ValueError, KeyError, TypeError, RecursionError):
        raise _none(path, said, "the run is not done") from None
    key = trained_at(target.store, digest)
    if key is None:
        raise _none(path, said, f"the checkpoint that it was made with, {digest[:12]}, is not there any more")
    return target.store.child(f"checkpoints/{key}")


def _none(path: str, said: str, why: str) -> InputError:
    allowed = f"a finished run's id, its path or URI, or that of a folder with {CONFIG} and {MODEL}"
    allowed += " (also by --weights)" if path == "model.checkpoint" else ""
    return InputError(f"{path}: found {said!r}: {why}; allowed: {allowed}")
