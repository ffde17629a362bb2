"""The rows of a sealed dataset from some index on, in order, a few at a time.

A part is read whole, and compared with the manifest's SHA-256 before a row of it is given: nothing damaged gets into a
table. Rows come in batches that are bounded whatever a part claims (`genai.parquet_pages`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genai.errors import GenaiError, InputError, IntegrityError, NotFound
from genai.formats import About, Samples
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.modalities import Modality
from genai.parquet_pages import Watched, check_rows
from jobs import layout
from jobs.ledger import Manifest, Receipt
from jobs.stores import Store
from jobs.tables import Sealed, Told

BATCH, BATCH_BYTES = 1024, 1 << 27  # rows at a time, and what they may take

_MEND = "`genai repair` makes it again"


def schema_of(store: Store, manifest: Manifest) -> pa.Schema:
    """The columns of a dataset's parts, as its first one has them."""
    if manifest.plan.suffix != ".parquet":
        place = layout.dataset_place(store, manifest.key)
        raise InputError(f"{place}: found parts that end with {manifest.plan.suffix}; allowed for a table: .parquet")
    key = layout.part(manifest.key, manifest.parts[0].name)
    with _door(store.locate(key)), closing(store.open(key)) as raw:
        return pq.read_schema(raw).remove_metadata()


def schema_for(modality: Modality, classes: Sequence[str], sources: int = 0) -> pa.Schema:
    """The columns that a dataset's parts will have."""
    none = Samples.none(modality.array_shape, labelled=bool(classes), sources=sources)
    part = Parquet().encode(none, About(modality, "", 0, "", "", tuple(classes)))
    return pq.read_schema(io.BytesIO(part)).remove_metadata()


def rows(
    dataset: Sealed, parts: Iterable[Receipt], start: int, schema: pa.Schema, told: Told
) -> Iterator[pa.RecordBatch]:
    """The rows of index `start` and above of some parts, as `schema` orders them; a column that they have not is null.

    Raises IntegrityError where a part is not what the manifest says.
    """
    wanted = sum(part.stop - max(part.start, start) for part in parts)
    done = 0
    for part in parts:
        place = dataset.store.locate(layout.part(dataset.manifest.key, part.name))
        data = _bytes(dataset, part, place)
        given = 0
        with _door(place):
            for batch in _batches(data):
                fresh = batch.filter(pc.greater_equal(batch.column("index"), start))
                given += fresh.num_rows
                if fresh.num_rows:
                    yield _ordered(fresh, schema)
        first = max(part.start, start)
        if given != (said := part.stop - first):
            raise IntegrityError(
                f"{place}: found {given:,} rows from index {first:,} on, the manifest says {said:,}; {_MEND}"
            )
        done += given
        told(done, wanted)


def facts(dataset: Sealed) -> dict[str, str]:
    """What is said, with the commit, of the rows that it brings."""
    manifest = dataset.manifest
    return {
        "genai.synthetic": "true", "genai.dataset": manifest.key, "genai.job": manifest.job,
        "genai.place": dataset.place, "genai.digest": manifest.digest, "genai.checkpoint": manifest.checkpoint,
        "genai.classes": json.dumps(manifest.classes, ensure_ascii=False),
    }  # fmt: skip


def _bytes(dataset: Sealed, part: Receipt, place: str) -> bytes:
    with _door(place):
        data = dataset.store.get(layout.part(dataset.manifest.key, part.name))
    if (found := sha256(data)) != part.sha256:
        raise IntegrityError(f"{place}: its SHA-256 is {found}, the manifest says {part.sha256}; {_MEND}")
    return data


def _batches(data: bytes) -> Iterator[pa.RecordBatch]:
    """As many rows at a time as fit even if each is the largest value that its pages can hold."""
    watched = Watched(io.BytesIO(data))
    with pq.ParquetFile(watched, pre_buffer=False) as file:  # a read is a column chunk
        groups = range(file.metadata.num_row_groups)
        check_rows([file.metadata.row_group(group).num_rows for group in groups], len(data))
        for group in filter(lambda group: file.metadata.row_group(group).num_rows, groups):  # no rows, no page
            watched.watch()
            next(file.iter_batches(1, row_groups=[group], use_threads=False), None)  # brings the pages
            at_once = max(1, min(BATCH, BATCH_BYTES // max(1, watched.pages.value)))
            yield from file.iter_batches(at_once, row_groups=[group], use_threads=False)


def _ordered(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(field.name) if field.name in batch.schema.names else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


@contextmanager
def _door(place: str) -> Iterator[None]:
    try:
        yield
    except NotFound:
        raise IntegrityError(f"{place}: it is gone; {_MEND}") from None
    except GenaiError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        found = str(error).split("\n")[0][:300]
        raise IntegrityError(f"{place}: not a readable part ({type(error).__name__}: {found}); {_MEND}") from None
