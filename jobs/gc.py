"""Garbage: what no manifest names and no run goes on with. It is shown first, and removed when asked for.

What stays:

- a dataset that has a manifest: what that names, its checkpoint, and the data which that was trained on, by digest;
- what each run asks for (`jobs.reach`): its prepared data, its checkpoint, its prompts, what its pipeline's files are,
  its dataset, and, while that does not hold all that is asked for, the parts of the run's plan. A run that was
  interrupted can go on, unless a smaller dataset was sealed in its place after it was last at work: then its parts are
  litter among the published ones;
- what a live run may be using (`jobs.lease`): beside one, only what a sealed dataset does not name may go, and not that
  either where the dataset itself is leased.

Only what has our names is judged: keys of stages, parts, receipts, prompts.

A run that starts between looking and removing comes to no harm. What is removed is a pure function of the plan: at
worst it is made again. A receipt goes just before its part, `metrics.json` and the index before what they speak for:
nothing in the store ever says of removed bytes that they are there. A dataset is leased while its parts go, and a run
reads the receipts of the dataset whose lease it holds; one without leases is told by `ledger.seal`, which looks for
every part. What is left of a removal that was cut short is found by the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, groupby
from math import inf
from typing import Any

from genai.errors import InputError, IntegrityError, LeaseHeld, NotFound
from genai.identity import sha256
from jobs import layout, lease, ledger
from jobs.begun import begun, jobs_in
from jobs.lease import Holder, Leases, keep
from jobs.ledger import Manifest
from jobs.reach import Reach, Unfinished, reached
from jobs.shards import Plan
from jobs.stores import Entry, Store, open_store

_KEY = re.compile("[0-9a-f]{16}")
_TEXTS = re.compile(r"prompts/([0-9a-f]{64})\.json|prompts/[0-9a-f]{16}\.key")
_FILES = re.compile(r"pipelines/[0-9a-f]{16}\.json")
_PART = re.compile(r"part-([0-9]{5,})(?:\.[0-9]+-rows)?\.[a-z0-9]+")
_DELETERS = 32

Group = tuple[Entry, ...]  # what goes one after the other


@dataclass(frozen=True)
class Garbage:
    """Objects of one kind at one place, and why they may go."""

    place: str
    kind: str  # parts | dataset | checkpoint | states | notes | prepared | prompts | pipelines
    reason: str
    groups: tuple[Group, ...]
    mark: str = ""  # of a dataset, when it was judged

    @property
    def entries(self) -> list[Entry]:
        return list(chain.from_iterable(self.groups))

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True)
class Kept:
    """What looks like garbage, and why it stays."""

    place: str
    reason: str


Verdict = Garbage | Kept


@dataclass(frozen=True)
class Sweep:
    """What was found in a job's folder, beside which live runs."""

    store: Store
    verdicts: tuple[Verdict, ...]
    live: Mapping[str, Holder]

    @property
    def garbage(self) -> list[Garbage]:
        return [verdict for verdict in self.verdicts if isinstance(verdict, Garbage)]

    @property
    def kept(self) -> list[Kept]:
        return [verdict for verdict in self.verdicts if isinstance(verdict, Kept)]


def folders(output: str, job: str | None = None) -> list[Store]:
    """The folders of the jobs in an output, or of one. Raises InputError where there is none."""
    store = open_store(output)
    names = [job] if job else [name for name, _ in jobs_in(store)]
    found = [name for name in names if not job or begun(store.child(name))]
    if not found:
        what = f"no run of a job {job!r}" if job else "no run of any job"
        raise InputError(f"{output}: found {what}; allowed: what a job file has as `output`, and the name of a job")
    return [store.child(name) for name in found]


def look(store: Store) -> Sweep:
    """What in a job's folder is garbage."""
    live, reach = lease.holders(store), reached(store)
    at_work = [f"{holder} is at work" for holder in live.values()]
    verdicts = chain(  # each names more of what the next is made from
        _datasets(store, reach, live, at_work), _checkpoints(store, reach, at_work), _prepared(store, reach, at_work),
        _prompts(store, reach, at_work), _pipelines(store, reach, at_work),
    )  # fmt: skip
    return Sweep(store, tuple(verdicts), live)


def remove(sweep: Sweep) -> Sweep:
    """Remove what was found; tells what was, and what stays after all. Raises LeaseHeld where a run has begun since."""
    store = sweep.store
    begun = [holder for name, holder in lease.holders(store).items() if name not in sweep.live]
    if begun:
        raise LeaseHeld(f"{begun[0]} has begun meanwhile; nothing was removed: the same command looks again")
    with keep(Leases(store, "gc")) as leases, ThreadPoolExecutor(_DELETERS) as pool:
        verdicts = [_removed(store, garbage, leases, pool) for garbage in sweep.garbage]
    return replace(sweep, verdicts=(*verdicts, *sweep.kept))


