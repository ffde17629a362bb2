"""Receipts, the ledger, the manifest: what is in the store, and how we know.

A worker puts a part, then its receipt; the set of receipts is the only truth about progress. When every shard of
the plan has one, the ledger is sealed: `manifest.json`, then `_SUCCESS` with the manifest's digest. Readers trust
only that. A receipt that cannot be read counts as none: its part is made again, to the same bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from textwrap import indent
from typing import Any

import genai
from genai.errors import Incomplete, IntegrityError, NotFound
from genai.fields import checked
from genai.identity import canonical, sha256
from jobs import layout
from jobs.shards import Plan, Shard
from jobs.stores import Store

VERSION = 1
Bytes = bytes  # a field of that name hides the type
_READERS = 32
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)  # by hostile JSON


@dataclass(frozen=True)
class Receipt:
    """A shard's bytes are in the store. `sha256` is of the bytes, `content` of what they decode to; `labels` are
    counts by class; `seconds` by what took them (drawing, encoding, storing); `rejected` are draws that filters
    refused, by reason.
    """

    name: str
    start: int
    stop: int
    bytes: int
    sha256: str
    content: str
    labels: tuple[int, ...]
    seconds: dict[str, float]
    worker: str = ""
    rejected: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.stop - self.start

    @property
    def drawn(self) -> int:
        """All draws: what is published, and what was rejected."""
        return self.rows + sum(self.rejected.values())

    def to_json(self) -> Bytes:
        fields = {name: value for name, value in asdict(self).items() if name != "rejected"}
        return canonical({"version": VERSION, **fields, **_draws(self)})

    @classmethod
    def from_json(cls, data: Bytes) -> Receipt:
        """Raises IntegrityError where the bytes are no receipt."""
        try:
            found = json.loads(data)
            if found.pop("version") != VERSION:
                raise ValueError("another version")
            found.pop("drawn", None)  # it follows from the rest
            made = cls(**found | {"labels": tuple(found["labels"])})
            if not _is_typed(made) or made.to_json() != data:
                raise TypeError("a field of another type, or in another form")
        except _UNREADABLE as error:
            raise IntegrityError(f"this is no receipt: {error}") from error
        return made


def _draws(found: Receipt | Manifest) -> dict[str, Any]:
    """What is said of draws: nothing where no filter refused one."""
    return {"drawn": found.drawn, "rejected": dict(sorted(found.rejected.items()))} if found.rejected else {}


def _is_typed(found: Receipt) -> bool:
    texts = (found.name, found.sha256, found.content, found.worker, *found.seconds, *found.rejected)
    whole = (found.start, found.stop, found.bytes, *found.labels, *found.rejected.values())
    numbers = found.seconds.values()
    return all(
        isinstance(value, kind) and not isinstance(value, bool)
        for values, kind in ((texts, str), (whole, int), (numbers, int | float))
        for value in values
    ) and all(number > 0 for number in found.rejected.values())


def read(store: Store, key: str, plan: Plan) -> dict[str, Receipt]:
    """The receipts of a dataset that fit the plan, by part name. One whose part is not there, whole, counts as none."""
    folder = layout.dataset(key, "receipts/")
    there = [entry.key for entry in store.list(folder)]
    if not there:
        return {}
    wanted = {layout.receipt(key, shard.name): shard for shard in plan}
    with ThreadPoolExecutor(_READERS) as pool:
        found = list(pool.map(lambda name: find(store, key, wanted[name]), [k for k in there if k in wanted]))
    sizes = {entry.key.rpartition("/")[2]: entry.size for entry in store.list(layout.dataset(key, "data/"))}
    return {receipt.name: receipt for receipt in found if receipt and sizes.get(receipt.name) == receipt.bytes}


def find(store: Store, key: str, shard: Shard) -> Receipt | None:
    """The receipt of one shard, if there is one that fits."""
    try:
        receipt = Receipt.from_json(store.get(layout.receipt(key, shard.name)))
    except (IntegrityError, NotFound):
        return None
    return receipt if (receipt.name, receipt.start, receipt.stop) == (shard.name, shard.start, shard.stop) else None


@dataclass(frozen=True)
class Manifest:
    """A sealed dataset: every part with its digests, and every planned index accounted for."""

    key: str
    job: str
    plan: Plan
    classes: tuple[str, ...]
    checkpoint: str
    seed: int
    parts: tuple[Receipt, ...]
    versions: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over the content of all parts, in order: equal where the samples are."""
        return sha256(canonical([[part.name, part.content] for part in self.parts]))

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    @property
    def rejected(self) -> dict[str, int]:
        """Draws that filters refused, by reason."""
        return rejected(self.parts)

    @property
    def drawn(self) -> int:
        """All draws: what is published, and what was rejected."""
        return sum(part.drawn for part in self.parts)

    def to_json(self) -> Bytes:
        """The manifest as it is published: no clock time, no worker's name, so that equal datasets have equal ones."""
        labels = dict(zip(self.classes, map(sum, zip(*(p.labels for p in self.parts), strict=True)), strict=True))
        head = json.dumps(
            {
                "version": VERSION, "key": self.key, "job": self.job, "synthetic": True, "digest": self.digest,
                "rows": self.rows, "bytes": self.bytes, "classes": list(self.classes), "labels": labels,
                "planned": self.plan.count, "published": self.rows, "rejected": {}, "failed": {}, **_draws(self),
                "plan": self.plan.to_json(), "checkpoint": self.checkpoint, "seed": self.seed,
                "versions": self.versions, "parts": [],
            },
            indent=1, ensure_ascii=False,
        )  # fmt: skip
        # Part by part: a hundred thousand of them as one document take four times the memory of its text.
        parts = ",".join("\n" + indent(_entry(part), "  ") for part in self.parts)
        return (head.removesuffix("]\n}") + parts + "\n ]\n}").encode()

    @classmethod
    def from_json(cls, data: Bytes) -> Manifest:
        """Raises IntegrityError where the bytes are no manifest, or one that contradicts itself."""
        try:
            found = json.loads(data)
            plan = found["plan"]
            parts = [
                Receipt(p["name"].removeprefix("data/"), p["start"], p["stop"], p["bytes"], p["sha256"], p["content"],
                        tuple(p["labels"]), {}, "", p.get("rejected", {}))
                for p in found["parts"]
            ]  # fmt: skip
            made = cls(
                found["key"], found["job"],
                Plan(plan["count"], plan["part_rows"], tuple(plan["weights"]), plan["suffix"], plan.get("sources", 0)),
                tuple(found["classes"]), found["checkpoint"], found["seed"], tuple(parts), found["versions"],
            )  # fmt: skip
            _check_form(made)
            check_counts(made.plan, made.parts)
            if made.to_json() != data:
                raise ValueError("it was changed after it was written")
        except (*_UNREADABLE, IntegrityError) as error:
            raise IntegrityError(f"this is no manifest of version {VERSION}: {error}") from error
        return made


