"""The survey: what a job asks for, and what of it is in the store already.

It only looks, by listings and small reads, and needs neither torch nor Ray; so a finished run is known as finished
in a second. The driver acts on it, `plan` and `status` show it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from genai.errors import InputError, IntegrityError, NotFound
from genai.identity import sha256
from jobs import layout, ledger, originals
from jobs.ledger import Manifest, Receipt
from jobs.pinned import Pinned, look, look_at_start
from jobs.pretrained import Pipeline
from jobs.pretrained import look as look_at_pipeline
from jobs.prompts import Texts, prompts_of
from jobs.publication import Publication, publications
from jobs.registration import Registration
from jobs.shards import Plan, make
from jobs.spec import JobSpec
from jobs.stores import Store, open_store

if TYPE_CHECKING:
    from genai.modalities import Modality
    from genai.prepared import Prepared
    from genai.sources import Source


@dataclass
class Survey:
    """The keys of the stages as far as they can be known, and what is complete. A key is known when all that is
    upstream of it is complete.
    """

    spec: JobSpec
    store: Store
    prepare_key: str  # "" where a checkpoint or a pipeline is given: nothing is prepared
    pinned: Pinned | Pipeline | None = None
    start: Pinned | None = None  # the checkpoint that the training begins with
    reading: JobSpec | None = None  # the same job, its rows as the prepare key knows them: of a table, one snapshot
    prepared: Prepared | None = None
    train_key: str | None = None
    metrics: dict[str, Any] | None = None  # of the checkpoint, `digest` among them
    prompts: Texts | None = None
    rows: originals.Reading | None = None  # how the rows to draw from are read; None: there are none, or not known yet
    source_key: str = ""  # of these, prepared
    source: Prepared | None = None
    plan: Plan | None = None
    dataset_key: str | None = None
    receipts: dict[str, Receipt] = field(default_factory=dict)
    manifest: Manifest | None = None

    @property
    def checkpoint(self) -> str | None:
        """Digest of the checkpoint."""
        return str(self.metrics["digest"]) if self.metrics else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of the samples; none where the model heeds no labels."""
        if self.pinned:
            return self.pinned.classes
        return self.prepared.classes if self.prepared and self.spec.model.family.conditional else ()

    @property
    def modality(self) -> Modality | None:
        """What a row is, as far as it is known."""
        known = self.pinned or self.prepared
        return known.modality if known else None

    @property
    def prompted(self) -> str | None:
        """Digest of the prompts that samples are drawn under."""
        return self.prompts.digest if self.prompts else None

    @property
    def drawn_from(self) -> str | None:
        """What the samples are drawn from: the digest of the rows, and that of a mask."""
        mask = self.rows.mask if self.rows else None
        return f"{self.source.digest}{sha256(mask) if mask else ''}" if self.source else None

    @property
    def training_rows(self) -> int | None:
        """Rows that the checkpoint is trained on; None where that is not known."""
        return self.prepared.splits["train"].rows if self.prepared else None

    @property
    def complete(self) -> bool:
        """Whether a sealed dataset holds all that the job asks for (it may hold more)."""
        return bool(self.manifest and self.plan and self.manifest.plan.count >= self.plan.count)

    @property
    def unpublished(self) -> list[Publication | Registration]:
        """Publications of the sealed dataset that are not whole. Raises InputError where something else is at the place
        of one, StoreError where one cannot be reached.
        """
        sealed = self.manifest
        if not sealed:
            return []
        asked = publications(self.spec, self.store, sealed.key)
        return [publication for publication in asked if publication.count() < sealed.plan.count]

    @property
    def finished(self) -> bool:
        """Whether all is done: the dataset is complete, and published wherever the job says."""
        return self.complete and not self.unpublished


def survey(spec: JobSpec, store: Store | None = None) -> Survey:
    """Look at what is there. Raises DataError where the source is not, InputError where a pinned checkpoint is not,
    StoreError where the store fails.
    """
    store = store or layout.job_store(spec)
    if spec.model.given:
        pinned = look(spec) if spec.model.checkpoint is not None else look_at_pipeline(spec, store)
        found = Survey(spec, store, "", pinned, train_key=pinned.key)
        look_at_checkpoint(found)
        return found
    reading = settled(spec)
    found = Survey(spec, store, layout.prepare_key(spec, fingerprint(reading)), reading=reading)
    look_at_prepared(found)
    return found


