"""The driver: the stages of a job, one after the other, each done once.

    survey -> prepare -> train -> mint (`jobs.loop`) -> manifest -> publish

It runs in a test without a cluster. Each stage is done under a lease of its key: another run that needs the same waits
for it, and then finds it done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import genai
from genai import filters
from genai.errors import GenaiError, Incomplete, InputError
from genai.identity import canonical
from genai.order import Order
from genai.prepared import Prepared
from jobs import layout, ledger
from jobs.backlog import Clock
from jobs.crew import Crew, ExportTask, GenerateTask, Note, PrepareTask, TrainTask
from jobs.events import EventLog
from jobs.lease import Holder, Leases
from jobs.ledger import Manifest
from jobs.loop import Work, work_off
from jobs.originals import MASK
from jobs.publication import Publication, check_places
from jobs.registration import Registration, check_table
from jobs.stores import Store
from jobs.survey import Survey, look_at_checkpoint, look_at_dataset, look_at_prepared
from jobs.tables import Table


def drive(
    found: Survey, crew: Crew, events: EventLog, *, leases: Leases | None = None, clock: Clock = time
) -> Manifest:
    """Do all that is missing of a job, and seal its dataset.

    Raises Incomplete where shards stay undone after their last try, LeaseHeld where another run has taken this one for
    dead, and what the crew raises where a stage cannot be done at all. Everything finished is in the store; the same
    call goes on from there.
    """
    held = leases or Leases(found.store, "", on=False)
    check_places(found.spec)
    _check_filters(found)
    _prepare(found, crew, events, held)
    _check_asked(found)
    _read_source(found, crew, events, held)
    _train(found, crew, events, held)
    manifest = _mint(found, crew, events, held, clock)
    for publication in found.unpublished:
        _wait(publication.key, held, events)
        if publication.count() < manifest.plan.count:
            _publish(found, publication, crew, events, held, clock)
        held.release(publication.key)
    return manifest


def _check_filters(found: Survey) -> None:
    """Raises InputError where a filter cannot judge these samples, or lacks a library: before all that takes long."""
    for each in () if found.complete else found.spec.generate.filters:
        each.versions()
        if found.modality:
            each.fits(found.modality)


def _check_asked(found: Survey) -> None:
    """What can be known to fail is told before the training."""
    assert found.modality
    mode = found.spec.generate.mode
    try:
        found.modality.check_prompts(found.prompts.texts if found.prompts else ())
    except InputError as error:
        raise InputError(f"generate.prompts: {error}") from error
    for entry in found.spec.publish:
        if isinstance(entry, Table):
            check_table(entry, found.modality, found.classes, mode.rows if mode else 0)


def _mint(found: Survey, crew: Crew, events: EventLog, held: Leases, clock: Clock) -> Manifest:
    assert found.dataset_key and found.plan
    if not found.complete:
        _wait(found.dataset_key, held, events)
        look_at_dataset(found)
    if found.complete:
        assert found.manifest
        events.note("stage_reused", stage="generate", key=found.dataset_key)
        return found.manifest
    key = found.dataset_key
    assert found.checkpoint and found.train_key
    if found.prompts:
        found.prompts.keep(found.store)
    source = found.source_key or None
    task = GenerateTask(found.spec, key, found.train_key, found.checkpoint, found.plan, found.prompted, source)
    work = Work(task, found.receipts, lambda shard: ledger.find(found.store, key, shard))
    with _stage(events, "generate", key, parts=len(found.plan), done=len(found.receipts)):
        work_off(work, crew, events, clock, held.check)
    manifest = manifest_of(found)
    ledger.seal(found.store, manifest)
    found.manifest = manifest
    return manifest


def _publish(
    found: Survey,
    publication: Publication | Registration,
    crew: Crew,
    events: EventLog,
    held: Leases,
    clock: Clock,
) -> None:
    """Make one publication of the sealed parts."""
    assert found.manifest and found.modality
    plan, stage, key, place = found.manifest.plan, publication.stage, publication.key, publication.place
    if isinstance(publication, Registration):
        note = _checked(events, held)
        with _stage(events, stage, key, place=place):
            publication.add(found.manifest, lambda rows, of: note("rows_added", stage=stage, rows=rows, of=of))
        return
    publication.begin()
    task = ExportTask(found.spec, found.manifest.key, publication, found.modality, plan)
    work = Work(task, publication.receipts(plan), publication.receipt)
    with _stage(events, stage, key, parts=len(plan), done=len(work.receipts), place=place):
        work_off(work, crew, events, clock, held.check)
        publication.end(found.manifest, found.modality)


def run(
    found: Survey,
    crew: Crew,
    events: EventLog,
    publish_page: Callable[[], str] = lambda: "",
    leases: Leases | None = None,
) -> Manifest:
    """`drive`, then the page; the run's end is told in its events and written as its result."""
    began = time.time()
    try:
        manifest = drive(found, crew, events, leases=leases)
        page = publish_page()
    except Exception as error:
        kind = "run_incomplete" if isinstance(error, Incomplete) else "run_failed"
        known = error if isinstance(error, GenaiError) else GenaiError(f"{type(error).__name__}: {error}")
        text = str(known).encode(errors="replace").decode()  # it may name a file whose name is no text
        told = {"error": text, "exit_code": known.exit_code}
        events.note(kind, **told)
        _result(found, state=kind.removeprefix("run_"), began=began, ended=time.time(), **told)
        raise
    told = {
        "dataset": manifest.key, "path": layout.dataset_place(found.store, manifest.key), "page": page,
        "digest": manifest.digest, "checkpoint": manifest.checkpoint, "rows": manifest.rows, "bytes": manifest.bytes,
    }  # fmt: skip
    ended = time.time()
    _result(found, state="done", exit_code=0, began=began, ended=ended, **told)
    events.note("run_done", **told, seconds=round(ended - began, 3))
    return manifest


