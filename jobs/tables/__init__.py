"""Tables: where a sealed dataset is registered, one kind a file (`iceberg`, `delta`).

A table is a frozen dataclass; its fields are what an entry of `publish` may say, and no place for a secret: a copy of
the job lies beside the run.

- What a table has of a dataset is one number: the samples of index 0 up to `n`. It is kept in the table, under the
  dataset's key, and set by the very commit that brings the rows. So a repeated publish adds nothing, one that was
  killed leaves the table as it was, and a larger dataset adds only what is new.
- Of two publishes at once one commit comes first. The other's is refused (`Raced`), and looks again.
- No library of a table is imported before a method is called.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from genai.errors import InputError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from jobs.ledger import Manifest
    from jobs.stores import Store

T = TypeVar("T")

TRIES = 20  # commits that others came before
PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds between two, at random up to a bound that doubles

Told = Callable[[int, int], None]  # rows written, of how many; not called where all are registered at once


@dataclass(frozen=True)
class Added:
    """What one publish did: rows and parts that are new in the table, and the dataset's rows that it has by now."""

    rows: int
    parts: int
    there: int


@dataclass(frozen=True)
class Sealed:
    """A sealed dataset of Parquet parts."""

    store: Store
    manifest: Manifest
    schema: pa.Schema  # of its parts, without what is said in metadata

    @classmethod
    def open(cls, store: Store, key: str) -> Self:
        """The dataset of a key. Raises InputError where it is not sealed, or no Parquet."""
        from jobs import layout, ledger

        manifest = ledger.sealed(store, key)
        if manifest is None:
            raise InputError(
                f"{layout.dataset_place(store, key)}: it is not sealed (no _SUCCESS that fits its manifest), and no "
                "table takes a part of a dataset; `genai run` finishes it"
            )
        return cls.of(store, manifest)

    @classmethod
    def of(cls, store: Store, manifest: Manifest) -> Self:
        """The dataset of a manifest. Raises InputError where its parts are no Parquet, IntegrityError where the first
        one cannot be read.
        """
        from jobs.tables._rows import schema_of

        return cls(store, manifest, schema_of(store, manifest))

    @property
    def place(self) -> str:
        """Its path or URI, for people."""
        from jobs.layout import dataset_place

        return dataset_place(self.store, self.manifest.key)


@dataclass(frozen=True)
class Table(ABC):
    """A table that datasets are registered in. It is made by the first one, if it is not there."""

    @property
    @abstractmethod
    def place(self) -> str:
        """What it is called, for people: two entries of one job may not share it."""

    @abstractmethod
    def located(self, absolute: Callable[[str], str]) -> Self:
        """The same table, with `absolute` applied to each path that it says."""

    def count(self, dataset: str, after: str) -> int:
        """How many rows of the dataset of a key the table has. Raises as `check` does; `after` ends what is said."""
        return _tried(lambda: self._count(dataset, after))

    def check(self, schema: pa.Schema) -> None:
        """Look whether rows of this schema can be added, and add none.

        Raises InputError where they cannot (a table with another schema, a library that is not installed, no such
        catalogue) and StoreError where the table cannot be reached now.
        """
        _tried(lambda: self._check(schema))

    def add(self, dataset: Sealed, told: Told = lambda _rows, _of: None) -> Added:
        """Bring in what the table has not got of a dataset. Raises as `check` does, and IntegrityError where a part is
        not what the manifest says; the dataset stays as it is, and so does the table.
        """
        return _tried(lambda: self._add(dataset, told))

    @abstractmethod
    def _count(self, dataset: str, after: str) -> int:
        """One look. Raises Raced where it is worth another."""

    @abstractmethod
    def _check(self, schema: pa.Schema) -> None:
        """One look. Raises Raced where it is worth another."""

    @abstractmethod
    def _add(self, dataset: Sealed, told: Told) -> Added:
        """One try: look, and commit what is missing. Raises Raced where another commit came first."""


def _tried(call: Callable[[], T]) -> T:
    tries = 0
    while True:
        tries += 1
        try:
            return call()
        except Raced as raced:
            if tries >= raced.tries:
                raise StoreError(f"{raced} (tried {tries} times)") from None
        time.sleep(random.uniform(0, min(PAUSE * 2**tries, LONGEST_PAUSE)))


class Raced(Exception):  # noqa: N818  # it is no error: the next try is
    """Somebody else's commit came first; `tries` says how often that may happen in a row."""

    def __init__(self, text: str, tries: int = TRIES) -> None:
        super().__init__(text)
        self.tries = tries