def _removed(store: Store, garbage: Garbage, leases: Leases, pool: Executor) -> Verdict:
    """A dataset is leased meanwhile: a run that goes on with it reads its receipts when it holds that lease."""
    key = garbage.place.partition("/")[2]
    if garbage.kind in ("parts", "dataset"):
        try:
            leases.take(key)
        except LeaseHeld as held:
            return Kept(garbage.place, str(held))
        if _mark(store, key) != garbage.mark:
            return Kept(garbage.place, "it was sealed meanwhile; the same command looks again")
    for _ in pool.map(lambda group: [store.delete(entry.key) for entry in group], garbage.groups):
        """A failure is raised here."""
    leases.release(key)
    return garbage


def _mark(store: Store, key: str) -> str:
    """The marker of a dataset as it is; "" where there is none."""
    try:
        return sha256(store.get(layout.dataset(key, "_SUCCESS")))
    except NotFound:
        return ""


def _in_doubt(garbage: Garbage, doubts: list[str]) -> Verdict:
    return Kept(garbage.place, doubts[0]) if doubts else garbage


def _below(store: Store, folder: str) -> Iterator[tuple[str, str, Iterable[Entry]]]:
    """The stages of a kind: key, place, and what is below it. What has no key of ours for a name is not ours."""
    for key, entries in groupby(store.list(f"{folder}/"), lambda entry: entry.key.split("/")[1]):
        if _KEY.fullmatch(key):
            yield key, f"{folder}/{key}", entries


def _datasets(store: Store, reach: Reach, live: Mapping[str, Holder], at_work: list[str]) -> Iterator[Verdict]:
    for key, place, entries in _below(store, "datasets"):
        mark = _mark(store, key)
        unfinished = reach.unfinished.get(key, [])
        try:
            manifest = Manifest.from_json(store.get(layout.dataset(key)))
        except NotFound:
            doubts = at_work + reach.doubts + reach.doubts_of_datasets
            if key in reach.made:
                doubts.append("a run that is done has made it, and its manifest is gone: `genai run` goes on")
            garbage = _never_sealed(place, entries, unfinished)
            yield from (_in_doubt(replace(each, mark=mark), doubts) for each in garbage)
        except IntegrityError:
            yield Kept(place, "its manifest cannot be read; `genai run` makes it again")
        else:
            reach.digests.add(manifest.checkpoint)
            if ledger.sealed(store, key):
                unfinished = [run for run in unfinished if run.at > reach.made.get(key, -inf)]
            for each in _unnamed(place, entries, manifest, unfinished, live.get(key), reach.doubts):
                yield replace(each, mark=mark) if isinstance(each, Garbage) else each


def _never_sealed(place: str, entries: Iterable[Entry], unfinished: list[Unfinished]) -> Iterator[Garbage]:
    if not unfinished:
        yield Garbage(place, "dataset", "it was never sealed, and no run asks for it", _groups(place, entries))
        return
    stray = [e for e in entries if (part := _part(place, e)) and not any(_in(run.plan, part) for run in unfinished)]
    if stray:
        yield Garbage(place, "parts", "no run's plan has them", _groups(place, stray))


def _unnamed(
    place: str,
    entries: Iterable[Entry],
    manifest: Manifest,
    unfinished: list[Unfinished],
    holder: Holder | None,
    doubts: list[str],
) -> Iterator[Verdict]:
    """Parts and receipts that the manifest does not name."""
    named = {part.name for part in manifest.parts}
    stray = [entry for entry in entries if (part := _part(place, entry)) and part not in named]
    for run in unfinished:
        rest = [entry for entry in stray if not _in(run.plan, _part(place, entry))]
        if len(rest) < len(stray):
            yield Kept(place, f"run {run.run} can go on with {len(stray) - len(rest)} of its parts and receipts")
        stray = rest
    if stray:
        garbage = Garbage(place, "parts", "the manifest does not name them", _groups(place, stray))
        yield _in_doubt(garbage, [f"{holder} is at work on it"] if holder else doubts)


def _checkpoints(store: Store, reach: Reach, at_work: list[str]) -> Iterator[Verdict]:
    for key, place, found in _below(store, "checkpoints"):
        entries = list(found)
        digest = _field(store, layout.checkpoint(key), "digest")
        if key not in reach.checkpoints and digest not in reach.digests:
            groups = _one_group(entries, "metrics.json")
            garbage = Garbage(place, "checkpoint", "no run and no dataset needs it", groups)
            yield _in_doubt(garbage, at_work + reach.doubts)
            continue
        reach.digests.add(_field(store, layout.checkpoint(key, "config.json"), "prepared") or "")
        for kind, folder, may_go, reason in (
            ("states", "state", digest is not None, "its training is finished"),
            ("notes", "ray", True, "Ray Train's, of a training that was interrupted"),
        ):
            group = tuple(entry for entry in entries if entry.key.startswith(f"{place}/{folder}/"))
            if group and may_go:
                yield _in_doubt(Garbage(f"{place}/{folder}", kind, reason, (group,)), at_work)


