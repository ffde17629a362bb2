"""What the runs of a job reach: the keys and plans that they go on with when they are started again.

A run is its job file, `runs/<run id>/job.yaml`; a survey says what it asks for. Where that cannot be known, because its
data is away or an early stage is not done, there is doubt, and whoever removes things has to keep what is in doubt. A
run that is done needs nothing more than its dataset, of which nobody is in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from genai.errors import GenaiError
from jobs import layout, view
from jobs.begun import begun
from jobs.events import read
from jobs.pretrained import Pipeline
from jobs.shards import Plan
from jobs.spec import load
from jobs.stores import Store
from jobs.survey import Survey, survey


@dataclass(frozen=True)
class Unfinished:
    """A run whose dataset is not all there: the parts that it would go on with, and when it was last at work."""

    run: str
    plan: Plan
    at: float


@dataclass
class Reach:
    """What all runs of a job reach, by the keys of its stages; `made` are datasets of runs that are done, and when the
    last of these was. Doubts are sentences.
    """

    prepared: set[str] = field(default_factory=set)
    checkpoints: set[str] = field(default_factory=set)
    digests: set[str] = field(default_factory=set)  # of checkpoints
    prompts: set[str] = field(default_factory=set)  # their digests
    pipelines: set[str] = field(default_factory=set)  # where the digests of their files are kept
    unfinished: dict[str, list[Unfinished]] = field(default_factory=dict)
    made: dict[str, float] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)  # about anything
    doubts_of_datasets: list[str] = field(default_factory=list)  # that were never sealed


def reached(store: Store) -> Reach:
    """What the runs of a job's folder reach."""
    reach = Reach()
    for run in runs(store):
        done = _done(reach, store, run)
        try:
            found = survey(load(run, store.get(layout.run(run))), store)
        except GenaiError as error:
            if not done:
                reach.doubts.append(f"run {run} may need it, and cannot be judged: {error}")
        else:
            _survey(reach, run, found, done=done)
    return reach


def runs(store: Store) -> list[str]:
    """The ids of all runs of a job."""
    return [each.run for each in begun(store)]


def _done(reach: Reach, store: Store, run: str) -> bool:
    """Whether a run is done; what it has made is reached."""
    result = view.result_of(store, run) or {}
    if result.get("state") != "done":
        return False
    key, digest, ended = (result.get(name) for name in ("dataset", "checkpoint", "ended"))
    at = float(ended) if isinstance(ended, int | float) else -inf
    reach.made[str(key)] = max(at, reach.made.get(str(key), -inf))
    reach.digests.add(str(digest))
    return True


def _survey(reach: Reach, run: str, found: Survey, *, done: bool) -> None:
    reach.prepared.update(filter(None, (found.prepare_key, found.source_key)))
    if found.prompted:
        reach.prompts.add(found.prompted)
    if isinstance(found.pinned, Pipeline):
        reach.pipelines.add(found.pinned.kept)
    if found.start:
        reach.checkpoints.add(found.start.key)
    if found.train_key:
        reach.checkpoints.add(found.train_key)
    elif not done:
        reach.doubts.append(f"run {run} may need it: its data is not prepared, so its checkpoint is not known")
    if not found.dataset_key:
        if not done:
            reach.doubts_of_datasets.append(f"run {run} may need it: its training is not finished")
    elif not found.complete:
        assert found.plan
        at = _last(found.store, run)
        reach.unfinished.setdefault(found.dataset_key, []).append(Unfinished(run, found.plan, at))


def _last(store: Store, run: str) -> float:
    """When a run was last at work; one that does not tell is as good as at work now."""
    try:
        return max((event.at for event in read(store, run)), default=inf)
    except (GenaiError, ValueError, KeyError, TypeError):
        return inf
