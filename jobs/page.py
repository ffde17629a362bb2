"""What a run's page shows, gathered from the store: `report.html` for people, `report.json` for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from genai import formats
from genai.formats import Samples
from genai.look import Look
from genai.modalities import Modality
from genai.prepared import Prepared, load
from jobs import layout
from jobs.card import READ
from jobs.events import Event, read
from jobs.facts import FILES
from jobs.ledger import Manifest
from jobs.originals import editing_for
from jobs.report import (
    ClassCount,
    Counts,
    Curve,
    Exhibit,
    Files,
    Grid,
    GridRow,
    Line,
    Page,
    Quarantined,
    Stage,
    reading,
    render,
)
from jobs.stores import Store
from jobs.survey import Survey

if TYPE_CHECKING:
    from genai.editing import Editing

SYNTHETIC, REAL, EDITED = 16, 4, 8  # pictures of a class
PARTS, REAL_ROWS = 4, 4096  # that are looked into for pictures
PROMPTS = 20  # that have a row of their own


def write(found: Survey, command: str) -> str:
    """Write the page of a sealed dataset beside it; its place."""
    assert found.manifest
    key = found.manifest.key
    page = gather(found, command)
    found.store.put(layout.dataset(key, "report.json"), json.dumps(summary(found), indent=1).encode())
    found.store.put(layout.dataset(key, "report.html"), render(page).encode())
    return found.store.locate(layout.dataset(key, "report.html"))


def gather(found: Survey, command: str) -> Page:
    """The page of a sealed dataset. Raises StoreError and IntegrityError where its parts cannot be read."""
    manifest, spec = found.manifest, found.spec
    assert manifest
    events = list(read(found.store, layout.run_id(spec)))
    data = found.store.locate(layout.dataset(manifest.key, "data"))
    rows = _looked_at(found)
    return Page(
        title=f"{manifest.rows:,} samples of {spec.name}",
        job=spec.name,
        command=command,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        sentence=_sentence(found),
        counts=_counts(manifest, found.prepared),
        grids=(_grid(rows),),
        figures=tuple(_figures(rows)),
        curves=_curves((found.metrics or {}).get("history", [])),
        stages=tuple(_stages(events, manifest, found.prepared)),
        identities=identities(found),
        versions=manifest.versions,
        files=Files(data, len(manifest.parts), manifest.bytes, reading(data, *_files_of(rows.modality))),
        quarantined=tuple(
            Quarantined(str(e.fields.get("shard")), str(e.fields.get("error")))
            for e in events
            if e.kind == "shard_quarantined"
        ),
        notes=tuple(_notes(found)),
    )


_GRID_NOTE = "The first samples of each class in the dataset, none chosen."
_EDITED_NOTE = f"{_GRID_NOTE} The real ones are the rows that they were drawn from, in the same order."


def identities(found: Survey) -> dict[str, str]:
    """What the run, its dataset and all it was made from are called."""
    manifest, prepared = found.manifest, found.prepared
    assert manifest
    named = {
        "run": layout.run_id(found.spec),
        "dataset": manifest.key,
        "dataset digest": manifest.digest,
        "checkpoint": found.train_key or "",
        "checkpoint digest": manifest.checkpoint,
        "prepared data": found.prepare_key,
        "prepared digest": prepared.digest if prepared else "",
        "taken from": found.pinned.place if found.pinned else "",
        "logical date": found.spec.logical_date or "",
        "spec digest": found.spec.digest,
        "seed": str(manifest.seed),
    }
    return {name: text for name, text in named.items() if text}


def summary(found: Survey) -> dict[str, Any]:
    """The page's figures, for programs."""
    assert found.manifest
    prepared = found.prepared
    return {
        "job": found.spec.name,
        "identities": identities(found),
        "rows": found.manifest.rows,
        "bytes": found.manifest.bytes,
        "parts": len(found.manifest.parts),
        "drawn": found.manifest.drawn,
        "rejected": found.manifest.rejected,
        "classes": list(found.manifest.classes),
        "measures": (found.metrics or {}).get("measures", {}),
        "history": (found.metrics or {}).get("history", []),
        "data": {name: split.rows for name, split in prepared.splits.items()} if prepared else {},
        "skipped": prepared.skipped if prepared else 0,
        "versions": found.manifest.versions,
    }


