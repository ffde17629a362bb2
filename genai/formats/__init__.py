"""Formats: samples as the bytes of one published part, and back, one file each.

A format is a frozen dataclass; its fields can change the bytes of a part, so they belong to the dataset's key.
Its `encode` is a pure function: no clock, no machine, no order of arrival is in the bytes. A part is therefore known
by two digests: that of its bytes, and `content_digest`, which outlives another format or another zlib release.
Free of torch at import.
"""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from genai.errors import InputError
from genai.identity import canonical
from genai.modalities import Modality
from genai.registry import find


@dataclass(frozen=True)
class About:
    """What is the same in all parts of a dataset, and is said in each."""

    modality: Modality  # resolved
    checkpoint: str  # digest of the model that drew the samples
    seed: int
    key: str  # of the dataset
    generator: str  # program and version, such as "genai-jobs 0.1.0"
    classes: tuple[str, ...] = ()  # names of the labels; empty: unlabelled
    extra: Mapping[str, str] = field(default_factory=dict)  # further facts for the part's metadata


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of a part: samples by index, in any order, no index twice."""

    indices: np.ndarray  # (rows,) int64
    labels: np.ndarray | None  # (rows,) int64; None: unlabelled
    arrays: np.ndarray  # (rows, *array_shape) uint8
    sources: np.ndarray | None = None  # (rows, n) int64: the source rows that each was drawn from; None: from none

    def __post_init__(self) -> None:
        rows = (len(self.arrays),)
        assert self.arrays.dtype == np.uint8, f"arrays are {self.arrays.dtype}, not uint8"
        for name, column in (("indices", self.indices), ("labels", self.labels)):
            if column is not None:
                assert column.dtype == np.int64, f"{name} are {column.dtype}, not int64"
                assert column.shape == rows, f"{name} have the shape {column.shape}, arrays have {rows[0]} rows"
        if self.sources is not None:
            assert self.sources.dtype == np.int64, f"sources are {self.sources.dtype}, not int64"
            assert self.sources.shape[:-1] == rows, f"sources have the shape {self.sources.shape}, for {rows[0]} rows"
        assert len(np.unique(self.indices)) == len(self.indices), "an index stands twice"

    @classmethod
    def none(cls, shape: tuple[int, ...], *, labelled: bool, sources: int = 0) -> Samples:
        """No rows, of arrays of a shape, drawn from so many source rows each."""
        numbers = np.empty(0, np.int64)
        rows = numbers.reshape(0, sources) if sources else None
        return cls(numbers, numbers if labelled else None, np.empty((0, *shape), np.uint8), rows)

    def __len__(self) -> int:
        return len(self.indices)

    def by_index(self) -> Samples:
        """The same rows, sorted by index."""
        if (self.indices[1:] > self.indices[:-1]).all():
            return self
        return self.rows(np.argsort(self.indices))

    def rows(self, which: np.ndarray | slice) -> Samples:
        """Some of the rows: by a mask, or by their places."""
        labels, sources = (None if column is None else column[which] for column in (self.labels, self.sources))
        return Samples(self.indices[which], labels, self.arrays[which], sources)


class Format(ABC):
    """How a part is written."""

    #: of a part's file name
    suffix: ClassVar[str]

    @abstractmethod
    def encode(self, samples: Samples, about: About) -> bytes:
        """A whole part, rows sorted by index; equal arguments give equal bytes, in any process."""

    @abstractmethod
    def decode(self, data: bytes, modality: Modality | None = None) -> Samples:
        """What a part holds, from its bytes alone; the modality is needed only where it is a user's own class, because
        no code is imported on the word of a file. Raises IntegrityError where `data` is no such part.
        """


def content_digest(samples: Samples) -> str:
    """Hexadecimal SHA-256 over (index, label, source rows, decoded pixels) in order of index: the same whatever format,
    encoder or compressor made the bytes, and whatever order the rows came in.
    """
    rows = samples.by_index()
    said: dict[str, Any] = {"arrays": list(rows.arrays.shape), "labelled": rows.labels is not None}
    said |= {} if rows.sources is None else {"sources": rows.sources.shape[1]}
    digest = hashlib.sha256(canonical(said))
    for column in (rows.indices, rows.labels, rows.sources):
        if column is not None:
            digest.update(np.ascontiguousarray(column, "<i8").data)
    digest.update(np.ascontiguousarray(rows.arrays).data)
    return digest.hexdigest()


def of(suffix: str) -> Format:
    """The format whose parts end with `suffix`: a dot and the name of its module. Raises InputError where there is
    none; what a manifest says imports nothing.
    """
    name = suffix.removeprefix(".")
    if ":" in name:
        raise InputError(f"found parts that end with {suffix[:100]!r}; allowed: a dot and the name of a format")
    return find(sys.modules[__name__], name, Format)()  # type: ignore[type-abstract]  # concrete
