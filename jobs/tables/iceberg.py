"""An Iceberg table, by PyIceberg.

- Whole parts are registered where they lie; none is copied. Rows of a short last part are copied, because a full part
  will take its place, and so is the rest of that one later.
- How many rows of a dataset are there is the table's property `genai.dataset.<key>`, which outlives the expiry of
  snapshots; each snapshot's summary says of which dataset it is. All that one publish adds is one commit.
- PyIceberg (0.12) tries a commit that was overtaken again by itself, on top of the other, and two publishes would then
  both be there. So its retries are off, in memory, and `Table.add` looks again.
- A table that we make has `gc.enabled: false`, so that no clean-up of a table removes the parts of a sealed dataset.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Self

from annotated_types import Len, doc

from genai.errors import InputError, IntegrityError
from jobs.tables import Added, Sealed, Table, Told

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as Found
    from pyiceberg.table import Transaction

    from jobs.ledger import Receipt

_NOTHING = "nothing was done; when that is mended, the same command goes on"
_PATH = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:)(.+)")


@dataclass(frozen=True)
class Iceberg(Table):
    """A table of an Iceberg catalogue, in which whole parts are registered where they lie."""

    table: Annotated[str, Len(3), doc("Namespace and name, with a dot between them: samples.digits.")]
    catalog: Annotated[
        str, Len(1), doc("Name of the catalogue, as in ~/.pyiceberg.yaml or PYICEBERG_CATALOG__NAME__URI.")
    ] = "default"
    properties: Annotated[
        dict[str, str],
        doc("PyIceberg's properties of it (type, uri, warehouse, …) where not set up there; no secrets."),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^.\s]+(\.[^.\s]+)+", self.table):
            raise InputError(f"table: found {self.table[:100]!r}; allowed: namespace and name, such as samples.digits")
        from jobs.tables._iceberg_catalog import secret_in

        if name := secret_in(self.properties):
            variable = f"PYICEBERG_CATALOG__{self.catalog}__{name[:100].replace('.', '__')}".replace("-", "_").upper()
            raise InputError(
                f"properties: found a secret in {name[:100]!r}, which the job's copy would keep; allowed: {variable} "
                "in the environment, or ~/.pyiceberg.yaml"
            )

    @property
    def place(self) -> str:
        return f"Iceberg table {self.table} of catalogue {self.catalog}"

    def located(self, absolute: Callable[[str], str]) -> Self:
        made = dict(self.properties)
        if found := _PATH.fullmatch(made.get("uri", "")):
            made["uri"] = found[1] + absolute(found[2])
        house = made.get("warehouse", "")
        if house.startswith((".", "/", "~")):  # else it may be a name that the catalogue knows
            made["warehouse"] = f"file://{absolute(house)}"
        return replace(self, properties=made)

    def _count(self, dataset: str, after: str) -> int:
        with self._opened("", after) as catalog:
            return _rows_of(self._find(catalog), dataset, self.place)

    def _check(self, schema: pa.Schema) -> None:
        with self._opened("", _NOTHING) as catalog:
            found = self._find(catalog)
            if found is None:
                self._check_new(catalog, schema)
            else:
                self._fit(found, schema)

    def _add(self, dataset: Sealed, told: Told) -> Added:
        key, count = dataset.manifest.key, dataset.manifest.plan.count
        after = f"the dataset is whole and safe in {dataset.place}, and the same command registers it later"
        uri = _uri(dataset, dataset.manifest.parts[0])
        with self._opened(uri, after) as catalog:
            found = self._find(catalog)
            there = _rows_of(found, key, self.place)
            if there >= count:
                return Added(0, 0, there)
            parts = [part for part in dataset.manifest.parts if part.stop > there]
            _check_whole(dataset, parts)
            change = self._changed(catalog, found, dataset)
            change.set_properties({f"genai.dataset.{key}": str(count)})
            self._stage(change, dataset, parts, there, told)
            _within(change.commit_transaction)
            return Added(count - there, len(parts), count)

    def _opened(self, dataset: str, after: str) -> Any:
        from jobs.tables._iceberg_catalog import opened

        return opened(self.place, self.catalog, self.properties, dataset, after)

    def _find(self, catalog: Catalog) -> Found | None:
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        try:
            return _within(lambda: catalog.load_table(self.table))
        except (NoSuchTableError, NoSuchNamespaceError):
            return None

    def _check_new(self, catalog: Catalog, schema: pa.Schema) -> None:
        """Raises InputError where the table cannot be made. A server is not asked: it might begin to make it."""
        from pyiceberg.catalog import MetastoreCatalog
        from pyiceberg.exceptions import NoSuchNamespaceError

        if not isinstance(catalog, MetastoreCatalog):
            return
        try:
            catalog.create_table_transaction(self.table, schema)
        except NoSuchNamespaceError:
            if "warehouse" not in catalog.properties:
                raise InputError(f"{self.place}: {_NO_WAREHOUSE}") from None
        except ValueError as error:
            homeless = "default path" in str(error)
            why = _NO_WAREHOUSE if homeless else f"it cannot be made ({str(error)[:200]}); allowed: a name of two parts"
            raise InputError(f"{self.place}: {why}") from None

    def _fit(self, found: Found, schema: pa.Schema) -> None:
        from jobs.tables._schema import fit

        fit(self.place, found.schema().as_arrow(), schema, strict=True)
        if not found.spec().is_unpartitioned():
            by = ", ".join(part.name for part in found.spec().fields)
            raise InputError(
                f"{self.place}: found a table that is partitioned by {by}, but a part has rows of all kinds; allowed: "
                "one without partitions"
            )

    def _changed(self, catalog: Catalog, found: Found | None, dataset: Sealed) -> Transaction:
        """A transaction on the table, or one that makes it."""
        if found is None:
            _within(lambda: catalog.create_namespace_if_not_exists(self.table.rpartition(".")[0]))
            self._check_new(catalog, dataset.schema)
            made = {"gc.enabled": "false", "comment": "Synthetic samples, minted by genai"}
            return _within(lambda: catalog.create_table_transaction(self.table, dataset.schema, properties=made))
        self._fit(found, dataset.schema)
        found.metadata.properties["commit.retry.num-retries"] = "0"
        return found.transaction()

    def _stage(self, change: Transaction, dataset: Sealed, parts: list[Receipt], there: int, told: Told) -> None:
        """Whole parts by their names, rows of the others as they are."""
        import pyarrow as pa

        from jobs.tables._rows import facts, rows

        full = dataset.manifest.plan.part_rows
        whole = [part for part in parts if part.start >= there and part.rows == full]
        rest = [part for part in parts if part.start < there or part.rows < full]
        said = facts(dataset)
        if whole:
            try:
                change.add_files([_uri(dataset, part) for part in whole], snapshot_properties=said)
            except ValueError as error:
                if "already referenced" not in str(error):
                    raise
                raise InputError(f"{self.place}: {_FORGOTTEN.format(key=dataset.manifest.key, there=there)}") from None
        if rest:
            batches = rows(dataset, rest, there, dataset.schema, told)
            change.append(pa.RecordBatchReader.from_batches(dataset.schema, batches), snapshot_properties=said)


def _within(call: Callable[[], Any]) -> Any:
    from jobs.tables import _iceberg_catalog
    from jobs.tables._errors import within

    return within(_iceberg_catalog.SECONDS, call)


def _rows_of(found: Found | None, key: str, place: str) -> int:
    """How many rows of a dataset the table has."""
    said = found.metadata.properties.get(f"genai.dataset.{key}", "0") if found else "0"
    if not re.fullmatch(r"[0-9]{1,18}", said):
        raise InputError(f"{place}: found {said[:50]!r} as its property genai.dataset.{key}; allowed: a number of rows")
    return int(said)


def _uri(dataset: Sealed, part: Receipt) -> str:
    """A part as any reader of the table finds it. Raises InputError where none could."""
    from jobs import layout

    found = dataset.store.locate(layout.part(dataset.manifest.key, part.name))
    uri = found if "://" in found else f"file://{found}"
    if not uri.startswith(("file://", "s3://")) or set("#?") & set(uri):
        raise InputError(
            f"{dataset.place}: Iceberg finds no parts there; allowed: a folder or s3://, without # and ? in its path"
        )
    return uri


def _check_whole(dataset: Sealed, parts: list[Receipt]) -> None:
    """Raises IntegrityError where a part that is to be registered is not there as the manifest says."""
    from jobs import layout

    folder = layout.dataset(dataset.manifest.key, "data/")
    sizes = {entry.key.removeprefix(folder): entry.size for entry in dataset.store.list(folder)}
    lost = [part.name for part in parts if sizes.get(part.name) != part.bytes]
    if lost:
        raise IntegrityError(
            f"{dataset.place}: found {len(lost)} of {len(parts)} parts gone or not whole ({', '.join(lost[:5])}), and "
            "no table was told of them; `genai repair` makes them again"
        )


_FORGOTTEN = (
    "found parts of dataset {key} beyond the {there} rows that the table says it has of it; allowed: its property "
    "genai.dataset.{key} as it was, or a table without them"
)
_NO_WAREHOUSE = "a new table needs a warehouse, where its files go: `properties: {warehouse: s3://… or a folder}`"
