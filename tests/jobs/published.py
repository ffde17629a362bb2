"""A sealed dataset that `verify` can read: what the scripted crew leaves, with its parts replaced by real Parquet."""

from dataclasses import replace

import numpy as np

from genai import formats
from genai.formats import About, Samples, content_digest
from genai.identity import sha256
from jobs import layout, ledger
from jobs.driver import run
from jobs.events import EventLog
from jobs.ledger import Manifest, Receipt
from jobs.spec import JobSpec
from jobs.stores import Store
from jobs.survey import Survey, survey
from tests.jobs.scripted import ScriptedCrew


def ran(spec: JobSpec, store: Store | None = None) -> Survey:
    """A job that was run to its end, and its survey afterwards."""
    found = survey(spec, store)
    with EventLog(found.store, layout.run_id(spec)) as events:
        found.store.put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
        run(found, ScriptedCrew(), events)
    return survey(spec, store)


def published(spec: JobSpec) -> Survey:
    """The same, with parts that can be decoded."""
    found = ran(spec)
    manifest = found.manifest
    parts = tuple(_part(found, part) for part in manifest.parts)
    found.store.delete(layout.dataset(manifest.key))
    ledger.seal(found.store, replace(manifest, parts=parts))
    return survey(spec)


def _part(found: Survey, old: Receipt) -> Receipt:
    manifest, modality = found.manifest, found.prepared.modality
    indices = np.arange(old.start, old.stop)
    labels = np.array(manifest.plan.labels(old.start, old.stop))
    arrays = np.broadcast_to(indices.astype(np.uint8)[:, None], (old.rows, 4)).reshape(old.rows, *modality.array_shape)
    samples = Samples(indices, labels, arrays)
    about = About(modality, manifest.checkpoint, manifest.seed, manifest.key, "tests", manifest.classes)
    data = formats.of(manifest.plan.suffix).encode(samples, about)
    return put(found.store, manifest, replace(old, content=content_digest(samples)), data)


def put(store: Store, manifest: Manifest, part: Receipt, data: bytes) -> Receipt:
    """Put a part of other bytes, and its receipt."""
    made = replace(part, bytes=len(data), sha256=sha256(data))
    store.put(layout.part(manifest.key, part.name), data)
    store.put(layout.receipt(manifest.key, part.name), made.to_json())
    return made
