"""Training rows: in memory where the training split fits, else streamed from the store by Ray Data.

Both give the same rows in the same order (`genai.order`), so the checkpoint's bits don't depend on which it was. The
stream fetches a window (about 16 MiB) at a time, a few windows ahead, so memory stays flat whatever the data's size.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from math import prod
from typing import TYPE_CHECKING, Any

from genai.order import Batch, Load, Order, Rows, Stream, batches, chunk_rows
from genai.prepared import Prepared, load, loader
from jobs import layout
from jobs.crew import TrainTask

if TYPE_CHECKING:
    from genai.train import Data

MEMORY_BYTES = 2 << 30  # a worker holds a training split up to this size
AHEAD = 2  # windows that are fetched at once
AHEAD_BYTES = 64 << 20  # that wait in Ray's object store, for each micro-batch of a worker


def feed(
    task: TrainTask,
    prepared: Prepared,
    memory_bytes: int = MEMORY_BYTES,
    get: Callable[[str], bytes] | None = None,
) -> Data:
    """The training rows of a task, for one worker; `get` fetches a block that is held in memory."""
    blocks, recipe = layout.blocks(layout.job_store(task.spec), task.prepared_key), task.spec.train.recipe
    row_bytes = prod(prepared.modality.array_shape)
    train = prepared.splits["train"]

    if train.rows * row_bytes <= memory_bytes:
        arrays, labels = load(prepared, "train", get or blocks.get)
        return Rows(arrays, labels, recipe.batch, recipe.micro_batches, recipe.seed)
    order = Order(train.rows, recipe.batch, recipe.micro_batches, recipe.seed, chunk_rows(row_bytes))
    return RayStream(order, loader(prepared, "train", blocks.open))


class RayStream(Stream):
    """A stream whose windows Ray Data's tasks fetch ahead of the training."""

    def batches(self, micro: int, start_step: int = 0) -> Iterator[Batch]:
        ahead = _fetched(self.order, self.load, micro, start_step * self.order.size(micro))
        return batches(self.order, lambda _ranges: next(ahead), micro, start_step)


WINDOWS_PER_DATASET = 256  # an endless stream is a sequence of finite Ray datasets


def _fetched(order: Order, load_: Load, micro: int, start_row: int) -> Iterator[Batch]:
    """What `load_` gives for each window of the stream, in order, fetched by Ray Data.

    Its tasks ask for no CPU, since they wait for the store most of the time, and since the training's workers may
    hold every CPU there is: tasks that asked for one would then never run, and Ray would not say so.
    """
    import ray.data

    quiet()

    def fetch(row: dict[str, Any]) -> dict[str, Any]:
        arrays, labels = load_([range(int(start), int(stop)) for start, stop in row["ranges"]])
        return {"arrays": arrays, "labels": labels}

    windows = order.windows(micro, start_row)
    while True:
        some = [{"ranges": [(r.start, r.stop) for r in w.ranges]} for w in islice(windows, WINDOWS_PER_DATASET)]
        dataset = ray.data.from_items(some, override_num_blocks=len(some)).map(fetch, num_cpus=0, concurrency=AHEAD)
        context = dataset.context
        context.raise_original_map_exception = True
        context.execution_options.preserve_order = True
        context.execution_options.resource_limits = ray.data.ExecutionResources(object_store_memory=AHEAD_BYTES)
        for row in dataset.iter_rows():
            yield row["arrays"], row["labels"]


def quiet() -> None:
    """Ray Data prints nothing: the run has one stream of events, and errors come as exceptions."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
