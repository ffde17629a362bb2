"""Verifying: is what is in the store what the manifest says, and is what it was made from still there as it was?

Each problem is named once, by its cause: a part that is gone is not told a second time for its receipt. Reads run in
parallel, with at most `PARTS` parts in memory.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from genai.errors import DataError, InputError, IntegrityError, NotFound
from genai.identity import sha256
from jobs import layout, ledger
from jobs.ledger import Manifest, Receipt
from jobs.resolve import Target, by_digest, trained_at
from jobs.signature import SIGNATURE, State
from jobs.stores import Store
from jobs.survey import Survey, dataset_key, survey
from jobs.view import draws, draws_lines, result_of

if TYPE_CHECKING:
    from genai.modalities import Modality
    from genai.prepared import Prepared

UNMENDED = ("foreign", "signature")  # kinds that `genai repair` leaves alone
PARTS = 4  # read and decoded at once
TELL_SECONDS = 5.0

Told = Callable[[int, int], None]  # parts looked at, of how many


@dataclass(frozen=True)
class Problem:
    """One thing that is not as the manifest says. `part` is its name below the dataset, or below the job's folder."""

    part: str
    kind: str  # missing | size | bytes | content | receipt | foreign | marker | checkpoint | prepared | signature
    text: str


def verify(
    store: Store, key: str, *, deep: bool = False, found: Survey | None = None, told: Told = lambda _done, _of: None
) -> tuple[Manifest, list[Problem]]:
    """Compare a dataset with its manifest. `deep` reads each part and hashes its bytes and its content, and does the
    same with the checkpoint and the prepared data that the run of `found` made it from.

    Raises IntegrityError where there is no manifest that can be trusted to compare with.
    """
    manifest = _manifest(store, key)
    problems = [*_dataset(store, manifest, told, found, deep=deep)]
    if deep and found and made_by(found, manifest):
        problems += upstream(found, manifest)
    return manifest, problems


def look(target: Target) -> Survey | None:
    """The survey of a run; None where a dataset was named whose data is not there any more."""
    try:
        return survey(target.spec, target.store)
    except DataError:
        if target.dataset is None:
            raise
        return None


def dataset_of(target: Target, found: Survey | None) -> str:
    """The key of the dataset that RUN means: the one named; the one that the run asks for; where its checkpoint or its
    prepared data is damaged, the one that it made. Raises InputError where there is none.
    """
    made = result_of(target.store, target.run_id) or {}
    key = target.dataset or (found and found.dataset_key) or made.get("dataset")
    if not isinstance(key, str):
        raise InputError(f"{target.run_id}: it has no dataset yet; `genai run` makes it")
    return key


def made_by(found: Survey, manifest: Manifest) -> bool:
    """Whether a run still makes this dataset, as far as can be told: where its data or this program has changed since,
    it makes another one.
    """
    if dataset_key(found, manifest.checkpoint, manifest.plan) != manifest.key:
        return False
    return found.checkpoint in (None, manifest.checkpoint) or not trained_at(found.store, manifest.checkpoint)


def upstream(found: Survey, manifest: Manifest) -> Iterator[Problem]:
    """What is wrong with the prepared data and the checkpoint that a dataset was made from. Files of the same data
    that were touched since have another key: that is no problem while what was prepared from them is there.
    """
    train_key = found.train_key or trained_at(found.store, manifest.checkpoint)
    if found.pinned:
        pass  # nothing was prepared
    elif found.prepared:
        yield from _blocks(found.store, found.prepare_key, found.prepared)
    elif not (train_key and _prepared_before(found, train_key)):
        yield Problem(layout.prepared(found.prepare_key), "prepared", "missing, or it cannot be read")
    if found.source:
        yield from _blocks(found.store, found.source_key, found.source)
    if train_key:
        yield from _checkpoint(found, train_key, manifest)