def _sentence(found: Survey) -> str:
    assert found.manifest
    family = found.spec.model.model_dump(mode="json")["family"]
    trained = f" trained on {found.training_rows:,} rows" if found.training_rows else ""
    parts = len(found.manifest.parts)
    return f"A {family} model{trained} made {found.manifest.rows:,} samples in {parts:,} part{'s' * (parts != 1)}."


def _counts(manifest: Manifest, prepared: Prepared | None) -> Counts:
    planned = manifest.plan.label_counts()
    published = [sum(column) for column in zip(*(part.labels for part in manifest.parts), strict=True)]
    real = prepared.splits["train"].labels if prepared else ()
    classes = tuple(
        ClassCount(name, (planned or published)[i], published[i], real[i] if i < len(real) else None)
        for i, name in enumerate(manifest.classes)
    )
    return Counts(manifest.plan.count, manifest.rows, manifest.rejected, classes=classes, drawn=manifest.drawn)


@dataclass(frozen=True)
class _LookedAt:
    """The first samples of a dataset, and of the rows that its model was trained on."""

    modality: Modality
    classes: tuple[str, ...]
    synthetic: Samples
    real: np.ndarray
    real_labels: np.ndarray
    editing: Editing | None = None  # what they were drawn from


def _looked_at(found: Survey) -> _LookedAt:
    manifest, modality = found.manifest, found.modality
    assert manifest
    assert modality
    samples = _first_samples(found.store, manifest, modality)
    arrays, labels = samples.arrays[:0], np.empty(0, np.int64)
    if found.prepared:
        arrays, labels = load(found.prepared, "train", layout.blocks(found.store, found.prepare_key).get, REAL_ROWS)
    editing = editing_for(found) if manifest.plan.sources else None
    return _LookedAt(modality, manifest.classes, samples, arrays, labels, editing)


def _grid(found: _LookedAt) -> Grid:
    note = _EDITED_NOTE if found.editing else _GRID_NOTE
    return Grid("Synthetic samples, and real ones", tuple(_rows(found)), note)


def _rows(found: _LookedAt) -> Iterator[GridRow]:
    """A row for each class, or for each of the first prompts, or one for all where there are none."""
    if found.modality.captions:
        yield from _under_prompts(found)
        return
    samples, labels, classes = found.synthetic, found.real_labels, found.classes
    for number, name in enumerate(classes or ("",)):
        wanted = np.flatnonzero(samples.labels == number) if classes else np.arange(len(samples))
        wanted = wanted[: SYNTHETIC if classes else SYNTHETIC * 4]
        if found.editing:
            for at in range(0, min(EDITED, len(wanted)), REAL):
                yield GridRow("" if at else name, *_beside(found, found.editing, wanted[at : at + REAL]))
            continue
        real = np.flatnonzero(labels == number)[:REAL] if classes else np.arange(min(len(labels), REAL * 4))
        looks = found.modality.looks(samples.arrays[wanted])
        synthetic = [Exhibit(look, int(samples.indices[i])) for look, i in zip(looks, wanted, strict=True)]
        yield GridRow(name, tuple(synthetic), tuple(map(Exhibit, found.modality.looks(found.real[real]))))


def _beside(found: _LookedAt, editing: Editing, wanted: np.ndarray) -> tuple[tuple[Exhibit, ...], tuple[Exhibit, ...]]:
    """Samples, and the rows that each was drawn from."""
    assert found.synthetic.sources is not None
    looks = found.modality.looks(found.synthetic.arrays[wanted])
    rows = editing.fetched(found.synthetic.sources[wanted].reshape(-1))[0]
    made = zip(looks, found.synthetic.indices[wanted].tolist(), strict=True)
    return tuple(Exhibit(*each) for each in made), tuple(map(Exhibit, editing.source.modality.looks(rows)))


