"""Repairing a dataset that was sealed: verify it deeply, forget what is damaged, run the job again.

    problems -> forget -> driver (makes what is missing) -> ledger.seal (compares it with the manifest that was there)

- Nothing is mended in place. What is forgotten is missing, and what is missing is made again, to the same bytes, by the
  driver that made it before. So an interrupted repair is an unfinished run: the same command, or `genai run`, goes on.
- `_SUCCESS` goes first, so that nobody takes the dataset for whole meanwhile, and comes back last. Receipts of damaged
  parts go next: a receipt never names bytes that are not there. The damaged bytes stay until they are replaced.
- Then `metrics.json` of a damaged checkpoint, and last the index of damaged prepared data, for the keys of all else
  are known through them. Both stages give the same digests again; where one does not, the run is stopped at once.
- Where bytes are right and only their receipt or the marker is not, these are written anew, without a run.
- The dataset is repaired as its manifest says, whatever count the job file says now: by the run that made it.
- Foreign parts harm no reader of the manifest, and some run may go on with them. They are left to `genai gc`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from genai.errors import InputError, IntegrityError
from genai.identity import canonical
from jobs import layout, ledger, start
from jobs.events import Event
from jobs.lease import Leases, keep
from jobs.ledger import Manifest
from jobs.resolve import Target, trained_at
from jobs.spec import Balance, JobSpec, Match, PerClass
from jobs.stores import Store
from jobs.survey import Survey, survey
from jobs.verify import Problem, Told, dataset_of, made_by, upstream, verify
from jobs.view import result_of

REMADE = ("missing", "size", "bytes", "content")  # problems of a part that only making it again mends
ABOVE = ("checkpoint", "prepared")  # problems of what a dataset is made from
ROUNDS = 2  # a checkpoint is found damaged only when the index of its data is in order

Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Damage:
    """A sealed dataset and what is wrong with it. `train_key` is that of its checkpoint, where that is known."""

    found: Survey
    manifest: Manifest
    problems: tuple[Problem, ...]
    train_key: str | None

    @property
    def store(self) -> Store:
        return self.found.store

    def of(self, *kinds: str) -> tuple[str, ...]:
        """The names of what has a problem of one of the kinds."""
        return tuple(problem.part for problem in self.problems if problem.kind in kinds)

    @property
    def mendable(self) -> bool:
        """Whether there is anything that a repair would do."""
        return any(problem.kind != "foreign" for problem in self.problems)


def examine(target: Target, told: Told) -> Damage:
    """What is wrong with the dataset that RUN means. Raises InputError where it was never sealed."""
    found = survey(target.spec, target.store)
    key = dataset_of(target, found)
    if not any(target.store.list(layout.dataset(key))):
        raise InputError(f"{target.run_id}: its dataset was never sealed; `genai run` continues it")
    manifest, problems = verify(target.store, key, deep=True, found=found, told=told)
    train_key = found.train_key or trained_at(target.store, manifest.checkpoint)
    return Damage(found, manifest, tuple(problems), train_key)


def mend(damage: Damage, crew: str, command: str, listener: Listener) -> int:
    """Repair; the exit code of the driver. Raises LeaseHeld where somebody is at work on it, and IntegrityError where
    what is made again is not what it was.
    """
    for _ in range(ROUNDS):
        spec = maker(damage) if damage.of(*REMADE, *ABOVE) else None
        with keep(Leases(damage.store, "repair")) as leases:
            _lease(damage, leases)
            forget(damage)
            if spec is None:
                ledger.seal(damage.store, damage.manifest)
        if spec and (code := _drive(damage, spec, crew, command, listener)):
            return code
        damage = _left(damage)
        if not damage.mendable:
            return 0
    names = ", ".join(damage.of(*REMADE, *ABOVE, "receipt", "marker")[:5])
    raise IntegrityError(f"{damage.manifest.key}: repaired, and damaged again: {names}; look to the storage first")


def forget(damage: Damage) -> None:
    """Remove what says that damaged things are whole, in an order that may end anywhere."""
    store, key = damage.store, damage.manifest.key
    if damage.of(*REMADE, "marker"):
        store.delete(layout.dataset(key, "_SUCCESS"))
    for name in damage.of(*REMADE):
        store.delete(layout.receipt(key, name))
    _write_receipts(damage)
    if damage.of("checkpoint"):
        assert damage.train_key
        store.delete(layout.checkpoint(damage.train_key))
    for key in _prepared(damage):
        store.delete(layout.prepared(key))


def _prepared(damage: Damage) -> set[str]:
    """The keys of prepared rows of which something is damaged: those that were trained on, or drawn from."""
    return {part.split("/")[1] for part in damage.of("prepared")}


def _write_receipts(damage: Damage) -> None:
    """Receipts as the manifest says, for parts whose bytes are as it says; those of parts that are not there go."""
    parts = {part.name: part for part in damage.manifest.parts}
    for name in damage.of("receipt"):
        if name in parts:
            damage.store.put(layout.receipt(damage.manifest.key, name), parts[name].to_json())
        else:
            damage.store.delete(layout.dataset(damage.manifest.key, name))


def _left(damage: Damage) -> Damage:
    """What is still wrong: parts that were whole are not read a second time, and the driver has hashed the others."""
    found = survey(damage.found.spec, damage.store)
    _, problems = verify(damage.store, damage.manifest.key)
    if damage.of(*ABOVE):
        problems += upstream(found, damage.manifest)
    again = damage.of(*REMADE)  # a receipt that went meanwhile says nothing of the bytes that took their place
    problems = [replace(p, kind="bytes") if p.kind == "receipt" and p.part in again else p for p in problems]
    return replace(damage, found=found, problems=tuple(problems), train_key=damage.train_key or found.train_key)


def maker(damage: Damage) -> JobSpec:
    """The job that asks for what the manifest holds. Raises InputError where RUN makes another dataset by now."""
    spec, plan = _here(damage.found.spec, damage.store), damage.manifest.plan
    if not made_by(damage.found, damage.manifest):
        raise InputError(
            f"{layout.dataset_place(damage.store, damage.manifest.key)}: {layout.run_id(spec)} makes another dataset "
            "by now, since its data or this program has changed; give the run that made this one, with its data"
        )
    count = spec.generate.count
    if isinstance(count, Match | Balance):  # the data says how many, and it is the same
        return spec
    asked = count.per_class * sum(plan.weights) if isinstance(count, PerClass) else count
    if asked == plan.count:
        return spec
    return spec.model_copy(update={"generate": spec.generate.model_copy(update={"count": plan.count})})


def _here(spec: JobSpec, store: Store) -> JobSpec:
    """The job with its output where it was found: a folder may have been moved or copied since."""
    if layout.job_store(spec).uri == store.uri:
        return spec
    return spec.model_copy(update={"output": store.uri.rpartition("/")[0]})


def _lease(damage: Damage, leases: Leases) -> None:
    """Nobody else may be at work on what is forgotten: a run that holds a dataset has read its receipts. Raises
    LeaseHeld where somebody is.
    """
    leases.take(damage.manifest.key)
    if damage.of("checkpoint") and damage.train_key:
        leases.take(damage.train_key)
    for key in _prepared(damage):
        leases.take(key)


def _drive(damage: Damage, spec: JobSpec, crew: str, command: str, listener: Listener) -> int:
    job = start.begin(damage.store, spec)
    keys = {"train": damage.train_key, "generate": damage.manifest.key}

    def guarded(event: Event) -> None:
        listener(event)
        if event.kind in ("stage_started", "stage_reused"):
            _check_key(damage, event.fields, keys.get(event.fields["stage"]))

    try:
        return start.drive(job, crew, command, guarded)
    finally:
        _remember(damage, layout.run_id(spec))


def _remember(damage: Damage, run: str) -> None:
    """A run that ended early still says which dataset is its own: it is found by that while its keys are not known."""
    result = result_of(damage.store, run)
    if result and "dataset" not in result:
        said = result | {"dataset": damage.manifest.key, "checkpoint": damage.manifest.checkpoint}
        damage.store.put(layout.run(run, "result.json"), canonical(said))


def _check_key(damage: Damage, stage: dict[str, Any], expected: str | None) -> None:
    """Raises IntegrityError where what a stage is made from came out as something else; that ends the driver."""
    if expected in (None, stage["key"]):
        return
    made = "a checkpoint" if stage["stage"] == "generate" else "prepared data"
    raise IntegrityError(
        f"{damage.manifest.key}: found {made} of another digest where it was made again, so this dataset's samples "
        f"cannot be. They were made with {ledger.versions_text(damage.manifest.versions)}: repair it where that is "
        "installed, on the same kind of processor; what is left of it stays, `genai run` makes a new one beside it"
    )


def view(damage: Damage, *, done: bool) -> dict[str, Any]:
    """What was wrong, for programs; `again` is what is made again, `left` what a repair leaves alone."""
    return {
        "dataset": damage.manifest.key,
        "path": layout.dataset_place(damage.store, damage.manifest.key),
        "parts": len(damage.manifest.parts),
        "problems": [vars(problem) for problem in damage.problems],
        "again": [*damage.of(*REMADE, *ABOVE)],
        "left": [*damage.of("foreign")],
        "repaired": done,
        "digest": damage.manifest.digest,
    }


def lines(shown: dict[str, Any]) -> Iterator[str]:
    yield from (f"{problem['part']}: {problem['text']}" for problem in shown["problems"])
    if shown["left"]:
        yield f"left      {len(shown['left']):,} foreign part(s): `genai gc` shows what may go"
    mended = len(shown["problems"]) - len(shown["left"])
    if shown["repaired"]:
        yield f"repaired  {mended:,} of {mended:,}; {len(shown['again']):,} made again, to the bytes of the manifest"
    else:
        yield f"{mended:,} to repair, {len(shown['again']):,} to be made again"
    yield f"digest    {shown['digest']}"
