"""Generation as one worker sees it: it holds the checkpoint, and makes shards into parts.

Part first, then its receipt. A thread draws while others encode and upload what was drawn before: `make` may be
called from several threads, and only its drawing is exclusive. So memory is bounded by the batch and as many parts
as there are callers. What each of them does, and since when it has not got on, can be asked for at any time.
"""

from __future__ import annotations

import threading
import time

import numpy as np

from genai import formats
from genai.formats import content_digest
from genai.identity import sha256
from jobs import layout
from jobs.crew import GenerateTask
from jobs.draw import about, generator_of, samples_of
from jobs.ledger import Receipt
from jobs.originals import editing_of
from jobs.prompts import kept_prompts
from jobs.shards import Shard
from workers.answer import Answer, Doings

WAITING = "waits its turn with"  # what a caller does who is kept by another


class Minter:
    """Makes the parts of one dataset. Raises IntegrityError where the checkpoint is not the one of the task."""

    def __init__(self, task: GenerateTask, device: str = "cpu", worker: str = "") -> None:
        spec = task.spec
        self.task, self.worker = task, worker
        self.store = layout.job_store(spec)
        prompts = kept_prompts(self.store, task.prompts) if task.prompts else ()
        editing = editing_of(spec, self.store, task.source, task.plan.turns) if task.source else None
        self.generator = generator_of(spec, self.store, task.train_key, task.checkpoint, prompts, device, editing)
        checkpoint = self.generator.checkpoint
        self.classes = checkpoint.classes
        self.format = formats.of(task.plan.suffix)
        self.about = about(checkpoint.modality, self.classes, spec, task.checkpoint, task.key)
        self._drawing = threading.Lock()
        self._doings = Doings(WAITING)

    def doing(self) -> Answer:
        """What its callers do. May be called beside them."""
        return self._doings.answer()

    def make(self, shard: Shard) -> Receipt:
        """Draw, encode and store a shard, then its receipt."""
        with self._doings.of(shard, WAITING):
            return self._made(shard)

    def _made(self, shard: Shard) -> Receipt:
        clock = [time.monotonic()]
        with self._drawing:
            clock.append(time.monotonic())
            samples, rejected = samples_of(
                self.generator,
                self.task.plan,
                range(shard.start, shard.stop),
                self.task.spec.generate.terms,
                lambda drawn: self._doings.tell(shard, _draws(shard, drawn)),
            )
            clock.append(time.monotonic())
        self._doings.tell(shard, "encodes")
        data = self.format.encode(samples, self.about)
        clock.append(time.monotonic())
        self._doings.tell(shard, "stores")
        self.store.put(layout.part(self.task.key, shard.name), data)
        clock.append(time.monotonic())
        self._doings.tell(shard, "stores the receipt of")
        counts = [] if samples.labels is None else np.bincount(samples.labels, minlength=len(self.classes)).tolist()
        receipt = Receipt(
            shard.name,
            shard.start,
            shard.stop,
            len(data),
            sha256(data),
            content_digest(samples),
            tuple(counts),
            dict(zip(("wait", "draw", "encode", "put"), np.diff(clock).round(3).tolist(), strict=True)),
            self.worker,
            dict(rejected),
        )
        self.store.put(layout.receipt(self.task.key, shard.name), receipt.to_json())
        return receipt


def _draws(shard: Shard, drawn: int) -> str:
    """What somebody does who has drawn so often for a shard."""
    if drawn < shard.rows:
        return f"draws sample {shard.start + drawn} of"
    return f"draws again what was refused, after {drawn} draws, of"
