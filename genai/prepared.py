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
from genai.identity import canonical, sha256
from genai.modalities import Modality
from genai.order import Batch, Load, chunk_rows
from genai.registry import describe, rebuild

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
        except (GenaiError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(
                f"the index of the prepared data cannot be read ({error}); prepare it again"
            ) from error
        if found.to_json() != data:
            raise IntegrityError("the index of the prepared data was changed after it was written; prepare it again")
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
            arrays, labels = record_batch(blocks[block].name, open_, batch, shape)
            found.append((arrays[skip : skip + len(rows)], labels[skip : skip + len(rows)]))
            rows = rows[len(found[-1][1]) :]
        return found

    def load_ranges(ranges: Sequence[range]) -> Batch:
        parts = [part for rows in ranges for part in fetch(rows)]
        return np.concatenate([a for a, _ in parts]), np.concatenate([c for _, c in parts])

    return load_ranges


def _parsed(found: dict[str, Any]) -> Prepared:
    if found["version"] != VERSION:
        raise ValueError(f"found version {found['version']}, this program reads {VERSION}")
    modality: Modality = rebuild(modalities, found["modality"], Modality)  # type: ignore[type-abstract]
    splits = {
        name: Split(
            rows=split["rows"],
            labels=tuple(split["labels"]),
            content=split["content"],
            blocks=tuple(Block(**block) for block in split["blocks"]),
        )
        for name, split in found["splits"].items()
    }
    return Prepared(modality, tuple(found["classes"]), splits, found["skipped"], tuple(found["examples"]))