def _under_prompts(found: _LookedAt) -> Iterator[GridRow]:
    """A row for each of the first prompts, beside what has it as its caption among the rows that were learned from."""
    modality, synthetic, real = found.modality, found.synthetic, found.real
    drawn, learned = (np.array(modality.prompts(arrays), object) for arrays in (synthetic.arrays, real))
    for prompt in list(dict.fromkeys(drawn))[:PROMPTS]:
        rows, beside = np.flatnonzero(drawn == prompt)[:SYNTHETIC], np.flatnonzero(learned == prompt)[:REAL]
        looks = zip(modality.looks(synthetic.arrays[rows]), synthetic.indices[rows].tolist(), strict=True)
        yield GridRow(
            prompt, tuple(Exhibit(*each) for each in looks), tuple(map(Exhibit, modality.looks(real[beside])))
        )


def _files_of(modality: Modality) -> tuple[str, str]:
    """The published column whose cells are files, and what Hugging Face datasets makes of them."""
    kinds = {name: str(feature["_type"]) for name, feature in modality.features.items()}
    return next(((name, READ.get(modality.noun, "a file")) for name, kind in kinds.items() if kind in FILES), ("", ""))


def _figures(found: _LookedAt) -> Iterator[Exhibit]:
    for figure in found.modality.figures(found.real, found.synthetic.arrays):
        yield Exhibit(Look(png=figure.png, words=figure.title))


def _first_samples(store: Store, manifest: Manifest, modality: Modality) -> Samples:
    format_ = formats.of(manifest.plan.suffix)
    parts = [
        format_.decode(store.get(layout.part(manifest.key, part.name)), modality) for part in manifest.parts[:PARTS]
    ]
    return Samples(
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.labels for part in parts if part.labels is not None]) if manifest.classes else None,
        np.concatenate([part.arrays for part in parts]),
        np.concatenate([part.sources for part in parts if part.sources is not None]) if manifest.plan.sources else None,
    )


def _curves(history: Iterable[dict[str, Any]]) -> tuple[Curve, ...]:
    entries = list(history)
    loss = tuple((float(e["step"]), float(e["loss"])) for e in entries if "lr" in e)
    held = [e for e in entries if "lr" not in e]
    names = [name for name in held[0] if name != "step"] if held else []
    curves = [Curve("Training loss", (Line("loss", loss),))] if loss else []
    if names:
        lines = tuple(Line(name, tuple((float(e["step"]), float(e[name])) for e in held)) for name in names)
        curves.append(Curve("Held-out rows", lines))
    return tuple(curves)


def _stages(events: Iterable[Event], manifest: Manifest, prepared: Prepared | None) -> Iterator[Stage]:
    """Stages of the newest try; one that was reused keeps the time that it took when it was done."""
    rows = {"generate": manifest.rows}
    rows |= {"prepare": sum(split.rows for split in prepared.splits.values())} if prepared else {}
    took: dict[str, Stage] = {}
    for event in events:
        name, seconds = str(event.fields.get("stage", "")), event.fields.get("seconds")
        if event.kind == "stage_done" and isinstance(seconds, int | float):
            took[name] = Stage(name, float(seconds), rows.get(name, 0))
        elif event.kind == "stage_reused" and name not in took:
            took[name] = Stage(name, 0.0, 0, reused=True)
    yield from took.values()


def _notes(found: Survey) -> Iterator[str]:
    if found.pinned:
        yield f"The checkpoint was taken from {found.pinned.place}; nothing was trained."
    if found.prepared:
        splits = ", ".join(f"{split.rows:,} {name}" for name, split in found.prepared.splits.items() if split.rows)
        yield f"Rows of the data: {splits}."
    if found.prepared and found.prepared.skipped:
        first = found.prepared.examples[0]
        yield f"{found.prepared.skipped:,} rows could not be read and were left out; the first: {first}"
    for name, value in ((found.metrics or {}).get("measures") or {}).items():
        yield f"Test rows, {name}: {value:.4g}"