def _entry(part: Receipt) -> str:
    """A part as the manifest names it."""
    found = {
        "name": f"data/{part.name}", "start": part.start, "stop": part.stop, "rows": part.rows, "bytes": part.bytes,
        "sha256": part.sha256, "content": part.content, "labels": list(part.labels), **_draws(part),
    }  # fmt: skip
    return json.dumps(found, indent=1, ensure_ascii=False)


def _check_form(found: Manifest) -> None:
    """Types, and names: those of parts follow from the plan, so none leads out of the dataset. Raises ValueError."""
    checked(Manifest, {name: value for name, value in vars(found).items() if name != "parts"})
    checked(Plan, vars(found.plan))
    names = (_KEY, found.key), (_JOB, found.job), (_SUFFIX, found.plan.suffix), *((_NAME, n) for n in found.versions)
    odd = next((name for form, name in names if not form.fullmatch(name)), None)
    if odd is not None or found.plan.part_rows < 1 or min(found.plan.count, *found.plan.weights, 0) < 0:
        raise ValueError("its plan is none" if odd is None else f"found the name {odd[:100]!r}")
    if len(found.parts) != len(found.plan) or not all(map(_is_typed, found.parts)):
        raise ValueError("its parts are not those of its plan")
    for part, shard in zip(found.parts, found.plan, strict=True):
        if (part.name, part.start, part.stop) != (shard.name, shard.start, shard.stop) or part.bytes < 0:
            raise ValueError(f"found the part {part.name[:100]!r}, expected {shard.name}")


def rejected(receipts: Iterable[Receipt]) -> dict[str, int]:
    """Draws that filters refused, by reason, the most frequent first."""
    total: Counter[str] = Counter()
    for receipt in receipts:
        total.update(receipt.rejected)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


_KEY, _SUFFIX, _NAME = re.compile(r"[0-9a-z]{1,64}"), re.compile(r"\.[a-z0-9_]{1,32}"), re.compile(r"[\w.-]{1,100}")
_JOB = re.compile(r"[a-z0-9][a-z0-9._-]*")


