"""The prompts of a job, and where the store keeps those that were read from a dataset.

They are read once, by the driver before it mints: `prompts/<digest>.json` has the texts, `prompts/<key>.key` says which
texts a listing of the source stands for. So what is minted does not change under a run, a worker needs no access to the
source, and the same texts in another file are the same dataset.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from genai.errors import IntegrityError, NotFound
from genai.identity import canonical, key_of, sha256
from jobs import layout
from jobs.asked import Prompts
from jobs.spec import JobSpec
from jobs.stores import Store, open_store


@dataclass(frozen=True)
class Texts:
    """Prompts, in order. `kept` is where a source's listing is to be written down as them, "" where it is not."""

    texts: tuple[str, ...]
    kept: str = ""

    @cached_property
    def digest(self) -> str:
        return sha256(canonical(self.texts))

    def keep(self, store: Store) -> None:
        """Into the store, so that workers and later runs have them from there."""
        store.put(layout.prompts(self.digest), canonical(self.texts))
        if self.kept:
            store.put(self.kept, self.digest.encode())


def prompts_of(spec: JobSpec, store: Store) -> Texts | None:
    """The prompts that a job draws under; None where it names none. Raises DataError where its source has none."""
    said = spec.generate.prompts
    if said is None:
        return None
    if not isinstance(said, Prompts):
        return Texts(tuple(said))
    from genai.prompts import opened, read

    source = opened(said.source, said.text, open_store)
    key = f"prompts/{key_of('prompts', 1, listing=source.fingerprint(), text=said.text)}.key"
    try:
        return Texts(kept_prompts(store, store.get(key).decode(errors="replace")))
    except NotFound:
        return Texts(tuple(read(source)), key)


def kept_prompts(store: Store, digest: str) -> tuple[str, ...]:
    """The prompts of a digest. Raises NotFound, and IntegrityError where they are others."""
    data = store.get(layout.prompts(digest))
    if sha256(data) != digest:
        place = store.locate(layout.prompts(digest))
        raise IntegrityError(f"{place}: found other content than its name says; remove it")
    return tuple(json.loads(data))
