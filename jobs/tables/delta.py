"""A Delta table, by delta-rs (`deltalake`).

- A Delta table owns its files, so rows are copied, a few at a time; each part is compared with the manifest first.
- How many rows of a dataset are there is Delta's own mark of an application: the action `txn` with the id
  `genai-<dataset key>`, in the same commit as the rows. Two commits with one such id exclude each other.
- That does not hold for the commit that makes the table: delta-rs (1.6) would add the second one's rows to the first
  one's. So a table that was not there must still not be there, retries are off, and `Table.add` looks again.
- On S3 this needs a server that heeds `If-None-Match`, as Amazon's does: there is no other guard of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import unquote, urlsplit

from annotated_types import Len, doc

from genai.errors import GenaiError, InputError, StoreError
from jobs.tables import Added, Raced, Sealed, Table, Told

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

    from jobs.ledger import Receipt

GROUP_ROWS, GROUP_BYTES = 10_000, 1 << 24  # of a row group, which the writer holds in memory

_NOTHING = "nothing was done; when that is mended, the same command goes on"


@dataclass(frozen=True)
class Delta(Table):
    """A Delta table, into which rows are copied."""

    to: Annotated[str, Len(1), doc("Folder or URI of the table: lake/digits, or s3://bucket/lake/digits.")]

    def __post_init__(self) -> None:
        scheme, mark, rest = self.to.partition("://")
        if mark and scheme not in ("file", "s3"):
            raise InputError(f"to: found the scheme {scheme[:50]!r}; allowed: a folder, or s3://bucket/prefix")
        if mark and "@" in rest.partition("/")[0]:
            raise InputError(
                "to: found a user or key in the URI; allowed: s3://bucket/prefix, keys by the AWS variables"
            )

    @property
    def place(self) -> str:
        return f"Delta table {self.to}"

    def located(self, absolute: Callable[[str], str]) -> Self:
        return replace(self, to=absolute(self.to))

    def _count(self, dataset: str, after: str) -> int:
        with self._door(after, []):
            return _rows_of(self._find(self._options()), dataset)

    def _check(self, schema: pa.Schema) -> None:
        with self._door(_NOTHING, []):
            found = self._find(self._options())
            if found is not None:
                self._fit(found, schema)

    def _add(self, dataset: Sealed, told: Told) -> Added:
        key, count = dataset.manifest.key, dataset.manifest.plan.count
        after = f"the dataset is whole and safe in {dataset.place}, and the same command registers it later"
        broken: list[GenaiError] = []
        with self._door(after, broken):
            from deltalake.exceptions import DeltaError

            options = self._options()
            found = self._find(options)
            there = _rows_of(found, key)
            if there >= count:
                return Added(0, 0, there)
            schema = self._fit(found, dataset.schema) if found else dataset.schema
            parts = [part for part in dataset.manifest.parts if part.stop > there]
            batches = _kept(_rows(dataset, parts, there, schema, told), broken)
            try:
                self._write(found, options, schema, batches, dataset)
            except DeltaError:
                if found or broken or self._find(options) is None:
                    raise
                raise Raced(f"{self.place}: somebody else has made it; {after}") from None
            return Added(count - there, len(parts), count)

    def _write(
        self,
        found: DeltaTable | None,
        options: dict[str, str],
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        dataset: Sealed,
    ) -> None:
        import pyarrow as pa
        from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

        from jobs.tables._rows import facts

        mark = Transaction(f"genai-{dataset.manifest.key}", dataset.manifest.plan.count)
        write_deltalake(
            found or self._uri,
            pa.RecordBatchReader.from_batches(schema, batches),
            mode="append" if found else "error",  # an error where it is there by now
            description=None if found else "Synthetic samples, minted by genai",
            storage_options=options or None,
            writer_properties=WriterProperties(
                compression="ZSTD", compression_level=1, max_row_group_size=_group_rows(dataset)
            ),
            commit_properties=CommitProperties(
                custom_metadata=dict(facts(dataset)),
                app_transactions=[mark],
                max_commit_retries=None if found else 0,
            ),
        )

    @property
    def _uri(self) -> str:
        """As delta-rs takes it: a path as it is."""
        return unquote(urlsplit(self.to).path) if self.to.startswith("file://") else self.to

    def _options(self) -> dict[str, str]:
        """How S3 is reached, as our store reaches it; in memory only."""
        if not self.to.startswith("s3://"):
            return {}
        from jobs.stores.credentials import access

        reached = access(self.to.removeprefix("s3://").partition("/")[0])
        told = {
            "aws_endpoint": reached.endpoint, "aws_region": reached.region, "aws_access_key_id": reached.key,
            "aws_secret_access_key": reached.secret, "aws_session_token": reached.token,
            "allow_http": "true" if reached.endpoint.startswith("http://") else "",
            "connect_timeout": _duration(reached.patience.connect), "timeout": _duration(3 * reached.patience.idle),
            "retry_timeout": _duration(reached.patience.operation), "max_retries": str(reached.patience.attempts - 1),
        }  # fmt: skip
        return {name: value for name, value in told.items() if value}

    def _find(self, options: dict[str, str]) -> DeltaTable | None:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            return DeltaTable(self._uri, storage_options=options or None)
        except TableNotFoundError:
            return None

    def _fit(self, found: DeltaTable, wanted: pa.Schema) -> pa.Schema:
        """The table's columns, as rows have to come. Raises InputError where the dataset's do not fit."""
        import pyarrow as pa

        from jobs.tables._schema import fit

        there = pa.schema(found.schema().to_arrow())
        fit(self.place, there, wanted)
        return there

    @contextmanager
    def _door(self, after: str, broken: list[GenaiError]) -> Iterator[None]:
        """Where the errors of delta-rs become ours; an error of ours that went through it is in `broken`."""
        from jobs.tables._errors import need, said

        need("deltalake", "delta", self.place)
        from deltalake.exceptions import CommitFailedError, DeltaError
        from pyarrow import ArrowException

        try:
            yield
        except (GenaiError, Raced):
            raise
        except (DeltaError, ArrowException, OSError, ValueError) as error:
            if broken:
                raise broken[0] from None
            told = said(error)
            if isinstance(error, CommitFailedError):
                raise Raced(f"{self.place}: {told}; {after}") from None
            raise StoreError(f"{self.place}: it cannot be reached or read ({told}); {after}") from None


def _rows_of(found: DeltaTable | None, key: str) -> int:
    """How many rows of a dataset the table has."""
    return (found.transaction_version(f"genai-{key}") or 0) if found else 0


def _rows(dataset: Sealed, parts: list[Receipt], there: int, schema: Any, told: Told) -> Iterator[pa.RecordBatch]:
    from jobs.tables._rows import rows

    return rows(dataset, parts, there, schema, told)


def _group_rows(dataset: Sealed) -> int:
    """Rows of a row group: as many as have its bytes, if all are alike."""
    size = max(1, dataset.manifest.bytes // max(1, dataset.manifest.rows))
    return max(1, min(GROUP_ROWS, GROUP_BYTES // size))


def _kept(batches: Iterator[pa.RecordBatch], broken: list[GenaiError]) -> Iterator[pa.RecordBatch]:
    """The same; an error of ours is kept, as of what goes through delta-rs only a text comes out."""
    try:
        yield from batches
    except GenaiError as error:
        broken.append(error)
        raise


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
