"""Training as one worker sees it: its data, its place in the group, its saved states.

`fit_task` is the same for every crew; `workers.group` runs it on a group of Ray Train workers. The state of an
unfinished training lies beside the checkpoint-to-be, `state/<step>-<digest>.safetensors`, the last two of them; its
name holds the digest of its bytes, so a damaged one is passed over for the one before. Worker 0 says which one the
group goes on from: what each sees may differ while an upload of the group before still arrives.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

import genai
from genai import weights
from genai.checkpoint import Checkpoint
from genai.errors import IntegrityError, NotFound
from genai.exchange import Alone, Exchange
from genai.identity import sha256
from genai.order import Batch
from genai.prepared import Prepared, load
from genai.train import fit
from jobs import layout
from jobs.crew import TrainTask
from jobs.stores import Store
from workers.feed import MEMORY_BYTES, feed

STATES = 2  # saved states that are kept
TEST_BYTES = 1 << 30  # the final measures are of at most so many test rows: every worker holds them
TELL_SECONDS = 1.0

Tell = Callable[..., None]  # (kind, **fields): EventLog.note, or a way to it


def fit_task(
    task: TrainTask,
    tell: Tell,
    *,
    exchange: Exchange | None = None,
    device: str = "cpu",
    wrap: Callable[[nn.Module], nn.Module] | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> dict[str, Any]:
    """Train, from the last saved state if there is one, and let worker 0 store the checkpoint.

    Gives what `metrics.json` says. Every worker of the group calls it alike.
    """
    group = exchange or Alone()
    store, spec = layout.job_store(task.spec), task.spec
    recipe, family = spec.train.recipe, spec.model.family
    torch.set_num_threads(recipe.threads)
    prepared = Prepared.from_json(store.get(layout.prepared(task.prepared_key)))
    blocks, states = layout.blocks(store, task.prepared_key), States(store, task.key)
    trained = fit(
        family,
        prepared.modality,
        len(prepared.classes) if family.conditional else 0,
        feed(task, prepared, memory_bytes),
        recipe,
        validation=held_out(prepared, "validation", blocks, recipe.validation_rows),
        test=held_out(prepared, "test", blocks, TEST_BYTES // prod(prepared.modality.array_shape)),
        exchange=group,
        device=device,
        wrap=wrap,
        state=states.agreed(group, device),
        save=states.save,
        report=_teller(tell) if group.rank == 0 else None,
    )
    checkpoint = Checkpoint.of(trained, family, prepared.modality, prepared.classes, recipe, prepared.digest, device)
    metrics = {
        "digest": checkpoint.digest,
        "steps": trained.steps,
        "measures": trained.measures,
        "history": trained.history,
        "versions": {"torch": torch.__version__, "numpy": np.__version__, "genai": genai.__version__},
    }
    if group.rank == 0:
        for name, data in checkpoint.to_files().items():
            store.put(layout.checkpoint(task.key, name), data)
        store.put(layout.checkpoint(task.key), json.dumps(metrics, indent=1).encode())
        states.clear()
    return metrics


def held_out(prepared: Prepared, split: str, blocks: Store, rows: int) -> Batch | None:
    """At most the first `rows` rows of a split (they stand in random order), or None where it has none."""
    return load(prepared, split, blocks.get, rows) if prepared.splits[split].rows else None


class States:
    """The saved states of one unfinished training."""

    def __init__(self, store: Store, key: str) -> None:
        self._store, self._prefix = store, layout.checkpoint(key, "state/")

    def save(self, data: bytes) -> None:
        step = int(weights.facts(data)["step"])
        self._store.put(f"{self._prefix}{step:09d}-{sha256(data)[:16]}.safetensors", data)
        for name in self._names()[:-STATES]:
            self._store.delete(name)

    def agreed(self, group: Exchange, device: str = "cpu") -> bytes | None:
        """The state that worker 0 finds last; None where it finds none. All workers call it together."""
        last = self.last() if group.rank == 0 else None
        name = last[0].removeprefix(self._prefix) if last else ""
        step, digest = (int(name[:9]), int(name[10:26], 16)) if name else (-1, 0)
        mine = torch.tensor([step, digest >> 32, digest & 0xFFFFFFFF], dtype=torch.int64, device=device)
        step, high, low = group.gather(mine)[0].tolist()
        if step < 0:
            return None
        return last[1] if last else self._read(f"{self._prefix}{step:09d}-{high << 32 | low:016x}.safetensors")

    def last(self) -> tuple[str, bytes] | None:
        """The newest state whose bytes are those that its name says, and its name."""
        for name in reversed(self._names()):
            with contextlib.suppress(NotFound, IntegrityError):
                return name, self._read(name)
        return None

    def _read(self, name: str) -> bytes:
        data = self._store.get(name)
        if sha256(data)[:16] != name.rpartition("-")[2].partition(".")[0]:
            raise IntegrityError(f"the training state {self._store.locate(name)} is damaged; remove it")
        return data

    def clear(self) -> None:
        for name in self._names():
            self._store.delete(name)

    def _names(self) -> Sequence[str]:
        return [entry.key for entry in self._store.list(self._prefix)]


def _teller(tell: Tell) -> Callable[[dict[str, Any]], None]:
    """Reports steps about once a second, and every validation."""
    at, step = 0.0, 0  # when a step was told last, and which; step 0: none yet

    def report(told: dict[str, Any]) -> None:
        nonlocal at, step
        now = time.monotonic()
        if "validation" in told:
            tell("train_validated", step=told["step"], steps=told["steps"], **told["validation"])
        if not step or now - at >= TELL_SECONDS or told["step"] == told["steps"]:
            rate = round((told["step"] - step) * told["rows"] / max(1e-9, now - at), 1) if step else None
            at, step = now, told["step"]
            loss = round(told["loss"], 6)
            tell("train_step", step=step, steps=told["steps"], loss=loss, lr=told["lr"], rows_per_second=rate)

    return report
