"""Rows to draw from, `generate.source`: what a mode (`genai.modes`) makes samples of.

They are prepared as training rows are, by the same workers into the same blocks, but keep the source's order, so that
the number of a row in the source is what a sample says it was drawn from. The classes are those of the checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from genai.errors import InputError
from genai.identity import key_of
from jobs import layout
from jobs.parts import Data, Model
from jobs.spec import JobSpec

if TYPE_CHECKING:
    from genai.editing import Editing
    from genai.modalities import Modality
    from genai.prepared import Prepared
    from jobs.stores import Store
    from jobs.survey import Survey


class Reading(NamedTuple):
    """How the rows are read: as the training rows of a job, and of these classes."""

    spec: JobSpec
    classes: tuple[str, ...]


def reading(spec: JobSpec, modality: Modality, classes: tuple[str, ...]) -> Reading | None:
    """How a job's rows to draw from are read, for samples of that modality and these classes; None where it draws from
    none. Raises InputError where its mode can do nothing with such samples.
    """
    said, mode = spec.generate.source, spec.generate.mode
    if said is None or mode is None:
        return None
    try:
        rows = mode.reads(modality.bare)
    except InputError as error:
        raise InputError(f"generate.mode: {error}") from error
    if classes and said.label is None:
        allowed = "the column of the rows' classes, since the checkpoint has classes"
        raise InputError(f"generate.source.label: found null; allowed: {allowed}")
    if mode.targets and not classes:
        raise InputError("generate.mode: found a mode that changes classes for a checkpoint without; allowed: another")
    label = said.label if classes else None
    data = Data.model_validate({"source": said.rows, "label": label, "split": ALL}).model_copy(
        update={"modality": rows}
    )
    plain = {"model": Model.model_validate({}), "data": data}
    return Reading(spec.model_copy(update=plain), classes)


ALL = {"train": 1.0, "validation": 0.0, "test": 0.0}


def key(rows: Reading, fingerprint: list[Any]) -> str:
    """The key of the prepared rows; `fingerprint` is what their source lists."""
    from genai import modalities
    from genai.registry import describe

    data = rows.spec.data
    return key_of(
        "prepare", layout.VERSIONS["prepare"], order="source", classes=rows.classes, label=data.label,
        rows=describe(modalities, data.modality), fingerprint=fingerprint,
    )  # fmt: skip


def editing_of(spec: JobSpec, store: Store, prepared_key: str, turns: int) -> Editing:
    """What a generator draws from. Raises NotFound, and IntegrityError where the rows are damaged."""
    from genai.editing import Editing
    from genai.prepared import Prepared

    assert spec.generate.mode, "who draws from rows has a mode"
    index: Prepared = Prepared.from_json(store.get(layout.prepared(prepared_key)))
    return Editing(spec.generate.mode, index, layout.blocks(store, prepared_key).open, turns)


def editing_for(found: Survey) -> Editing:
    """What the samples of a job are drawn from. Raises InputError where it has not been read."""
    if not (found.source and found.plan):
        raise InputError(f"{found.spec.name}: its source is not read yet; run the job first (genai run reads it)")
    return editing_of(found.spec, found.store, found.source_key, found.plan.turns)
