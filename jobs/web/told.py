"""What the events of a run tell, folded into what its page shows: stages, workers, shards that failed, rates.

It takes events one by one and stays small however many come: curves are thinned, lists bounded. Times are those of the
events, the driver's clock, so that a reader's clock that is wrong makes no rate wrong.
"""

from __future__ import annotations

from collections import deque

from jobs.events import Event
from jobs.follow import OVER
from jobs.show import KEY, PART
from jobs.web.fields import Fields
from jobs.web.rates import Rate, Series
from jobs.web.stages import Stage, Worker

LATEST = 8  # parts, and failures, that are kept
NAMES = 5000  # workers, and shards, that are told apart


class Told:
    """The fold. `add` each event in order."""

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}
        self.workers: dict[tuple[str, str], Worker] = {}
        self.quarantined: dict[str, str] = {}
        self.failures: deque[dict[str, str]] = deque(maxlen=LATEST)
        self.newest: deque[str] = deque(maxlen=LATEST)  # parts of the dataset
        self.loss, self.held = Series(), dict[str, Series]()
        self.trained = 0.0  # seconds of all training workers together
        self.waiting = ""
        self.command = ""
        self.began: float | None = None
        self.last: Event | None = None
        self.end: Event | None = None  # of the newest try, where it is over
        self.tries = 0
        self._stage: Stage | None = None

    def add(self, event: Event) -> None:
        """One event more."""
        fields = Fields(event)
        self.last = event
        self.waiting = fields.text("on") if event.kind == "waiting" else ""
        if event.kind == "run_started":
            self._begin(fields)
        elif event.kind in OVER:
            self._over(event, "done" if event.kind == "run_done" else "stopped")
        elif event.kind in ("stage_started", "stage_reused", "stage_done"):
            self._of_stage(event.kind, fields)
        elif event.kind.startswith(("train_", "state_", "steps_")):
            self._training(event.kind, fields)
        elif event.kind in ("part_done", "rows_added"):
            self._parts(event.kind, fields)
        elif event.kind in ("shard_failed", "shard_quarantined", "worker_lost"):
            self._fault(event.kind, fields)

    @property
    def dataset(self) -> str | None:
        """The key of the dataset."""
        stage = self.stages.get("generate")
        return stage.key if stage and KEY.fullmatch(stage.key) else None

    @property
    def error(self) -> str:
        """What ended the newest try."""
        return Fields(self.end).text("error") if self.end else ""

    @property
    def exit_code(self) -> int:
        return Fields(self.end).whole("exit_code") if self.end else 0

    @property
    def seconds(self) -> float:
        """Of all workers together, as far as the events tell."""
        return self.trained + sum(worker.seconds for worker in self.workers.values())

    def _begin(self, fields: Fields) -> None:
        self.tries += 1
        self.end, self._stage = None, None
        self.began = fields.at
        self.stages.clear()
        self.command = fields.text("command")
        for worker in self.workers.values():
            worker.over()
            worker.lost = ""

    def _over(self, event: Event, state: str) -> None:
        self.end = event
        for stage in self.stages.values():
            stage.state = state if stage.state == "running" else stage.state

    def _of_stage(self, kind: str, fields: Fields) -> None:
        name = fields.text("stage")[:100]
        if len(self.stages) > 100:
            return
        if kind == "stage_done":
            stage = self.stages.setdefault(name, Stage(name))
            stage.state, stage.heard, stage.seconds = "done", fields.at, fields.number("seconds")
            return
        state = "running" if kind == "stage_started" else "reused"
        made = Stage(name, fields.text("key"), state, began=fields.at, heard=fields.at, place=fields.text("place"))
        made.unit = "steps" if name == "train" else "parts"
        made.total = fields.whole("parts") or fields.whole("steps")
        made.done = fields.whole("done")
        made.rate = Rate(fields.at) if name != "train" else None
        self.stages[name] = self._stage = made
        for worker in self.workers.values():
            worker.over()

    def _training(self, kind: str, fields: Fields) -> None:
        stage = self.stages.setdefault("train", Stage("train", unit="steps", began=fields.at))
        if stage.workers and kind != "train_started":
            self.trained += stage.workers * max(0.0, fields.at - stage.heard)
        stage.heard = fields.at
        if kind == "train_started":
            stage.workers = min(fields.whole("workers"), 100_000)
            stage.done, stage.from_at = fields.whole("step"), None
        elif kind == "train_step":
            stage.done, stage.total = fields.whole("step"), fields.whole("steps") or stage.total
            if stage.from_at is None:  # what comes before the first word of it is no step's time
                stage.from_step, stage.from_at = stage.done, fields.at
            stage.speed, loss = fields.number("rows_per_second"), fields.number("loss")
            stage.note = f"loss {loss:.4g}" if loss is not None else ""
            if loss is not None:
                self.loss.add(stage.done, loss)
        elif kind == "train_validated":
            self._validated(fields)
        elif kind in ("train_again", "state_unsaved", "state_damaged"):
            self._failed("train", fields)

    def _validated(self, fields: Fields) -> None:
        for name in list(fields.names)[:20]:
            value = fields.number(name)
            if name not in ("step", "steps") and value is not None and (name in self.held or len(self.held) < 4):
                self.held.setdefault(name, Series()).add(fields.whole("step"), value)

    def _parts(self, kind: str, fields: Fields) -> None:
        name = fields.text("stage", "generate")[:100]
        stage = self.stages.setdefault(name, Stage(name, unit="parts", began=fields.at))
        stage.heard = fields.at
        if kind == "rows_added":
            stage.unit, stage.done, stage.total = "rows", fields.whole("rows"), fields.whole("of")
            return
        stage.done, stage.total = fields.whole("done"), fields.whole("parts")
        stage.rate = stage.rate or Rate(stage.began)
        stage.rate.add(fields.at, fields.whole("rows"), stage.done)
        part = fields.text("part")
        self.quarantined.pop(part, None)
        if name == "generate" and PART.fullmatch(part):
            self.newest.append(part)
        if worker := self._worker(name, fields):
            took = min(fields.sum("seconds"), max(0.0, fields.at - stage.began))
            worker.parts, worker.rows = worker.parts + 1, worker.rows + fields.whole("rows")
            worker.work(fields.at - took, fields.at)

    def _fault(self, kind: str, fields: Fields) -> None:
        name, shard = fields.text("stage", "generate")[:100], fields.text("shard")[:200]
        if kind == "shard_quarantined":
            if shard in self.quarantined or len(self.quarantined) < NAMES:
                self.quarantined[shard] = fields.text("error")
            return
        if worker := self._worker(name, fields):
            worker.heard = fields.at
            worker.lost = (fields.text("error") or "lost") if kind == "worker_lost" else worker.lost
            worker.failures += kind == "shard_failed"
        self._failed(name, fields)

    def _failed(self, stage: str, fields: Fields) -> None:
        if error := fields.text("error"):
            what = fields.text("shard") or fields.text("worker") or fields.text("state")
            told = {"stage": stage, "what": what[:200], "error": error, "decision": fields.text("decision")[:40]}
            self.failures.append(told | {"at": f"{fields.at:.3f}"})

    def _worker(self, stage: str, fields: Fields) -> Worker | None:
        name = fields.text("worker")[:100]
        if not name or (len(self.workers) >= NAMES and (stage, name) not in self.workers):
            return None
        return self.workers.setdefault((stage, name), Worker(name, stage))
