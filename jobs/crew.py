"""The crew: what the driver sees of the workers.

One suite (`tests/jobs/crew_suite.py`) runs over every crew: on Ray, in this process, and scripted with faults. A crew
does no bookkeeping of attempts: it reports outcomes, the driver decides.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from genai.modalities import Modality
from genai.prepared import Prepared
from jobs.ledger import Receipt
from jobs.minting import GenerateWorkers
from jobs.publication import Publication
from jobs.shards import Plan, Shard
from jobs.spec import JobSpec

Note = Callable[..., None]  # EventLog.note: progress of a long stage


@dataclass(frozen=True)
class PrepareTask:
    """Make `prepared/<key>/`: read all sources, check every row, write the blocks and the index. With `classes`, the
    rows are to be drawn from: they keep their order, and are of these.
    """

    spec: JobSpec
    key: str
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TrainTask:
    """Make `checkpoints/<key>/` from `prepared/<prepared_key>/`, going on from the last state saved there. It begins
    with the weights of `checkpoints/<start>/`, or with random ones.
    """

    spec: JobSpec
    key: str
    prepared_key: str
    start: str | None = None


@dataclass(frozen=True)
class GenerateTask:
    """Make parts of `datasets/<key>/` with the checkpoint in `checkpoints/<train_key>/`."""

    spec: JobSpec
    key: str
    train_key: str
    checkpoint: str  # digest
    plan: Plan
    prompts: str | None = None  # digest
    source: str | None = None  # key of the prepared rows to draw from

    stage: ClassVar[str] = "generate"

    @property
    def workers(self) -> GenerateWorkers:
        """Who does it."""
        return self.spec.generate.workers


@dataclass(frozen=True)
class ExportTask:
    """Make the files of a publication from the sealed parts of `datasets/<key>/`."""

    spec: JobSpec
    key: str
    publication: Publication
    modality: Modality  # resolved
    plan: Plan

    @property
    def stage(self) -> str:
        return self.publication.stage

    @property
    def workers(self) -> GenerateWorkers:
        """The same as mint, without their GPUs."""
        return self.spec.generate.workers.model_copy(update={"gpu": 0})


Task = GenerateTask | ExportTask


@dataclass(frozen=True)
class Done:
    """A shard's part and receipt are in the store."""

    shard: Shard
    receipt: Receipt


@dataclass(frozen=True)
class Failed:
    """A try of a shard ended without a part; `worker` is who tried. `shared`: the worker was lost with others in hand,
    or its machine was taken away, so that nobody knows whose fault it was.
    """

    shard: Shard
    error: BaseException
    worker: str = ""
    shared: bool = False


Outcome = Done | Failed


class Pool(Protocol):
    """Workers that hold what a task needs, and take its shards."""

    @property
    def room(self) -> int:
        """How many more shards it would take now (it grows and shrinks between its bounds)."""
        ...

    def submit(self, shard: Shard, *, alone: bool = False) -> None:
        """Begin a try of `shard`; `alone`: by a worker that then has nothing else in hand."""
        ...

    def second(self, shard: Shard) -> bool:
        """Begin another try of a shard in hand, by another worker; False where none is free. It has an outcome too."""
        ...

    def wait(self, seconds: float) -> list[Outcome]:
        """Outcomes of the tries that have ended since, waiting at most `seconds` for the first."""
        ...

    def waiting(self) -> str:
        """What is being waited for, for a person: who does what, and for how long."""
        ...


class Crew(Protocol):
    """The workers of a run."""

    def prepare(self, task: PrepareTask, note: Note) -> Prepared: ...

    def train(self, task: TrainTask, note: Note) -> dict[str, Any]:
        """Train and store the checkpoint; gives the contents of its `metrics.json`."""
        ...

    def pool(self, task: Task, backlog: int, note: Note) -> AbstractContextManager[Pool]:
        """A pool for about `backlog` shards; leaving it lets the workers go. `note` hears of workers that are lost."""
        ...
