"""Sources: where labelled rows come from, one file a kind.

A source lists its *fragments* (a Parquet row group, a run of image files) in an order that follows from its
names alone, and reads each on its own, so that many workers can share the reading. It reaches files only
through `Files`, so this package needs no network; `jobs.stores.Store` is one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np


class Entry(Protocol):
    """One object of a listing. `version` changes when its bytes do (an ETag, or size and mtime)."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def version(self) -> str: ...


class Files(Protocol):
    """Where a source's files are. Keys are relative to one root, parts joined by `/`."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects under `prefix`, sorted by key."""
        ...

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable file that fetches only the ranges it is asked for."""
        ...


@dataclass(frozen=True)
class Fragment:
    """A piece of a source that is read in one go. `key` is its file ("" where there is none); `part` is
    which piece of the file (row group, or number of the run of files); `rows` is how many rows it has."""

    key: str
    part: int
    rows: int


@dataclass(frozen=True)
class Row:
    """One labelled row. `where` names it for a person: `train.parquet row 17`, `cats/001.png`."""

    value: bytes | np.ndarray
    label: int | str | None
    where: str


class Source(ABC):
    """A kind of dataset. Made with `(files, pattern, label)`: `pattern` is the URI without its root, a glob
    or a prefix; `label` is the label column, or None for unlabelled data."""

    def __init__(self, files: Files, pattern: str, label: str | None) -> None:
        self.files, self.pattern, self.label = files, pattern, label

    @staticmethod
    @abstractmethod
    def claims(uri: str) -> bool:
        """Whether a URI (as the user wrote it) is of this kind, judged by its text alone."""

    @abstractmethod
    def fingerprint(self) -> list[tuple[str, int, str]]:
        """(key, size, version) of all that will be read, by listing only. Raises DataError where there is
        nothing to read."""

    @abstractmethod
    def fragments(self) -> list[Fragment]:
        """All fragments, in order. Raises DataError on a missing column, naming those there are."""

    @abstractmethod
    def read(self, fragment: Fragment) -> Iterator[Row]:
        """The rows of a fragment, in order."""

    def names(self) -> list[str] | None:
        """Class names that the source itself declares for integer labels (HF ClassLabel), or None."""
        return None
