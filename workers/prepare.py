"""Preparing on Ray: fragments are read in parallel by Ray Data, sorted by content, and written as blocks.

Small sources are prepared by one task in memory; both ways give the same bytes (`genai.prepare`). Ray is imported
where it is used: the crew of one process prepares without it.
"""

from __future__ import annotations

from typing import Any

from genai.prepare import SORT_BY, Terms, assemble, classes_of, gather, pieces, read_fragment, settle
from genai.prepared import Prepared
from jobs import layout
from jobs.crew import PrepareTask
from jobs.spec import JobSpec
from jobs.stores import Store
from jobs.survey import sources
from workers.feed import quiet

MEMORY_BYTES = 256 << 20  # of source files; above it, Ray Data shares the work and spills what does not fit
BATCH_ROWS = 4096


def prepare_task(task: PrepareTask, memory_bytes: int = MEMORY_BYTES) -> Prepared:
    """Prepare on the cluster; the blocks are in the store when it returns. Raises DataError on bad input."""
    listed = [size for group in sources(task.spec) for source in group for _, size, _ in source.fingerprint()]
    if sum(listed) > memory_bytes:
        return _streamed(task)
    import ray

    return ray.get(ray.remote(num_cpus=1)(in_memory).remote(task))


def terms(spec: JobSpec) -> Terms:
    """What the job says about its rows."""
    return Terms(spec.data.split.model_dump(), spec.data.on_bad_row, spec.data.max_bad_rows)


def in_memory(task: PrepareTask) -> Prepared:
    """Prepare in this process."""
    return gather(*sources(task.spec), task.spec.data.modality, terms(task.spec), _blocks(task).put)


def _blocks(task: PrepareTask) -> Store:
    return layout.blocks(layout.job_store(task.spec), task.key)


def _streamed(task: PrepareTask) -> Prepared:
    import ray.data

    quiet()
    groups = sources(task.spec)
    found = pieces(*groups)
    modality = settle(found, task.spec.data.modality)
    read = ray.data.from_items([{"piece": piece} for piece in found], override_num_blocks=len(found))
    read.context.raise_original_map_exception = True

    def decoded(batch: dict[str, Any]) -> Any:
        return read_fragment(batch["piece"][0], modality)

    rows = read.map_batches(decoded, batch_size=1, num_cpus=0.5).sort(SORT_BY).materialize()
    classes = classes_of(rows.unique("label"), [*groups[0], *groups[1]])
    tables = rows.iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow")
    total = rows.count()
    return assemble(tables, modality, terms(task.spec), classes=classes, total=total, put=_blocks(task).put)
