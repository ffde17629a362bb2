"""A crew that follows a script: a table says which try of which shard fails, and how.

Everything else is real: it prepares real (tiny) rows, leaves a checkpoint's files with their true digest, and its
parts are small deterministic bytes, put into the store with true receipts, part first. What it draws is no sample;
so it needs no torch, and a whole run takes milliseconds. Its clock moves only when somebody waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import numpy as np

from genai import modalities
from genai.errors import WorkerError
from genai.identity import canonical, sha256
from genai.prepare import Terms, gather
from genai.prepared import Prepared
from genai.registry import describe
from genai.sources import Fragment, Row, Source
from jobs import layout
from jobs.crew import Done, Failed, GenerateTask, Note, Outcome, PrepareTask, TrainTask
from jobs.ledger import Receipt
from jobs.parts import FAMILY
from jobs.shards import Shard
from jobs.spec import JobSpec, load
from jobs.stores import Store

_OUTPUTS = count()


@dataclass(frozen=True)
class Lost:
    """A worker that is lost with its shard; `after` is the last thing that it had put into the store."""

    after: Literal["nothing", "part", "receipt"] = "nothing"


Faults = Mapping[tuple[int, int], BaseException | Lost]  # by (shard number, try from 1)


@dataclass
class Clock:
    """Seconds that pass only when somebody waits."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class ScriptedCrew:
    """Fails as `faults` (of shards) and `refusals` (of stages) say, and does all else. `tries` counts the tries of
    each shard over all pools; `tried` lists them with the time of the clock; `stages` are those it was asked for.
    """

    faults: Faults = field(default_factory=dict)
    workers: int = 3
    refusals: Mapping[str, Exception] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    tries: Counter[int] = field(default_factory=Counter)
    tried: list[tuple[int, float]] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)

    def prepare(self, task: PrepareTask, note: Note) -> Prepared:
        self._begin("prepare")
        store, data = layout.job_store(task.spec), task.spec.data

        def put(name: str, block: bytes) -> None:
            store.put(layout.prepared(task.key, name), block)

        return gather([_Rows()], [], data.modality, Terms(data.split.model_dump()), put)

    def train(self, task: TrainTask, note: Note) -> dict[str, Any]:
        self._begin("train")
        store = layout.job_store(task.spec)
        prepared = Prepared.from_json(store.get(layout.prepared(task.prepared_key)))
        config = {
            "family": {"kind": FAMILY.write(task.spec.model.family)["family"]}, "key": task.key,
            "modality": describe(modalities, prepared.modality), "classes": prepared.classes,
        }  # fmt: skip
        files = {"config.json": canonical(config), "model.safetensors": task.key.encode()}
        for name, data in files.items():
            store.put(layout.checkpoint(task.key, name), data)
        digest = sha256(canonical({name: sha256(data) for name, data in files.items()}))
        metrics = {"digest": digest, "steps": 1, "measures": {}, "history": [], "versions": {"scripted": "1"}}
        note("train_step", step=1, steps=1, loss=0.0, lr=0.0)
        store.put(layout.checkpoint(task.key), canonical(metrics))
        return metrics

    @contextmanager
    def pool(self, task: GenerateTask, backlog: int, note: Note) -> Iterator[ScriptedPool]:
        self._begin("generate")
        yield ScriptedPool(self, task)

    def _begin(self, stage: str) -> None:
        self.stages.append(stage)
        if stage in self.refusals:
            raise self.refusals[stage]


class ScriptedPool:
    """Takes as many shards as it has workers, and ends the youngest try first: outcomes come in no order. The place of
    a lost worker is free again after the next wait.
    """

    def __init__(self, crew: ScriptedCrew, task: GenerateTask) -> None:
        self._crew, self._task, self._store = crew, task, layout.job_store(task.spec)
        self._in_hand: list[Shard] = []
        self._lost = self._idle = 0

    @property
    def room(self) -> int:
        return max(0, self._crew.workers - self._lost - len(self._in_hand))

    def second(self, shard: Shard) -> bool:
        return False

    def waiting(self) -> str:
        return "the script"

    def submit(self, shard: Shard, *, alone: bool = False) -> None:
        assert self.room > 0, "submit() asks a pool without room"
        self._in_hand.append(shard)
        self._crew.tries[shard.number] += 1
        self._crew.tried.append((shard.number, self._crew.clock.now))

    def wait(self, seconds: float) -> list[Outcome]:
        self._lost = 0
        self._idle = 0 if self._in_hand else self._idle + 1
        assert self._idle < 10, "whoever has nothing in hand sleeps instead of asking again and again"
        if not self._in_hand:
            return []
        self._crew.clock.now += min(seconds, 0.01)
        shard = self._in_hand.pop()
        worker = f"hand-{shard.number % self._crew.workers}"
        fault = self._crew.faults.get((shard.number, self._crew.tries[shard.number]))
        if isinstance(fault, BaseException):
            return [Failed(shard, fault, worker)]
        try:
            receipt = mint(self._store, self._task, shard, worker, fault.after if fault else "receipt")
        except Exception as error:  # noqa: BLE001  # the driver's policy decides
            return [Failed(shard, error, worker)]
        if fault:
            self._lost = 1
            return [Failed(shard, WorkerError(f"worker {worker} was lost with {shard.name}"), worker)]
        return [Done(shard, receipt)]


def mint(store: Store, task: GenerateTask, shard: Shard, worker: str = "", upto: str = "receipt") -> Receipt:
    """What a shard's part and receipt are; both are put, or only the part, or `nothing`."""
    labels = task.plan.labels(shard.start, shard.stop)
    data = canonical([task.checkpoint, task.spec.seed, shard.start, labels])
    classes = len(task.plan.weights)
    counts = tuple(np.bincount(labels, minlength=classes).tolist()) if classes else ()
    receipt = Receipt(
        shard.name, shard.start, shard.stop, len(data), sha256(data), sha256(b"content" + data), counts, {}, worker
    )
    if upto in ("part", "receipt"):
        store.put(layout.part(task.key, shard.name), data)
    if upto == "receipt":
        store.put(layout.receipt(task.key, shard.name), receipt.to_json())
    return receipt


def job(*overrides: str, output: str | None = None) -> JobSpec:
    """A tiny job, by default on a memory store of its own; `overrides` as after `--set`."""
    text = f"""
name: tiny
output: {output or f"memory://scripted-{next(_OUTPUTS)}"}
data: {{source: "sklearn://digits"}}
model: {{family: vae, backbone: dense, latent: 4, width: 16}}
train: {{steps: 3, batch: 16, micro_batches: 2}}
generate: {{count: 40, part_rows: 10, batch: 8, workers: {{min: 1, max: 2}}}}
"""
    return load("job.yaml", text, overrides)


class _Rows(Source):
    """Forty images of 2x2 in two classes."""

    def __init__(self) -> None:
        super().__init__(None, "", "label")

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [("rows", 40, "1")]

    def fragments(self) -> list[Fragment]:
        return [Fragment("rows", 0, 40)]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        for number in range(fragment.rows):
            yield Row(np.full((2, 2), number, np.uint8), "ab"[number % 2], f"{fragment.key} row {number}")
