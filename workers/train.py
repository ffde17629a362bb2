"""Training as one worker sees it: its data, its place in the group, its saved states.

`fit_task` is the same for every crew; `workers.member` runs it on a group of Ray Train workers. The state of an
unfinished training lies beside the checkpoint-to-be, `state/<step>-<digest>.safetensors`, the last two of them; its
name holds the digest of its bytes, so a damaged one is passed over for the one before, and that is told. Worker 0 says
which one the group goes on from: what each sees may differ while an upload of the group before still arrives. That
upload harms nothing: equal steps are equal bytes, and what it removes is older than both.

A save that fails does not end the training, whose work is fine; two in a row do.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

import genai
from genai import weights
from genai.checkpoint import CONFIG, MODEL, Checkpoint
from genai.errors import IntegrityError, NotFound, StoreError, WorkerError
from genai.exchange import Alone, Exchange
from genai.identity import sha256
from genai.order import Batch
from genai.prepared import Prepared, load
from genai.train import fit
from jobs import layout
from jobs.crew import TrainTask
from jobs.stores import Entry, Store
from workers.feed import MEMORY_BYTES, feed
from workers.watch import Pulse

STATES = 2  # saved states that are kept
TEST_BYTES = 1 << 30  # the final measures are of at most so many test rows: every worker holds them
TELL_SECONDS = 1.0
_STATE = re.compile(r"[0-9]{9}-[0-9a-f]{16}\.safetensors")

Tell = Callable[..., None]  # (kind, **fields): EventLog.note, or a way to it


def fit_task(
    task: TrainTask,
    tell: Tell,
    *,
    exchange: Exchange | None = None,
    device: str = "cpu",
    wrap: Callable[[nn.Module], nn.Module] | None = None,
    memory_bytes: int = MEMORY_BYTES,
    pulse: Pulse | None = None,
) -> dict[str, Any]:
    """Train, from the last saved state if there is one, and let worker 0 store the checkpoint.

    Gives what `metrics.json` says. Every worker of the group calls it alike; `pulse` shows what it does.
    """
    group, pulse = exchange or Alone(), pulse or Pulse()
    tell = tell if group.rank == 0 else _untold
    store, spec = layout.job_store(task.spec), task.spec
    recipe, family = spec.train.recipe, spec.model.family
    torch.set_num_threads(recipe.threads)
    prepared = Prepared.from_json(store.get(layout.prepared(task.prepared_key)))
    blocks, states = layout.blocks(store, task.prepared_key), States(store, task.key, tell, pulse)

    def get(name: str) -> bytes:
        pulse("loading data")
        return blocks.get(name)

    start = _start(store, task.start)
    trained = fit(
        family,
        prepared.modality,
        len(prepared.classes) if family.conditional else 0,
        feed(task, prepared, memory_bytes, get),
        recipe,
        validation=held_out(prepared, "validation", get, recipe.validation_rows),
        test=held_out(prepared, "test", get, TEST_BYTES // prod(prepared.modality.array_shape)),
        exchange=group,
        device=device,
        wrap=wrap,
        state=states.agreed(group, device),
        save=states.save,
        report=_teller(tell, pulse),
        mark=pulse,
        start=start.weights if start else None,
        frozen=spec.train.init_from.frozen if spec.train.init_from else (),
    )
    made = family, prepared.modality, prepared.classes, recipe, prepared.digest, device
    checkpoint = Checkpoint.of(trained, *made, start.digest if start else None)
    metrics = {
        "digest": checkpoint.digest,
        "steps": trained.steps,
        "measures": trained.measures,
        "history": trained.history,
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "genai": genai.__version__},
    }
    if group.rank == 0:
        for name, data in checkpoint.to_files().items():
            pulse("storing the checkpoint", len(data))
            store.put(layout.checkpoint(task.key, name), data)
        store.put(layout.checkpoint(task.key), json.dumps(metrics, indent=1).encode())
        states.clear()
    return metrics


def _start(store: Store, key: str | None) -> Checkpoint | None:
    """The checkpoint whose weights a training begins with."""
    if key is None:
        return None
    return Checkpoint.from_files({name: store.get(layout.checkpoint(key, name)) for name in (CONFIG, MODEL)})


def held_out(prepared: Prepared, split: str, get: Callable[[str], bytes], rows: int) -> Batch | None:
    """At most the first `rows` rows of a split (they stand in random order), or None where it has none."""
    return load(prepared, split, get, rows) if prepared.splits[split].rows else None


def _untold(kind: str, **fields: Any) -> None:
    """Worker 0 tells for all."""


class States:
    """The saved states of one unfinished training."""

    def __init__(self, store: Store, key: str, tell: Tell = _untold, pulse: Pulse | None = None) -> None:
        self._store, self._prefix = store, layout.checkpoint(key, "state/")
        self._tell, self._pulse = tell, pulse or Pulse()
        self._unsaved = False  # the last save failed

    def save(self, data: bytes) -> None:
        """Raises StoreError where the save before has failed as well."""
        facts = weights.facts(data)
        step, began = int(facts["step"]), time.monotonic()
        self._pulse("saving", len(data))
        try:
            self._store.put(f"{self._prefix}{step:09d}-{sha256(data)[:16]}.safetensors", data)
        except StoreError as error:
            if self._unsaved:
                raise
            self._unsaved = True
            self._tell("state_unsaved", step=step, error=str(error))
            return
        self._unsaved = False
        seconds = round(time.monotonic() - began, 3)
        self._tell("state_saved", step=step, bytes=len(data), seconds=seconds)
        with contextlib.suppress(StoreError):  # what stays now goes with the next
            for entry in self._entries()[:-STATES]:
                self._store.delete(entry.key)

    def agreed(self, group: Exchange, device: str = "cpu") -> bytes | None:
        """The state that worker 0 finds last; None where it finds none. All workers call it together.

        Raises WorkerError where another worker cannot read it: a new start may.
        """
        last = self.last() if group.rank == 0 else None
        name = last[0].removeprefix(self._prefix) if last else ""
        step, digest = (int(name[:9]), int(name[10:26], 16)) if name else (-1, 0)
        mine = torch.tensor([step, digest >> 32, digest & 0xFFFFFFFF], dtype=torch.int64, device=device)
        step, high, low = group.gather(mine)[0].tolist()
        self._pulse.step = max(step, 0)
        self._tell("train_started", step=self._pulse.step, workers=group.size, worker=self._pulse.worker)
        if step < 0 or last:
            return last[1] if last else None
        try:
            return self._read(f"{self._prefix}{step:09d}-{high << 32 | low:016x}.safetensors")
        except (NotFound, IntegrityError) as error:
            raise WorkerError(f"worker {group.rank} cannot read the state of step {step}: {error}") from error

    def last(self) -> tuple[str, bytes] | None:
        """The newest state whose bytes are those that its name says, and its name; those passed over are told."""
        for entry in reversed(self._entries()):
            self._pulse("loading the state", entry.size)
            try:
                data = self._read(entry.key)
                weights.facts(data)
            except (NotFound, IntegrityError) as error:
                self._tell("state_damaged", state=entry.key.rpartition("/")[2], error=str(error))
            else:
                return entry.key, data
        return None

    def _read(self, name: str) -> bytes:
        data = self._store.get(name)
        if sha256(data)[:16] != name.rpartition("-")[2].partition(".")[0]:
            raise IntegrityError(f"the training state {self._store.locate(name)} is damaged; remove it")
        return data

    def clear(self) -> None:
        for entry in self._entries():
            self._store.delete(entry.key)

    def _entries(self) -> Sequence[Entry]:
        """By step; what else lies there is not ours."""
        return [entry for entry in self._store.list(self._prefix) if _STATE.fullmatch(entry.key.rpartition("/")[2])]


def _teller(tell: Tell, pulse: Pulse) -> Callable[[dict[str, Any]], None]:
    """Reports steps about once a second, and every validation."""
    at, step = 0.0, 0  # when a step was told last, and which; step 0: none yet

    def report(told: dict[str, Any]) -> None:
        nonlocal at, step
        pulse.stepped(told["step"])
        now = time.monotonic()
        if "validation" in told:
            tell("train_validated", step=told["step"], steps=told["steps"], **told["validation"])
        if not step or now - at >= TELL_SECONDS or told["step"] == told["steps"]:
            rate = round((told["step"] - step) * told["rows"] / max(1e-9, now - at), 1) if step else None
            at, step = now, told["step"]
            loss = round(told["loss"], 6)
            tell("train_step", step=step, steps=told["steps"], loss=loss, lr=told["lr"], rows_per_second=rate)

    return report
