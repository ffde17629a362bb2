"""Registrations: a dataset in a table, as an entry of `publish` asks for it. The driver makes them itself: what takes
time is the table's own commit, and a table allows one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genai.identity import key_of
from jobs import layout
from jobs.publish import TABLE, kind_of
from jobs.stores import Store
from jobs.tables import Added, Sealed, Table, Told

if TYPE_CHECKING:
    from genai.modalities import Modality
    from jobs.ledger import Manifest


@dataclass(frozen=True)
class Registration:
    """A table that a dataset is, or will be, registered in. `store` is where the dataset lies."""

    table: Table
    dataset: str  # its key
    store: Store

    @property
    def place(self) -> str:
        return self.table.place

    @property
    def stage(self) -> str:
        return f"publish {kind_of(self.table)}"

    @property
    def key(self) -> str:
        """Of the stage that makes it."""
        said = {"dataset": self.dataset, "table": TABLE.write(self.table)}
        return key_of("publish", layout.VERSIONS["publish"], **said)

    def count(self) -> int:
        """How many samples of the dataset the table has. Raises StoreError where it cannot be reached."""
        place = layout.dataset_place(self.store, self.dataset)
        safe = f"what is sealed in {place} is safe; when that is mended, the same command goes on"
        return self.table.count(self.dataset, safe)

    def add(self, manifest: Manifest, told: Told) -> Added:
        """Register what is missing of the sealed dataset."""
        return self.table.add(Sealed.of(self.store, manifest), told)


def check_table(table: Table, modality: Modality, classes: Sequence[str], sources: int = 0) -> None:
    """Look, before anything is minted, whether such a dataset can be registered. Raises InputError where it cannot."""
    from jobs.tables._rows import schema_for

    table.check(schema_for(modality, classes, sources))
