"""Preparing: in memory, or streamed by Ray Data, which shares the reading, sorts by content, and spills.

Both ways give the same bytes (`genai.prepare`). Ray is imported where it is used: the crew of one process prepares
without it.
"""

from __future__ import annotations

from typing import Any

from genai.prepare import SORT_BY, Terms, assemble, classes_of, gather, pieces, read_fragment, settle
from genai.prepared import Prepared
from jobs import layout
from jobs.crew import PrepareTask
from jobs.stores import Store
from jobs.survey import sources
from workers.feed import quiet

BATCH_ROWS = 4096


def source_bytes(task: PrepareTask) -> int:
    """Bytes of all files of the sources."""
    return sum(size for group in sources(task.spec) for source in group for _, size, _ in source.fingerprint())


def terms(task: PrepareTask) -> Terms:
    """What the job says about its rows."""
    data = task.spec.data
    return Terms(
        data.split.model_dump(),
        data.on_bad_row,
        data.max_bad_rows,
        data.unlabelled,
        data.repeat_labelled,
        tuple(data.filters),
        task.classes,
    )


def in_memory(task: PrepareTask) -> Prepared:
    """Prepare in this process; the blocks are in the store when it returns. Raises DataError on bad input."""
    return gather(*sources(task.spec), task.spec.data.modality, terms(task), _blocks(task).put)


def _blocks(task: PrepareTask) -> Store:
    return layout.blocks(layout.job_store(task.spec), task.key)


def streamed(task: PrepareTask) -> Prepared:
    """Prepare on the cluster, as `in_memory`."""
    import ray.data

    quiet()
    groups = sources(task.spec)
    found = pieces(*groups)
    said = terms(task)
    modality = settle(found, task.spec.data.modality, said)
    read = ray.data.from_items([{"piece": piece} for piece in found], override_num_blocks=len(found))
    read.context.raise_original_map_exception = True

    def decoded(batch: dict[str, Any]) -> Any:
        return read_fragment(batch["piece"][0], modality, said)

    rows = read.map_batches(decoded, batch_size=1, num_cpus=0.5).sort(SORT_BY).materialize()
    classes = classes_of(rows.unique("label"), [*groups[0], *groups[1]], said)
    tables = rows.iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow")
    total = rows.count()
    return assemble(tables, modality, said, classes=classes, total=total, put=_blocks(task).put)
