"""A pretrained pipeline: `model: {family: diffusers, pipeline: FOLDER}` names one, and nothing is trained.

Its files stay where they are. The job's own `checkpoints/` gets a checkpoint without weights, whose config has the
SHA-256 of each file, so that its digest says all that samples follow from; a worker fetches the files, checks them by
that, and only then loads them. What a listing's files are is kept in the store (`pipelines/<key>.json`), so that they
are hashed once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import genai
from genai import families, modalities, pipeline
from genai.checkpoint_files import CONFIG, MODEL, VERSION, digest_of
from genai.errors import DataError, InputError, IntegrityError, NotFound
from genai.families import Pretrained
from genai.identity import canonical, key_of
from genai.registry import describe
from jobs import layout
from jobs.spec import JobSpec
from jobs.stores import Store, open_store

if TYPE_CHECKING:
    from genai.modalities import Modality

CHUNK = 8 << 20
NO_WEIGHTS = (2).to_bytes(8, "little") + b"{}"  # a safetensors file of none


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's place, and the checkpoint that stands for it. `kept` is where its listing's digests go."""

    place: str
    modality: Modality
    files: Mapping[str, bytes]
    metrics: dict[str, Any]
    kept: str
    digests: Mapping[str, str]
    classes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Of the checkpoint: it follows from the content."""
        return key_of("pipeline", 1, checkpoint=self.metrics["digest"])

    def keep(self, store: Store) -> None:
        """What the files are, for later runs, which then need not read them."""
        if _known(store, self.kept) != self.digests:
            store.put(self.kept, canonical(self.digests))

    def copy(self, store: Store) -> None:
        """The checkpoint into those of a job, `metrics.json` last."""
        metrics = self.metrics | {"versions": _versions()}
        for name, data in {**self.files, "metrics.json": canonical(metrics)}.items():
            store.put(layout.checkpoint(self.key, name), data)


def look(spec: JobSpec, store: Store) -> Pipeline:
    """The pipeline that a job names. Raises DataError where there is nothing, InputError where it may not be loaded."""
    family, said = spec.model.family, str(spec.model.pipeline)
    assert isinstance(family, Pretrained), "the spec checks it"
    source = open_store(said)
    place = source.locate("x").removesuffix("/x")
    listing = {entry.key: (entry.size, entry.version) for entry in source.list()}
    if not listing:
        wanted = f", of the digest {spec.model.digest}" if spec.model.digest else ""
        allowed = f"a folder that save_pretrained wrote{wanted} (also by --weights)"
        raise DataError(f"model.pipeline: found nothing at {place}; allowed: {allowed}")
    names = pipeline.taken(place, listing)
    modality = _rows(family, place, source, names)
    kept = f"pipelines/{key_of('pipeline', 1, place=place, listing=[[n, *listing[n]] for n in names])}.json"
    digests = _known(store, kept) or {name: sha256_of(source, name) for name in names}
    config = {
        "format": VERSION, "family": describe(families, family), "modality": describe(modalities, modality),
        "shape": modality.shape, "classes": [], "pipeline": digests,
    }  # fmt: skip
    files = {CONFIG: canonical(config), MODEL: NO_WEIGHTS}
    digest = digest_of(files)
    if spec.model.digest not in (None, digest):
        asked = f"the pipeline at {place} has the digest {digest}, asked is {spec.model.digest}"
        raise InputError(f"model.digest: {asked}; allowed: that one, or none")
    return Pipeline(place, modality, files, {"digest": digest}, kept, digests)


def _rows(family: Pretrained, place: str, source: Store, names: list[str]) -> Modality:
    """What it draws, by its configs, all of which are looked at."""
    asked = [name for name in names if name.rpartition("/")[2] in pipeline.CONFIGS]
    configs = {name: pipeline.config(f"{place}/{name}", source.get(name)) for name in asked}
    try:
        return modalities.stored(family.rows(configs))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        why = f"{type(error).__name__}: {str(error)[:200]}"
        raise InputError(f"{place}: its configs cannot be used ({why}); allowed: what save_pretrained wrote") from error
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _known(store: Store, kept: str) -> dict[str, str] | None:
    try:
        found = json.loads(store.get(kept))
    except (NotFound, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def sha256_of(source: Store, name: str, into: Path | None = None) -> str:
    """The digest of a file, which is read piece by piece; and a copy of it where one is asked for."""
    made = hashlib.sha256()
    with source.open(name) as file, ExitStack() as copying:  # opening refuses a name that leads out of the folder
        if into:
            into.parent.mkdir(parents=True, exist_ok=True)
        out = copying.enter_context(into.open("wb")) if into else None
        while piece := file.read(CHUNK):
            made.update(piece)
            if out:
                out.write(piece)
    return made.hexdigest()


@contextmanager
def fetched(spec: JobSpec, made: Mapping[str, Any]) -> Iterator[Path]:
    """A folder of the pipeline's files alone, of the digests that a checkpoint `made` says. Raises IntegrityError where
    one is another, NotFound where one is gone.
    """
    source = open_store(str(spec.model.pipeline))
    with TemporaryDirectory(prefix="genai-pipeline-") as folder:
        for name, digest in sorted(made["pipeline"].items()):
            if (found := sha256_of(source, name, Path(folder, name))) != digest:
                raise IntegrityError(f"{source.locate(name)}: found digest {found}, the checkpoint says {digest}")
        yield Path(folder)


def _versions() -> dict[str, str]:
    """Of what the samples' bits hang on."""
    made = {"genai": genai.__version__}
    for name in ("torch", "numpy", "transformers", "diffusers"):
        try:
            made[name] = version(name)
        except ModuleNotFoundError:
            continue
    return made
