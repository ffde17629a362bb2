"""Prepared data as training reads it: the index, a `Prepared`, and its blocks (`genai.blocks`), a run for each split.

The digest of the index is over what the rows are, not over how they are filed: the same rows from another folder,
in another order, or cut into other files have the same digest, and so have blocks that a newer Arrow wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, BinaryIO

import numpy as np

from genai import modalities
from genai.blocks import Block, Split, block_rows, read_block, record_batch
from genai.errors import GenaiError, IntegrityError
from genai.fields import checked
from genai.identity import canonical, sha256
from genai.modalities import Modality
from genai.order import Batch, Load, chunk_rows
from genai.registry import describe

VERSION = 1
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Prepared:
    """The index of a prepared dataset. `skipped` rows could not be used; `examples` names the first of them."""

    modality: Modality
    classes: tuple[str, ...]
    splits: dict[str, Split]
    skipped: int = 0
    examples: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the content: modality, classes, and the rows of each split."""
        rows = {name: [split.rows, split.content] for name, split in self.splits.items()}
        modality = describe(modalities, self.modality)
        return sha256(canonical({"version": VERSION, "modality": modality, "classes": self.classes, "splits": rows}))

    def to_json(self) -> bytes:
        """As one canonical JSON text."""
        fields = asdict(self) | {"modality": describe(modalities, self.modality)}
        return canonical({"version": VERSION, "digest": self.digest, **fields})

    @classmethod
    def from_json(cls, data: bytes) -> Prepared:
        """The index that `to_json` wrote. Raises IntegrityError where it is another version's or was changed."""
        try:
            found = _parsed(json.loads(data))
            if found.to_json() != data:
                raise ValueError("it was changed after it was written")
            _check_sums(found)
        except _FOREIGN as error:
            why = str(error).split("\n")[0][:500]
            raise IntegrityError(f"the index of the prepared data cannot be read ({why}); prepare it again") from error
        return found


def load(prepared: Prepared, split: str, get: Callable[[str], bytes], rows: int | None = None) -> Batch:
    """A whole split, or its first `rows`, in memory: (arrays uint8 (rows, *array_shape), labels int64).

    `get` fetches a block by its name. Raises IntegrityError where a block is not what the index says.
    """
    shape = prepared.modality.array_shape
    arrays, labels = [np.empty((0, *shape), np.uint8)], [np.empty(0, np.int64)]
    wanted = prepared.splits[split].rows if rows is None else rows
    for block in prepared.splits[split].blocks:
        if wanted <= 0:
            break
        a, c = read_block(block, get(block.name), shape)
        _check_labels(prepared, block, c)
        arrays, labels = [*arrays, a[:wanted]], [*labels, c[:wanted]]
        wanted -= block.rows
    return np.concatenate(arrays), np.concatenate(labels)


def loader(prepared: Prepared, split: str, open_: Callable[[str], BinaryIO]) -> Load:
    """What `genai.order.Stream` loads from: only the record batches that hold the asked rows are fetched.

    Blocks are not hashed here, since they are not read whole; Arrow's own checks raise IntegrityError.
    """
    shape = prepared.modality.array_shape
    chunk, per_block = chunk_rows(prod(shape)), block_rows(shape)
    blocks = prepared.splits[split].blocks

    def fetch(rows: range) -> list[Batch]:
        found = []
        while rows:
            block, start = divmod(rows.start, per_block)
            batch, skip = divmod(start, chunk)
            arrays, labels = record_batch(blocks[block], open_, batch, shape)
            _check_labels(prepared, blocks[block], labels)
            found.append((arrays[skip : skip + len(rows)], labels[skip : skip + len(rows)]))
            rows = rows[len(found[-1][1]) :]
        return found

    def load_ranges(ranges: Sequence[range]) -> Batch:
        parts = [part for rows in ranges for part in fetch(rows)]
        return np.concatenate([a for a, _ in parts]), np.concatenate([c for _, c in parts])

    return load_ranges


_FOREIGN = (GenaiError, ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError, OverflowError)


def _parsed(found: dict[str, Any]) -> Prepared:
    if found["version"] != VERSION:
        raise ValueError(f"found version {str(found['version'])[:100]}, this program reads {VERSION}")
    splits = {name: _split(split) for name, split in found["splits"].items()}
    facts = {name: tuple(found[name]) for name in ("classes", "examples")} | {"skipped": found["skipped"]}
    return Prepared(modalities.stored(found["modality"]), splits=splits, **checked(Prepared, facts))


def _split(found: dict[str, Any]) -> Split:
    blocks = tuple(Block(**checked(Block, block)) for block in found["blocks"])
    facts = {"rows": found["rows"], "labels": tuple(found["labels"]), "content": found["content"]}
    return Split(blocks=blocks, **checked(Split, facts))


def _check_sums(found: Prepared) -> None:
    """What the readers of blocks rely on. Raises ValueError."""
    if set(found.splits) != set(SPLITS):
        raise ValueError(f"found the splits {', '.join(found.splits)[:100]}; allowed: {', '.join(SPLITS)}")
    full = block_rows(found.modality.array_shape)
    for name, split in found.splits.items():
        starts = range(0, split.rows, full)
        if len(split.blocks) != len(starts) or split.rows < 0:
            raise ValueError(f"{name} has {len(split.blocks)} blocks for {split.rows:,} rows")
        if any(block.rows != min(full, split.rows - at) for block, at in zip(split.blocks, starts, strict=True)):
            raise ValueError(f"the blocks of {name} do not hold its {split.rows:,} rows")
        if any(block.name != f"{name}-{number:05}.arrow" for number, block in enumerate(split.blocks)):
            raise ValueError(f"a block of {name} has the name of another")
        if len(split.labels) != len(found.classes) or min(split.labels, default=0) < 0:
            raise ValueError(f"{name} counts {len(split.labels)} classes, there are {len(found.classes)}")


def _check_labels(found: Prepared, block: Block, labels: np.ndarray) -> None:
    split = found.splits[block.name.rpartition("-")[0]]
    least = -1 if found.classes and sum(split.labels) < split.rows else 0  # some rows have none
    if len(labels) and not least <= labels.min() <= labels.max() < max(1, len(found.classes)):
        raise IntegrityError(f"{block.name}: a label is no class of the index; prepare the data again")