def check_counts(plan: Plan, receipts: Iterable[Receipt]) -> None:
    """Every planned index is in exactly one part. Raises IntegrityError where not."""
    at = 0
    for receipt in receipts:
        if receipt.start != at:
            raise IntegrityError(f"part {receipt.name} starts at {receipt.start}, index {at} is not accounted for")
        at = receipt.stop
    if at != plan.count:
        raise IntegrityError(f"the parts end at index {at}, planned were {plan.count}")


def seal(store: Store, manifest: Manifest) -> None:
    """Publish: the manifest, then `_SUCCESS`; then remove short parts that a full one has superseded.

    The manifest that was there is what readers were promised: every part of it that is named again has the same bytes,
    and none is left out. Raises IntegrityError where not, and Incomplete where a part is not there in spite of its
    receipt; what was there stays. So does a larger dataset that somebody has sealed meanwhile.
    """
    check_counts(manifest.plan, manifest.parts)
    before = _before(store, manifest.key)
    if before and before.plan.count > manifest.plan.count and sealed(store, manifest.key):
        return
    there = {entry.key.rpartition("/")[2]: entry.size for entry in store.list(layout.dataset(manifest.key, "data/"))}
    _check_there(store, manifest, there)
    if before:
        _check_kept(store, before, manifest)
        again = replace(manifest, versions=before.versions)
        manifest = before if again.to_json() == before.to_json() else manifest
    data = manifest.to_json()
    store.put(layout.dataset(manifest.key), data)
    marker = {"rows": manifest.rows, "bytes": manifest.bytes, "digest": manifest.digest, "manifest": sha256(data)}
    store.put(layout.dataset(manifest.key, "_SUCCESS"), canonical(marker))
    named = {part.name for part in manifest.parts}
    for name in there:
        if "-rows." in name and name not in named:
            store.delete(layout.receipt(manifest.key, name))
            store.delete(layout.part(manifest.key, name))


def _before(store: Store, key: str) -> Manifest | None:
    """The manifest that is there, sealed or not; one that cannot be read promises nothing."""
    try:
        return Manifest.from_json(store.get(layout.dataset(key)))
    except (NotFound, IntegrityError):
        return None


def _check_there(store: Store, manifest: Manifest, sizes: Mapping[str, int]) -> None:
    """Raises Incomplete where a part is not there, or not whole: somebody removed it after its receipt was read."""
    lost = [part.name for part in manifest.parts if sizes.get(part.name) != part.bytes]
    for name in lost:
        store.delete(layout.receipt(manifest.key, name))
    if lost:
        raise Incomplete(
            f"{store.locate(layout.dataset(manifest.key, 'data'))}: {len(lost)} parts are gone or not whole in spite "
            f"of their receipts ({', '.join(lost[:5])}); the receipts were removed, and the same command makes them "
            "again"
        )


def _check_kept(store: Store, before: Manifest, now: Manifest) -> None:
    """Raises IntegrityError where `now` takes back what `before` has promised."""
    place = store.locate(layout.dataset(now.key))
    if now.plan.count < before.plan.count:
        raise IntegrityError(
            f"{place}: it names {before.plan.count:,} samples, of which {now.plan.count:,} are asked for, and is not "
            "sealed; `genai repair` makes it whole again, or remove it to have the smaller dataset in its place"
        )
    promised = {part.name: part for part in before.parts}
    for part in now.parts:
        old = promised.get(part.name, part)
        if part.sha256 != old.sha256:
            same = "its pixels are the same" if part.content == old.content else "its pixels differ"
            raise IntegrityError(
                f"{store.locate(layout.part(now.key, part.name))}: made again it has the SHA-256 {part.sha256}, the "
                f"manifest says {old.sha256}; {same}. The dataset was made with {versions_text(before.versions)}: "
                f"repair it where that is installed, or remove {place} and run the job to publish it as it is now"
            )


def versions_text(recorded: Mapping[str, str]) -> str:
    """The versions that made something, each with the one installed here where that is another."""
    return ", ".join(
        f"{name} {version}" + ("" if (here := _installed(name)) == version else f" (here: {here or 'none'})")
        for name, version in sorted(recorded.items())
    )


def _installed(name: str) -> str | None:
    try:
        return genai.__version__ if name == "genai" else metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def sealed(store: Store, key: str) -> Manifest | None:
    """The manifest of a dataset that is whole, or None. Raises IntegrityError where `_SUCCESS` says otherwise."""
    try:
        marker: dict[str, Any] = json.loads(store.get(layout.dataset(key, "_SUCCESS")))
        data = store.get(layout.dataset(key))
        fits = marker["manifest"] == sha256(data)
    except (NotFound, *_UNREADABLE):
        return None
    return Manifest.from_json(data) if fits else None