def _prepared_before(found: Survey, train_key: str) -> bool:
    """Whether the data of a checkpoint lies prepared under another key than that which it would have now."""
    try:
        config = json.loads(found.store.get(layout.checkpoint(train_key, "config.json")))
        key = by_digest(found.store, "prepared/", "/index.json", config["prepared"])
    except (NotFound, IntegrityError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return key not in (None, found.prepare_key)


def paced(say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Told:
    """Progress in lines, one every few seconds."""
    at = clock()

    def told(done: int, of: int) -> None:
        nonlocal at
        if clock() - at >= TELL_SECONDS and done < of:
            at = clock()
            say(f"verify: {done:,} of {of:,} parts")

    return told


def unsigned(state: State | None) -> Iterator[Problem]:
    """What is wrong with the signature of a manifest; `state` is None where nobody asked for it."""
    if state == "missing":
        yield Problem(SIGNATURE, "signature", "not there; `genai run` writes it where the job says `sign`")
    elif state == "invalid":
        text = "not of this key over this manifest: one of the three was changed, or a larger manifest not signed yet"
        yield Problem(SIGNATURE, "signature", text)


def view(
    manifest: Manifest, problems: list[Problem], found: Survey | None, *, deep: bool, signature: State | None = None
) -> dict[str, Any]:
    """What was found, for programs; `upstream` says whether what the dataset was made from was looked at, too."""
    return {
        "dataset": manifest.key,
        "parts": len(manifest.parts),
        "deep": deep,
        "upstream": bool(deep and found and made_by(found, manifest)),
        "signature": signature,
        "problems": [vars(problem) for problem in problems],
        **draws(manifest.parts),
    }


def lines(shown: dict[str, Any]) -> Iterator[str]:
    yield from (f"{problem['part']}: {problem['text']}" for problem in shown["problems"])
    how = "sizes, bytes and rows" if shown["deep"] else "names and sizes"
    above = " and what they were made from" * shown["upstream"]
    mendable = any(problem["kind"] not in UNMENDED for problem in shown["problems"])
    mendable &= shown["signature"] != "invalid"  # a manifest that somebody changed is nothing to repair by
    mend = "; `genai repair` makes it whole" * mendable
    yield f"{shown['parts']:,} parts checked ({how}){above}, {len(shown['problems'])} problem(s){mend}"
    yield from draws_lines(shown)
    if shown["signature"] == "valid":
        rest = "" if shown["deep"] else "; --deep compares the parts with it, byte by byte"
        yield f"signature valid: the manifest is as the owner of the key signed it{rest}"
    if shown["deep"] and not above:
        yield "not checked: what they were made from, since this run makes another dataset by now, or its data is away"


def _manifest(store: Store, key: str) -> Manifest:
    place = store.locate(layout.dataset(key))
    try:
        return Manifest.from_json(store.get(layout.dataset(key)))
    except NotFound:
        raise IntegrityError(f"{place}: no manifest; the dataset was never sealed: `genai run` continues it") from None
    except IntegrityError as error:
        raise IntegrityError(f"{place}: {error}; `genai run` makes it again from the receipts") from None


def _dataset(store: Store, manifest: Manifest, told: Told, found: Survey | None, *, deep: bool) -> Iterator[Problem]:
    if ledger.sealed(store, manifest.key) is None:
        yield Problem("_SUCCESS", "marker", "missing, or of another manifest")
    there = _names(store, layout.dataset(manifest.key, "data/"))
    receipts = ledger.read(store, manifest.key, manifest.plan)
    modality = found.modality if found else None

    def judge(part: Receipt) -> Problem | None:
        problem = _size(part, there.get(part.name)) or (deep and _deep(store, manifest, part, modality)) or None
        return problem or _receipt(part, receipts.get(part.name))

    with ThreadPoolExecutor(PARTS) as pool:
        for done, problem in enumerate(pool.map(judge, manifest.parts), 1):
            told(done, len(manifest.parts))
            if problem:
                yield problem
    yield from _foreign(store, manifest, there)


def _foreign(store: Store, manifest: Manifest, there: dict[str, int]) -> Iterator[Problem]:
    named = {part.name for part in manifest.parts}
    for name in sorted(there.keys() - named):
        yield Problem(name, "foreign", "no part of the manifest; `genai gc` shows what may go")
    for name in _names(store, layout.dataset(manifest.key, "receipts/")):
        part = name.removesuffix(".json")
        if part not in named and part not in there:
            yield Problem(f"receipts/{name}", "receipt", "it names a part that is not there")


def _names(store: Store, folder: str) -> dict[str, int]:
    return {entry.key.removeprefix(folder): entry.size for entry in store.list(folder)}


def _size(part: Receipt, size: int | None) -> Problem | None:
    if size is None:
        return Problem(part.name, "missing", "not there")
    if size != part.bytes:
        return Problem(part.name, "size", f"has {size:,} bytes, the manifest says {part.bytes:,}")
    return None


def _deep(store: Store, manifest: Manifest, part: Receipt, modality: Modality | None) -> Problem | None:
    from genai import formats

    try:
        data = store.get(layout.part(manifest.key, part.name))
    except NotFound:
        return Problem(part.name, "missing", "not there any more")
    except IntegrityError as error:
        return Problem(part.name, "bytes", str(error))
    if (found := sha256(data)) != part.sha256:
        return Problem(part.name, "bytes", f"its SHA-256 is {found}, the manifest says {part.sha256}")
    try:
        content = formats.content_digest(formats.of(manifest.plan.suffix).decode(data, modality))
    except IntegrityError as error:
        return Problem(part.name, "content", f"it cannot be decoded: {error}")
    if content != part.content:
        return Problem(part.name, "content", "its rows are not those of the content digest")
    return None


def _receipt(part: Receipt, receipt: Receipt | None) -> Problem | None:
    """A receipt has to say what the manifest does: a larger dataset is made of the receipts."""
    if receipt is None:
        return Problem(part.name, "receipt", "its receipt is missing, or cannot be read")
    if replace(receipt, seconds={}, worker="") != part:
        return Problem(part.name, "receipt", "its receipt contradicts the manifest")
    return None


def _blocks(store: Store, key: str, prepared: Prepared) -> Iterator[Problem]:
    blocks = layout.blocks(store, key)
    listed = [block for split in prepared.splits.values() for block in split.blocks]

    def judge(name: str, digest: str) -> str:
        try:
            return "" if sha256(blocks.get(name)) == digest else "other bytes than its index says"
        except NotFound:
            return "not there"
        except IntegrityError as error:
            return str(error)

    with ThreadPoolExecutor(PARTS) as pool:
        faults = pool.map(judge, [block.name for block in listed], [block.sha256 for block in listed])
        for block, fault in zip(listed, faults, strict=True):
            if fault:
                yield Problem(layout.prepared(key, block.name), "prepared", fault)


def _checkpoint(found: Survey, key: str, manifest: Manifest) -> Iterator[Problem]:
    from genai.checkpoint import CONFIG, MODEL, digest_of

    files = {}
    for name in (CONFIG, MODEL):
        try:
            files[name] = found.store.get(layout.checkpoint(key, name))
        except (NotFound, IntegrityError) as error:
            yield Problem(layout.checkpoint(key, name), "checkpoint", str(error))
            return
    if (digest := digest_of(files)) != manifest.checkpoint:
        text = f"its digest is {digest}, the manifest says {manifest.checkpoint}"
        yield Problem(f"checkpoints/{key}", "checkpoint", text)
    elif found.train_key and found.checkpoint != digest:
        yield Problem(layout.checkpoint(key), "checkpoint", "missing, or it does not say the digest of the checkpoint")