def _prepared(store: Store, reach: Reach, at_work: list[str]) -> Iterator[Verdict]:
    for key, place, entries in _below(store, "prepared"):
        if key not in reach.prepared and _field(store, layout.prepared(key), "digest") not in reach.digests:
            groups = _one_group(entries, "index.json")
            garbage = Garbage(place, "prepared", "no run and no checkpoint needs it", groups)
            yield _in_doubt(garbage, at_work + reach.doubts)


def _prompts(store: Store, reach: Reach, at_work: list[str]) -> Iterator[Verdict]:
    """Texts that no run draws under, after what says which texts a source had."""
    found = [(entry, match) for entry in store.list("prompts/") if (match := _TEXTS.fullmatch(entry.key))]
    digests = {entry.key: match[1] or _text(store, entry.key) for entry, match in found}
    stray = [entry for entry, _ in found if digests[entry.key] not in reach.prompts]
    if stray:
        group = tuple(sorted(stray, key=lambda entry: not entry.key.endswith(".key")))
        garbage = Garbage("prompts", "prompts", "no run draws under them", (group,))
        yield _in_doubt(garbage, at_work + reach.doubts)


def _pipelines(store: Store, reach: Reach, at_work: list[str]) -> Iterator[Verdict]:
    """What the files of a pipeline were, when they were listed in another way, or by another run."""
    listed = [entry for entry in store.list("pipelines/") if _FILES.fullmatch(entry.key)]
    stray = tuple((entry,) for entry in listed if entry.key not in reach.pipelines)
    if stray:
        garbage = Garbage("pipelines", "pipelines", "no run names a pipeline of such files", stray)
        yield _in_doubt(garbage, at_work + reach.doubts)


def _groups(place: str, entries: Iterable[Entry]) -> tuple[Group, ...]:
    """Each receipt just before its part; what is neither comes last."""
    pairs: dict[str | None, list[Entry]] = {}
    for entry in entries:
        pairs.setdefault(_part(place, entry), []).insert(0, entry)  # data/ is listed before receipts/
    rest = pairs.pop(None, [])
    return (*map(tuple, pairs.values()), *((entry,) for entry in rest))


def _one_group(entries: Iterable[Entry], first: str) -> tuple[Group, ...]:
    """What says that the others are whole goes first."""
    return (tuple(sorted(entries, key=lambda entry: not entry.key.endswith(f"/{first}"))),)


def _part(place: str, entry: Entry) -> str | None:
    """The part that an object of a dataset is, or is the receipt of."""
    folder, _, name = entry.key.removeprefix(f"{place}/").partition("/")
    if folder == "receipts":
        name = name.removesuffix(".json")
    return name if folder in ("data", "receipts") and _PART.fullmatch(name) else None


def _in(plan: Plan, name: str | None) -> bool:
    match = _PART.fullmatch(name or "")
    return bool(match and int(match[1]) < len(plan) and plan.shard(int(match[1])).name == name)


def _text(store: Store, key: str) -> str:
    try:
        return store.get(key).decode(errors="replace")
    except (NotFound, IntegrityError):
        return ""


def _field(store: Store, key: str, name: str) -> str | None:
    """The text of a field of a JSON object in the store; None where there is none."""
    try:
        value = json.loads(store.get(key))[name]
    except (NotFound, IntegrityError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def view(sweeps: Iterable[Sweep], *, removed: bool) -> dict[str, Any]:
    """What `genai gc` found, for programs."""
    garbage = [(sweep.store.locate(each.place), each) for sweep in sweeps for each in sweep.garbage]
    return {
        "removed": removed,
        "objects": sum(len(each.entries) for _, each in garbage),
        "bytes": sum(each.bytes for _, each in garbage),
        "garbage": [
            {"place": place, "kind": each.kind, "reason": each.reason, "objects": len(each.entries),
             "bytes": each.bytes, "names": sorted(entry.key for entry in each.entries)}
            for place, each in garbage
        ],
        "kept": [
            {"place": sweep.store.locate(each.place), "reason": each.reason} for sweep in sweeps for each in sweep.kept
        ],
    }  # fmt: skip


def lines(shown: dict[str, Any]) -> Iterator[str]:
    for kept in shown["kept"]:
        yield f"kept      {kept['place']}: {kept['reason']}"
    for each in shown["garbage"]:
        size = f"{each['objects']:,} object(s), {each['bytes'] / 1e6:,.1f} MB"
        yield f"{each['kind']:<9} {each['place']}: {size}; {each['reason']}"
    size = f"{shown['objects']:,} object(s), {shown['bytes'] / 1e6:,.1f} MB"
    yield (
        f"removed {size}"
        if shown["removed"]
        else f"{size} may go" + ("; --delete removes them" * bool(shown["objects"]))
    )
