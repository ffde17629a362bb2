"""Verifying: is what is in the store what the manifest says?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genai.errors import IntegrityError, NotFound
from genai.identity import sha256
from jobs import layout, ledger
from jobs.ledger import Manifest, Receipt
from jobs.stores import Store


@dataclass(frozen=True)
class Problem:
    """One thing that is not as the manifest says."""

    part: str
    kind: str  # missing | size | bytes | content | foreign | marker
    text: str


def verify(store: Store, key: str, *, deep: bool = False) -> tuple[Manifest, list[Problem]]:
    """Compare the data folder with the manifest; `deep` reads each part and hashes its bytes and its content.

    Raises IntegrityError where there is no manifest that can be trusted to compare with.
    """
    try:
        manifest = Manifest.from_json(store.get(layout.dataset(key)))
    except NotFound:
        raise IntegrityError(f"{store.locate(layout.dataset(key))}: no manifest; the dataset is not sealed") from None
    return manifest, list(_problems(store, manifest, deep=deep))


def _problems(store: Store, manifest: Manifest, *, deep: bool) -> Iterator[Problem]:
    if ledger.sealed(store, manifest.key) is None:
        yield Problem("_SUCCESS", "marker", "missing, or of another manifest")
    there = {e.key.rpartition("/")[2]: e.size for e in store.list(layout.dataset(manifest.key, "data/"))}
    for part in manifest.parts:
        size = there.pop(part.name, None)
        if size is None:
            yield Problem(part.name, "missing", "not there")
        elif size != part.bytes:
            yield Problem(part.name, "size", f"has {size:,} bytes, the manifest says {part.bytes:,}")
        elif deep:
            yield from _deep(store, manifest, part)
    for name in sorted(there):
        yield Problem(name, "foreign", "no part of the manifest")


def _deep(store: Store, manifest: Manifest, part: Receipt) -> Iterator[Problem]:
    from genai import formats

    try:
        data = store.get(layout.part(manifest.key, part.name))
    except IntegrityError as error:
        yield Problem(part.name, "bytes", str(error))
        return
    if sha256(data) != part.sha256:
        yield Problem(part.name, "bytes", "other bytes than the manifest says")
        return
    if formats.content_digest(formats.of(manifest.plan.suffix).decode(data)) != part.content:
        yield Problem(part.name, "content", "its rows are not those of the content digest")