def _result(found: Survey, **result: Any) -> None:
    if found.spec.logical_date:
        result["logical_date"] = found.spec.logical_date
    found.store.put(layout.run(layout.run_id(found.spec), "result.json"), canonical(result))


def manifest_of(found: Survey) -> Manifest:
    """The manifest of a dataset all of whose shards have receipts."""
    assert found.plan and found.dataset_key and found.checkpoint
    judges = filters.versions(found.spec.generate.filters)
    versions = {"genai": genai.__version__, **(found.metrics or {}).get("versions", {}), **judges}
    return Manifest(
        found.dataset_key, found.spec.name, found.plan, found.classes, found.checkpoint, found.spec.sampling_seed,
        tuple(found.receipts[shard.name] for shard in found.plan), versions,
    )  # fmt: skip


def _prepare(found: Survey, crew: Crew, events: EventLog, leases: Leases) -> None:
    """Prepare the rows to train on."""

    def look() -> Prepared | None:
        look_at_prepared(found)
        return found.prepared

    if not found.pinned:
        task = PrepareTask(found.reading or found.spec, found.prepare_key)
        _read(found.store, "prepare", task, found.prepared, look, crew, events, leases)


def _read_source(found: Survey, crew: Crew, events: EventLog, leases: Leases) -> None:
    """Prepare the rows to draw from."""

    def look() -> Prepared | None:
        look_at_checkpoint(found)
        return found.source

    rows = found.rows
    if rows is not None:
        if rows.mask is not None and not found.source:  # known by its content, as the key is: whoever puts it
            found.store.put(layout.prepared(found.source_key, MASK), rows.mask)
        task = PrepareTask(rows.spec, found.source_key, rows.classes)
        _read(found.store, "source", task, found.source, look, crew, events, leases)


def _read(
    store: Store,
    stage: str,
    task: PrepareTask,
    known: Prepared | None,
    look: Callable[[], Prepared | None],
    crew: Crew,
    events: EventLog,
    leases: Leases,
) -> None:
    """Prepare rows, unless they are; `look` tells of them, and fills in what follows."""
    if not known:
        _wait(task.key, leases, events)
        known = look()
    if known:
        events.note("stage_reused", stage=stage, key=task.key)
    else:
        with _stage(events, stage, task.key, source=task.spec.data.source):
            prepared = crew.prepare(task, _checked(events, leases))
            store.put(layout.prepared(task.key), prepared.to_json())
            look()
    leases.release(task.key)


def _train(found: Survey, crew: Crew, events: EventLog, leases: Leases) -> None:
    assert found.train_key
    if found.pinned:
        found.pinned.keep(found.store)
    if not found.metrics:
        _wait(found.train_key, leases, events)
        look_at_checkpoint(found)
    if found.metrics:
        leases.release(found.train_key)
        events.note("stage_reused", stage="train", key=found.train_key)
        return
    if found.pinned:
        with _stage(events, "train", found.train_key, checkpoint=found.pinned.place):
            found.pinned.copy(found.store)
            look_at_checkpoint(found)
        leases.release(found.train_key)
        return
    assert found.prepared
    recipe, rows = found.spec.train.recipe, found.prepared.splits["train"].rows
    Order(rows, recipe.batch, recipe.micro_batches, recipe.seed)  # refuses fewer rows than a batch
    steps = recipe.total_steps(rows)
    about = {"start": found.start.place} if found.start else {}
    with _stage(events, "train", found.train_key, steps=steps, **about), _steps_told(events, leases) as note:
        if found.start:
            found.start.copy(found.store)
        start = found.start.key if found.start else None
        crew.train(TrainTask(found.spec, found.train_key, found.prepare_key, start), note)
        look_at_checkpoint(found)
    leases.release(found.train_key)
    assert found.metrics, "a crew's train() leaves metrics.json in the store"


def _wait(key: str, leases: Leases, events: EventLog) -> None:
    """Hold the lease of a stage; another run that does it is waited for."""
    said: set[str] = set()

    def wait(holder: Holder) -> None:
        leases.check()
        if str(holder) not in said:
            said.add(str(holder))
            events.note("waiting", seconds=0.0, on=f"{holder}, which makes {key}, too")

    leases.take(key, wait)


def _checked(events: EventLog, leases: Leases) -> Note:
    """Tells what a long stage tells, as long as nobody has taken this run for dead."""

    def note(kind: str, **fields: Any) -> None:
        leases.check()
        events.note(kind, **fields)

    return note


@contextmanager
def _steps_told(events: EventLog, leases: Leases) -> Iterator[Note]:
    """`_checked`, and where training is interrupted, how far it was and what of that is saved."""
    note, at, saved = _checked(events, leases), 0, 0

    def told(kind: str, **fields: Any) -> None:
        nonlocal at, saved
        note(kind, **fields)
        if kind == "train_step":
            at = fields["step"]
        elif kind in ("state_saved", "train_started"):
            saved = fields["step"]

    try:
        yield told
    except KeyboardInterrupt:
        events.note("steps_dropped", step=at, saved=saved)
        raise


@contextmanager
def _stage(events: EventLog, stage: str, key: str, **about: Any) -> Iterator[None]:
    events.note("stage_started", stage=stage, key=key, **about)
    began = time.monotonic()
    yield
    events.note("stage_done", stage=stage, key=key, seconds=round(time.monotonic() - began, 3))
