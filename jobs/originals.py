"""Rows to draw from, `generate.source`: what a mode (`genai.modes`) makes samples of.

They are prepared as training rows are, by the same workers into the same blocks, but keep the source's order, so that
the number of a row in the source is what a sample says it was drawn from. The classes are those of the checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from genai.errors import DataError, InputError, NotFound
from genai.identity import key_of, sha256
from jobs import layout
from jobs.parts import Data, Model
from jobs.spec import JobSpec
from jobs.stores import open_store

if TYPE_CHECKING:
    import numpy as np

    from genai.editing import Editing
    from genai.modalities import Modality
    from genai.prepared import Prepared
    from jobs.stores import Store
    from jobs.survey import Survey


MASK = "mask.png"  # beside the index


class Reading(NamedTuple):
    """How the rows are read: as the training rows of a job, and of these classes; and the mask that the job gives."""

    spec: JobSpec
    classes: tuple[str, ...]
    mask: bytes | None = None


def reading(spec: JobSpec, modality: Modality, classes: tuple[str, ...]) -> Reading:
    """How the rows of a job that draws from some are read, for samples of that modality and these classes. Raises
    InputError where its mode can do nothing with such samples.
    """
    said, mode = spec.generate.source, spec.generate.mode
    assert said, "the spec checks it"
    assert mode, "the spec checks it"
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
    mask = None if said.mask is None else _mask(said.mask, modality.bare.shape[1:])
    return Reading(spec.model_copy(update=plain), classes, mask)


def _mask(uri: str, size: tuple[int, ...]) -> bytes:
    """The file of a mask. Raises InputError where there is none of that size."""
    from genai.sources import split

    root, name = split(uri, is_file=True)
    try:
        data = open_store(root).get(name)
        found = _hole(data)
    except NotFound as error:
        raise InputError(f"generate.source.mask: {error}; allowed: a picture") from error
    except DataError as error:
        raise InputError(f"generate.source.mask: {uri}: {error}") from error
    if found.shape != size or not found.any():
        shape = " x ".join(map(str, found.shape)) if found.shape != size else "no white pixel"
        raise InputError(
            f"generate.source.mask: {uri}: found {shape}; allowed: {size[0]} x {size[1]} (height x width), as the "
            "samples, white where they are to be made anew"
        )
    return data


def _hole(data: bytes) -> np.ndarray:
    """Where a picture is white, (height, width) bool. Raises DataError where it is none."""
    from genai.modalities._pixels import natural_pixels

    return natural_pixels(data).mean(2) > 255 / 2


ALL = {"train": 1.0, "validation": 0.0, "test": 0.0}


def key(rows: Reading, fingerprint: list[Any]) -> str:
    """The key of the prepared rows; `fingerprint` is what their source lists."""
    from genai import modalities
    from genai.registry import describe

    data = rows.spec.data
    return key_of(
        "prepare", layout.VERSIONS["prepare"], order="source", classes=rows.classes, label=data.label,
        rows=describe(modalities, data.modality), fingerprint=fingerprint,
        **({} if rows.mask is None else {"mask": sha256(rows.mask)}),
    )  # fmt: skip


def editing_of(spec: JobSpec, store: Store, prepared_key: str, turns: int) -> Editing:
    """What a generator draws from. Raises NotFound, and IntegrityError where the rows are damaged."""
    from genai.editing import Editing
    from genai.prepared import Prepared

    assert spec.generate.mode, "who draws from rows has a mode"
    index: Prepared = Prepared.from_json(store.get(layout.prepared(prepared_key)))
    mask = _hole(store.get(layout.prepared(prepared_key, MASK))) if spec.generate.mode.masked else None
    return Editing(spec.generate.mode, index, layout.blocks(store, prepared_key).open, turns, mask)


def editing_for(found: Survey) -> Editing:
    """What the samples of a job are drawn from. Raises InputError where it has not been read."""
    if not (found.source and found.plan):
        raise InputError(f"{found.spec.name}: its source is not read yet; run the job first (genai run reads it)")
    return editing_of(found.spec, found.store, found.source_key, found.plan.turns)
