"""Exporting as one worker sees it: sealed parts in, an export's files out.

Files first, then the receipt. Files of a part go side by side, since an image folder has one a sample; so memory is
bounded by the part and what is made of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from genai import formats
from genai.errors import IntegrityError
from genai.exports import Piece
from genai.formats import Samples
from genai.identity import canonical, sha256
from genai.splits import members
from jobs import layout, ledger
from jobs.crew import ExportTask
from jobs.draw import about
from jobs.ledger import Receipt
from jobs.shards import Shard
from workers.answer import Answer, Doings

PUTS = 8  # files that are stored side by side


class Exporter:
    """Makes the files of one publication. Raises IntegrityError where its dataset is not sealed."""

    def __init__(self, task: ExportTask, worker: str = "") -> None:
        self.task, self.worker = task, worker
        self.store = layout.job_store(task.spec)
        self.publication = task.publication
        manifest = ledger.sealed(self.store, task.key)
        if manifest is None:
            raise IntegrityError(
                f"{self.store.locate(layout.dataset(task.key))}: the dataset is not sealed; `genai run` seals it"
            )
        self._parts = {part.name: part for part in manifest.parts}
        self._format = formats.of(task.plan.suffix)
        self._about = about(task.modality, manifest.classes, task.spec, manifest.checkpoint, task.key)
        self._target = self.publication.store
        self._doings = Doings()

    def doing(self) -> Answer:
        return self._doings.answer()

    def make(self, shard: Shard) -> Receipt:
        """Read a part, put the files made of it, then their receipt."""
        with self._doings.of(shard, "reads"):
            clock = [time.monotonic()]
            samples = self._read(shard)
            clock.append(time.monotonic())
            files = list(self._put(shard, samples))
            clock.append(time.monotonic())
            made = replace(
                self._parts[shard.name],
                bytes=sum(size for _, size, _ in files),
                sha256=sha256(canonical(sorted((name, digest) for name, _, digest in files))),
                seconds={"read": round(clock[1] - clock[0], 3), "put": round(clock[2] - clock[1], 3)},
                worker=self.worker,
            )
            self.publication.commit(shard, made)
            return made

    def _read(self, shard: Shard) -> Samples:
        key = layout.part(self.task.key, shard.name)
        data = self.store.get(key)
        if sha256(data) != self._parts[shard.name].sha256:
            raise IntegrityError(
                f"{self.store.locate(key)}: other bytes than its manifest says; `genai repair` mends it"
            )
        return self._format.decode(data, self._about.modality)

    def _put(self, shard: Shard, samples: Samples) -> Iterator[tuple[str, int, str]]:
        """Name, size and digest of each file, when it is stored."""

        def put(file: tuple[str, bytes]) -> tuple[str, int, str]:
            name, data = file
            self._target.put(name, data)
            self._doings.tell(shard, "stores files of")
            return name, len(data), sha256(data)

        with ThreadPoolExecutor(PUTS) as pool:
            for split, mask in members(samples.indices, self.publication.splits):
                piece = Piece(samples.rows(mask), self._about, shard.name.removesuffix(self.task.plan.suffix), split)
                yield from pool.map(put, self.publication.export.files(piece))
