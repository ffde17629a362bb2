"""A slice: the samples of a range of indices as Parquet parts, made on the spot, without Ray and without the rest.

A part that lies whole in the range has the name and the bytes that it has in the dataset; one that is cut says the
indices that it has. Nothing is sealed: a slice is for a look, or for a worker that makes its rows where it needs them.
"""

from __future__ import annotations

from collections.abc import Callable

from genai.errors import InputError
from jobs.draw import END, about, generator_for, samples_of
from jobs.shards import Plan
from jobs.stores import open_store
from jobs.survey import Survey, look_at_checkpoint


def make_slice(found: Survey, indices: range, folder: str, told: Callable[[str], None]) -> list[str]:
    """Write the parts of a slice into a folder or URI; their paths or URIs. Raises InputError where there is no
    checkpoint, or no such index.
    """
    from genai import formats

    if not (0 <= indices.start < indices.stop <= END):
        raise InputError(f"--index {indices.start}:{indices.stop}: allowed: FROM:TO, with 0 <= FROM < TO <= {END}")
    if found.pinned and not found.checkpoint and found.train_key:
        found.pinned.copy(found.store)
        look_at_checkpoint(found)
    generator = generator_for(found)
    assert found.plan and found.checkpoint and found.dataset_key and found.modality
    said = about(found.modality, found.classes, found.spec, found.checkpoint, found.dataset_key)
    store, made = open_store(folder), []
    for name, rows in _parts(found.plan, indices):
        samples, _ = samples_of(generator, found.plan, rows, found.spec.generate.terms)
        store.put(name, formats.of(found.plan.suffix).encode(samples, said))
        made.append(store.locate(name))
        told(f"{made[-1]}: samples {rows.start:,} to {rows.stop - 1:,}")
    return made


def _parts(plan: Plan, indices: range) -> list[tuple[str, range]]:
    """Names of parts, and the indices that each has."""
    made = []
    for number in range(indices.start // plan.part_rows, -(-indices.stop // plan.part_rows)):
        start = max(indices.start, number * plan.part_rows)
        stop = min(indices.stop, (number + 1) * plan.part_rows)
        shard = plan.shard(number) if number < len(plan) else None
        whole = shard and (shard.start, shard.stop) == (start, stop)
        name = shard.name if shard and whole else f"part-{number:05d}.{start}-{stop}{plan.suffix}"
        made.append((name, range(start, stop)))
    return made
