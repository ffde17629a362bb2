"""What lies beside a sealed dataset for its readers: card, catalogue entry, licence note, signature.

They follow from the manifest that is in the store and from what the job says, so they are written where they differ,
and a run of a dataset that is complete already brings them up to date. They say nothing that the data depends on: one
that is lost or changed is written again by `genai run`, and none of them is a part that `genai verify` or `genai gc`
would judge.
"""

from __future__ import annotations

import os

from genai.errors import NotFound
from jobs import facts as facts_of
from jobs import layout, ledger, signature
from jobs.card import CARD, LICENSE, card, note
from jobs.croissant import CROISSANT, croissant
from jobs.survey import Survey


def describe(found: Survey) -> list[str]:
    """Write what is missing, or says something else by now; the names of these. Raises InputError where the job asks
    for a signature and its key is not there.
    """
    sign = signature.signer(found.spec)
    assert found.manifest
    manifest = ledger.sealed(found.store, found.manifest.key)
    if manifest is None:  # somebody repairs it, and describes it afterwards
        return []
    facts = facts_of.of(found, manifest)
    texts = {LICENSE: note(facts), CARD: card(facts), CROISSANT: croissant(facts)}
    files = {name: text.encode() for name, text in texts.items()}
    if sign:
        files[signature.SIGNATURE] = sign(manifest.to_json())
    stale = [name for name, data in files.items() if _there(found, manifest.key, name) != data]
    for name in stale:
        found.store.put(layout.dataset(manifest.key, name), files[name])
    return stale


def refresh(found: Survey, *, remote: bool = False) -> str:
    """Bring what lies beside a dataset that is complete up to date, and say so. The runs of a `remote` cluster may have
    a key that is not here: nothing is written then.
    """
    away = remote and found.spec.sign is not None and not os.environ.get(found.spec.sign)
    again = [] if away else describe(found)
    return "complete already, " + (f"wrote {', '.join(again)}" if again else "nothing to do")


def _there(found: Survey, key: str, name: str) -> bytes | None:
    try:
        return found.store.get(layout.dataset(key, name))
    except NotFound:
        return None