def settled(spec: JobSpec) -> JobSpec:
    """The job with each table that its catalogue knows as the snapshot that it has now, for all who read the rows.

    Raises as `jobs.tables.Table.check` does, and InputError where the catalogue has no such table.
    """
    from jobs.tables._iceberg_source import located

    data, test = spec.data, spec.data.test_source
    update = {"source": [located(uri) for uri in data.source], "test_source": test and located(test)}
    return spec.model_copy(update={"data": data.model_copy(update=update)})


def sources(spec: JobSpec) -> tuple[list[Source], list[Source]]:
    """The sources of the job, and those of its test rows; none where it pins a checkpoint."""
    from genai.sources import open_source

    if spec.model.given:
        return [], []
    data = settled(spec).data
    tests = [data.test_source] if data.test_source else []
    opened = [
        [open_source(uri, data.label, open_store, data.modality) for uri in uris] for uris in (data.source, tests)
    ]
    return opened[0], opened[1]


def fingerprint(spec: JobSpec) -> list[Any]:
    """What the sources list: changes when their rows may have."""
    return [[source.fingerprint() for source in group] for group in sources(spec)]


def look_at_prepared(found: Survey) -> None:
    """Fill in what follows from the prepared data, if it is complete."""
    from genai.prepared import Prepared

    try:
        found.prepared = Prepared.from_json(found.store.get(layout.prepared(found.prepare_key)))
    except (NotFound, IntegrityError, RecursionError):
        return
    found.start = look_at_start(found.spec)
    if found.start and found.start.modality.space != found.prepared.modality.space:
        rows, there = found.prepared.modality.space.shape, found.start.modality.space.shape
        raise InputError(f"train.init_from: found rows of {rows}, the checkpoint's are {there}; allowed: such rows")
    begun = found.start.metrics["digest"] if found.start else None
    found.train_key = layout.train_key(found.spec, found.prepared.digest, begun)
    look_at_checkpoint(found)


def look_at_checkpoint(found: Survey) -> None:
    """Fill in what follows from the checkpoint, if it is complete."""
    assert found.train_key
    found.prompts = found.prompts or prompts_of(found.spec, found.store)
    look_at_source(found)
    found.plan = _plan(found)
    try:
        metrics = json.loads(found.store.get(layout.checkpoint(found.train_key)))
        found.metrics = metrics if isinstance(metrics["digest"], str) else None
    except (NotFound, ValueError, KeyError, TypeError, RecursionError):
        return
    if not (found.checkpoint and found.plan):
        return
    found.dataset_key = dataset_key(found, found.checkpoint, found.plan)
    look_at_dataset(found)


def dataset_key(found: Survey, checkpoint: str, plan: Plan) -> str:
    """The key of a dataset that the job would have, drawn with a checkpoint by a plan."""
    return layout.generate_key(found.spec, checkpoint, plan.weights, found.prompted, found.drawn_from)


def look_at_source(found: Survey) -> None:
    """Fill in the rows that the job draws from, as far as they are known."""
    from genai.prepared import Prepared

    if found.source or not (found.spec.generate.mode and found.modality):
        return
    if found.rows is None:
        rows = originals.reading(found.spec, found.modality, found.classes)
        found.rows = rows._replace(spec=settled(rows.spec))
        found.source_key = originals.key(found.rows, fingerprint(found.rows.spec))
    with suppress(NotFound, IntegrityError, RecursionError):
        found.source = Prepared.from_json(found.store.get(layout.prepared(found.source_key)))


def _plan(found: Survey) -> Plan | None:
    """The plan; None where it hangs on rows that are not read yet."""
    generate = found.spec.generate
    count = generate.count if isinstance(generate.count, int) else generate.count.model_dump()
    train = found.prepared.splits["train"] if found.prepared else None
    prompts = len(found.prompts.texts) if found.prompts else 0
    classes, rows = found.classes, 0
    if generate.mode:
        if not found.source:
            return None
        rows = found.source.splits["train"].rows
        classes = classes if generate.mode.targets else ()  # else each has that of its row
    counts = (train.labels if classes else (train.rows,)) if train else (0,) * len(classes)
    plan = make(count, classes, counts, generate.labels, generate.part_rows, f".{generate.format}", prompts, rows)
    return replace(plan, sources=generate.mode.rows) if generate.mode else plan


def look_at_dataset(found: Survey) -> None:
    """Fill in which parts are there, and the manifest."""
    assert found.dataset_key and found.plan
    try:
        found.manifest = ledger.sealed(found.store, found.dataset_key)
    except IntegrityError:
        found.manifest = None
    if not found.complete:
        found.receipts = ledger.read(found.store, found.dataset_key, found.plan)
