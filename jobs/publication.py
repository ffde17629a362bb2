"""Publications: what an entry of `publish` leaves in the world, and how much of it is there. A table's is a
`jobs.registration`.

An export lies at a place of its own. What has been made of it is known there: `.publication/record.json` says of which
dataset it is and with which fields it was made, `.publication/receipts/` which parts have their files; readers of
folders pass over names that start with a dot. So a publication that was cut short goes on, a larger dataset adds its
new parts, and one of another dataset is refused instead of mixed in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genai.errors import InputError, IntegrityError, NotFound
from genai.exports import Export
from genai.identity import canonical, key_of
from jobs import layout
from jobs.ledger import Manifest, Receipt
from jobs.publish import EXPORT, kind_of, place_of
from jobs.registration import Registration
from jobs.shards import Plan, Shard
from jobs.spec import JobSpec
from jobs.stores import Store, open_store

if TYPE_CHECKING:
    from genai.modalities import Modality

RECORD, RECEIPTS, CARD = ".publication/record.json", ".publication/receipts/", "README.md"
_READERS = 32
_OF_SHORT = re.compile(r"[a-z]+-([0-9]{5,}\.[0-9]+-rows)\.")  # a file made of a short last part

_WORDS = "Synthetic samples of the job {job}, published from its dataset {key}, whose own card tells of them.\n"


@dataclass(frozen=True)
class Publication:
    """An export of one dataset at its place."""

    export: Export
    dataset: str  # its key
    splits: dict[str, float] | None
    place: str

    @property
    def store(self) -> Store:
        return open_store(self.place)

    @property
    def stage(self) -> str:
        return f"publish {kind_of(self.export)}"

    @property
    def key(self) -> str:
        """Of the stage that makes it."""
        return key_of("publish", layout.VERSIONS["publish"], place=self.place, **self.said)

    @property
    def said(self) -> dict[str, Any]:
        """What the files follow from, beside the samples."""
        fields = {name: value for name, value in EXPORT.write(self.export).items() if name != "to"}
        return {"dataset": self.dataset, "export": fields, "splits": self.splits}

    def count(self) -> int:
        """How many samples of the dataset are published there, 0 while it is not whole. Raises InputError where
        something else is.
        """
        found = _record(self.store)
        if found is None:
            return 0
        if {name: found.get(name) for name in self.said} != self.said:
            raise InputError(
                f"{self.place}: found {_named(found)} published there; allowed: {_named(self.said)}: remove the "
                "folder, or give another `to`"
            )
        return int(found["count"]) if isinstance(found.get("count"), int) else 0

    def begin(self) -> None:
        """Take the place. Raises InputError where it is not free."""
        _check_free(self.place)
        self.store.put(RECORD, canonical({**self.said, "count": 0}))

    def end(self, manifest: Manifest, modality: Modality) -> None:
        """Say that all is there, and remove what a full part has superseded."""
        plan = manifest.plan
        store, last = self.store, plan.shard(len(plan) - 1)
        for entry in list(store.list("")):
            found = _OF_SHORT.match(entry.key.rpartition("/")[2])
            if found and found[1] != last.name.removeprefix("part-").removesuffix(plan.suffix):
                store.delete(entry.key)
        splits = [name for name, share in (self.splits or {}).items() if share]
        from jobs.card import headed

        if card := self.export.card(manifest.classes, modality, splits):
            store.put(CARD, headed(card, _WORDS.format(**vars(manifest))).encode())
        store.put(RECORD, canonical({**self.said, "count": plan.count, "digest": manifest.digest}))

    def receipts(self, plan: Plan) -> dict[str, Receipt]:
        """By the names of the parts whose files are there."""
        there = {entry.key for entry in self.store.list(RECEIPTS)}
        wanted = [shard for shard in plan if _key(shard) in there]
        with ThreadPoolExecutor(_READERS) as pool:
            return {receipt.name: receipt for receipt in pool.map(self.receipt, wanted) if receipt}

    def receipt(self, shard: Shard) -> Receipt | None:
        """That of one part, if there is one that fits."""
        try:
            found = Receipt.from_json(self.store.get(_key(shard)))
        except (IntegrityError, NotFound):
            return None
        return found if (found.name, found.start, found.stop) == (shard.name, shard.start, shard.stop) else None

    def commit(self, shard: Shard, receipt: Receipt) -> None:
        """Its files are there."""
        self.store.put(_key(shard), receipt.to_json())


def publications(spec: JobSpec, store: Store, dataset: str) -> Iterator[Publication | Registration]:
    """Those that a job asks for, of its dataset."""
    splits = spec.splits.model_dump() if spec.splits else None
    for entry in spec.publish:
        if isinstance(entry, Export):
            own = place_of(entry) if entry.to else store.locate(layout.dataset(dataset, place_of(entry)))
            yield Publication(entry, dataset, splits, _dated(entry, own, spec))
        else:
            yield Registration(entry, dataset, store)


def check_places(spec: JobSpec) -> None:
    """Look, before anything is minted, at the places that a job names. Raises InputError where one is not free."""
    for entry in spec.publish:
        if isinstance(entry, Export) and entry.to:
            _check_free(_dated(entry, entry.to, spec))


def _dated(export: Export, place: str, spec: JobSpec) -> str:
    """The place itself, or the folder in it that the run's date has to itself."""
    below = export.folder(spec.logical_date)
    return f"{place.rstrip('/')}/{below}" if below else place


def _check_free(place: str) -> None:
    """Raises InputError where there are files already that are not ours."""
    store = open_store(place)
    if _record(store) is None and (entry := next(iter(store.list("")), None)):
        raise InputError(
            f"{place}: found {entry.key}, which is not ours, where files are to be published; allowed: a folder that "
            "is empty or not there, by `to`"
        )


def _record(store: Store) -> dict[str, Any] | None:
    try:
        found = json.loads(store.get(RECORD))
    except (NotFound, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _named(said: dict[str, Any]) -> str:
    export = said.get("export")
    kind = export.get("kind") if isinstance(export, dict) else None
    return f"{kind} of dataset {str(said.get('dataset'))[:64]} with {json.dumps(said.get('splits'))[:100]} as splits"


def _key(shard: Shard) -> str:
    return f"{RECEIPTS}{shard.name}.json"
