"""What is wrong is said in one line before anything is added, and what is safe with it."""

import socket
import sys
from dataclasses import replace

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from genai.errors import InputError, IntegrityError, StoreError
from jobs import layout
from jobs.stores import open_store
from jobs.tables import Sealed, _iceberg_catalog
from jobs.tables._errors import said
from jobs.tables.delta import Delta
from jobs.tables.iceberg import Iceberg
from tests.jobs.tables.conftest import delta_table, exists, indices, loaded, sealed, version

KINDS = pytest.mark.parametrize("kind", ["iceberg", "delta"])


def make(table, schema):
    """An empty table of other columns."""
    if isinstance(table, Delta):
        return DeltaTable.create(table.to, schema)
    with table._opened("", "") as catalog:
        catalog.create_namespace_if_not_exists("samples")
        return catalog.create_table(table.table, schema)


def columns(dataset, **others):
    """The dataset's schema with some columns changed, or, if None, without them."""
    fields = {field.name: field for field in dataset.schema}
    fields |= {name: pa.field(name, kind) if isinstance(kind, pa.DataType) else kind for name, kind in others.items()}
    return pa.schema([field for field in fields.values() if field is not None])


@KINDS
@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"label": pa.string()}, r"column 'label': found string, allowed: int64"),
        (
            {"image": pa.struct([("bytes", pa.binary())])},
            r"column 'image': found struct<bytes: binary>, allowed: struct<",
        ),
        ({"synthetic": None}, r"found no column 'synthetic', allowed: synthetic, bool"),
        ({"more": pa.field("more", pa.int64(), nullable=False)}, r"column 'more': found one that may not be null"),
    ],
)
def test_a_table_of_another_schema_is_refused(folder, kind, change, found):
    """Table, column, what was found and what is allowed; before a sample is minted, and at the publish."""
    table, dataset = folder.table(kind), sealed(folder.output, 150)
    make(table, columns(dataset, **change))
    for ask in (lambda: table.check(dataset.schema), lambda: table.add(dataset)):
        with pytest.raises(InputError, match=f"digits.*: {found}"):
            ask()

    assert indices(table) == []


@KINDS
def test_a_table_may_have_more_columns(folder, kind):
    """In another order, too; what the dataset has not is null."""
    table, dataset = folder.table(kind), sealed(folder.output, 150)
    mine = columns(dataset, more=pa.string())
    make(table, pa.schema(list(reversed(list(mine)))))
    table.check(dataset.schema)
    table.add(dataset)

    assert indices(table) == list(range(150))


def test_a_partitioned_iceberg_table_is_refused(folder):
    """A part has rows of every class, so it can be in no partition."""
    table, dataset = folder.iceberg(), sealed(folder.output, 150)
    with make(table, dataset.schema).update_spec() as spec:
        spec.add_identity("label")
    with pytest.raises(InputError, match="found a table that is partitioned by label"):
        table.check(dataset.schema)


def test_a_partitioned_delta_table_takes_rows(folder):
    """They are copied, each where it belongs."""
    table, dataset = folder.delta(), sealed(folder.output, 150)
    DeltaTable.create(table.to, dataset.schema, partition_by="label")
    for _ in range(2):
        table.add(dataset)

    assert indices(table) == list(range(150))
    assert len(delta_table(table).partitions()) == 3


def unreachable(table, uri):
    return replace(table, properties={**table.properties, "uri": uri, "type": "rest" if "http" in uri else "sql"})


@pytest.mark.parametrize("uri", ["sqlite:////none/such/catalog.db", "http://127.0.0.1:9/"])
def test_a_catalogue_that_cannot_be_reached_leaves_the_dataset_safe(folder, uri):
    """One line: which table, why, where the dataset is, and what to do; exit code 1."""
    table, dataset = unreachable(folder.iceberg(), uri), sealed(folder.output, 150)
    with pytest.raises(StoreError) as told:
        table.add(dataset)
    with pytest.raises(StoreError, match="nothing was done"):
        table.check(dataset.schema)

    assert str(told.value).startswith("Iceberg table samples.digits of catalogue tests: ")
    assert f"safe in {dataset.place}, and the same command registers it later" in str(told.value)
    assert ("\n" in str(told.value), told.value.exit_code) == (False, 1)


def test_a_catalogue_that_is_silent_is_not_waited_for_for_ever(folder, monkeypatch):
    """PyIceberg has no time-out of its own."""
    monkeypatch.setattr(_iceberg_catalog, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        table = unreachable(folder.iceberg(), f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StoreError, match=r"no answer in 0\.5 s"):
            table.add(sealed(folder.output, 150))


def test_a_delta_table_that_cannot_be_reached_leaves_the_dataset_safe(folder, monkeypatch, moto_s3):
    """Its server is gone; what is told has one line, and no key."""
    moto_s3.use(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("GENAI_S3_PATIENCE", "0.01")
    table, dataset = Delta("s3://bucket/lake/digits"), sealed(folder.output, 150)
    with pytest.raises(StoreError) as told:
        table.add(dataset)

    assert f"safe in {dataset.place}, and the same command registers it later" in str(told.value)
    assert "\n" not in str(told.value)
    assert moto_s3.secret_key not in str(told.value)


@KINDS
def test_a_library_that_is_missing_is_named(folder, kind, monkeypatch):
    """With the extra that installs it."""
    table, dataset = folder.table(kind), sealed(folder.output, 150)
    library = {"iceberg": "pyiceberg", "delta": "deltalake"}[kind]
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(InputError, match=rf"{library} is not installed.*genai-jobs\[{kind}\]"):
        table.check(dataset.schema)


@pytest.mark.parametrize(
    "properties",
    [
        {"s3.secret-access-key": "hunter2hunter2"},
        {"token": "hunter2hunter2"},
        {"credential": "me:hunter2hunter2"},
        {"header.Authorization": "Basic hunter2hunter2"},
        {"uri": "postgresql+psycopg2://me:hunter2hunter2@host/lake"},
        {"uri": "postgresql+psycopg2://me@host/lake?password=hunter2hunter2"},
    ],
)
def test_a_secret_in_a_job_is_refused(properties):
    """The job's copy would keep it: the variable that may hold it is named, the secret is not repeated."""
    with pytest.raises(InputError, match=r"found a secret.*PYICEBERG_CATALOG__LAKE__") as told:
        Iceberg("samples.digits", "lake", properties)

    assert "hunter2" not in str(told.value)


def test_a_secret_that_a_library_quotes_is_struck_out():
    """Whatever it says, it is one line without colours."""
    error = ValueError("properties: {'token': 'hunter2hunter2'}\n   \x1b[31m↳\x1b[0m at host")

    assert said(error, ["hunter2hunter2", ""]) == "ValueError: properties: {'token': '***'} at host"


def test_what_is_no_table_is_refused():
    """As a job file is read: a name without namespace, a scheme that is none, a key in a URI."""
    for table in ("digits", "samples.", "a table.x"):
        with pytest.raises(InputError, match=r"allowed: namespace and name, such as samples\.digits"):
            Iceberg(table)
    with pytest.raises(InputError, match="found the scheme 'ftp'"):
        Delta("ftp://host/lake")
    with pytest.raises(InputError, match="found a user or key in the URI") as told:
        Delta("s3://me:hunter2@bucket/lake")
    assert "hunter2" not in str(told.value)


def test_a_catalogue_that_nobody_set_up_is_named(folder, monkeypatch):
    """With the variable that sets it up."""
    monkeypatch.setenv("HOME", folder.root)
    with pytest.raises(InputError, match=r"no catalogue 'my-lake'.*PYICEBERG_CATALOG__MY_LAKE__URI .* or `properties:"):
        Iceberg("samples.digits", "my-lake").check(pa.schema([]))
    with pytest.raises(InputError, match=r"no catalogue 'my-lake'.*'nonsense' is not a valid"):
        Iceberg("samples.digits", "my-lake", {"type": "nonsense"}).check(pa.schema([]))


def test_settings_that_cannot_be_read_are_not_quoted(folder, monkeypatch):
    """Keys stand in that file."""
    monkeypatch.setenv("PYICEBERG_HOME", folder.root)
    (folder.folder / ".pyiceberg.yaml").write_text("catalog:\n  tests: {token: hunter2hunter2\n")
    with pytest.raises(InputError, match=r"cannot read its settings \(.*\): check ~/\.pyiceberg\.yaml") as told:
        folder.iceberg().check(pa.schema([]))

    assert "hunter2" not in str(told.value)


def test_a_table_that_cannot_be_made_is_refused(folder):
    """Said before a sample is minted."""
    with pytest.raises(InputError, match="hierarchical namespaces are not supported"):
        folder.iceberg("samples.digits.new").check(pa.schema([("label", pa.int64())]))


def test_a_new_table_needs_a_warehouse(folder):
    """Said before a sample is minted."""
    table = folder.iceberg()
    homeless = replace(table, properties={k: v for k, v in table.properties.items() if k != "warehouse"})
    with pytest.raises(InputError, match="a new table needs a warehouse"):
        homeless.check(pa.schema([("label", pa.int64())]))


def test_a_dataset_that_is_not_sealed_is_refused(folder):
    """What no `_SUCCESS` stands behind may still change."""
    dataset = sealed(folder.output, 150)
    dataset.store.delete(layout.dataset(dataset.manifest.key, "_SUCCESS"))
    with pytest.raises(InputError, match="it is not sealed"):
        Sealed.open(dataset.store, dataset.manifest.key)


@KINDS
@pytest.mark.parametrize("damage", ["gone", "cut", "turned"])
def test_a_damaged_part_stays_out(folder, kind, damage):
    """And with it all that would come in its commit. A turned bit of a part that is only registered is `verify`'s."""
    table = folder.table(kind)
    table.add(sealed(folder.output, 150))
    before, dataset = version(table), sealed(folder.output, 350)
    key = layout.part(dataset.manifest.key, "part-00001.parquet")  # whose first half is there
    data = dataset.store.get(key)
    if damage == "gone":
        dataset.store.delete(key)
    else:
        dataset.store.put(key, data[:-9] if damage == "cut" else data[:40] + bytes([data[40] ^ 1]) + data[41:])
    with pytest.raises(IntegrityError, match=r"`genai repair` makes"):
        table.add(dataset)

    assert (version(table), indices(table)) == (before, list(range(150)))


def test_parts_that_iceberg_cannot_name_are_refused(folder):
    """In memory, or where a path means something else in a URI."""
    table = folder.iceberg()
    for output in ("memory://tables", f"{folder.root}/a#b"):
        with pytest.raises(InputError, match="Iceberg finds no parts there"):
            table.add(sealed(output, 150))
    assert not exists(table)


def test_a_mark_that_is_no_number_is_refused(folder):
    """What the table says of itself is others' bytes."""
    table, dataset = folder.iceberg(), sealed(folder.output, 150)
    table.add(dataset)
    with loaded(table).transaction() as change:
        change.set_properties({f"genai.dataset.{dataset.manifest.key}": "many"})
    with pytest.raises(InputError, match="found 'many' as its property"):
        table.add(dataset)


def test_parts_that_the_table_has_forgotten_are_not_added_again(folder):
    """Its property is gone, its files are not."""
    table, dataset = folder.iceberg(), sealed(folder.output, 200)
    table.add(dataset)
    with loaded(table).transaction() as change:
        change.remove_properties(f"genai.dataset.{dataset.manifest.key}")
    with pytest.raises(InputError, match="beyond the 0 rows that the table says it has of it"):
        table.add(dataset)

    assert indices(table) == list(range(200))


def test_parts_of_another_format_are_refused(folder):
    """Tables are made of Parquet."""
    dataset = sealed(folder.output, 150)
    manifest = replace(dataset.manifest, plan=replace(dataset.manifest.plan, suffix=".npy"))
    with pytest.raises(InputError, match=r"found parts that end with \.npy; allowed for a table: \.parquet"):
        Sealed.of(open_store(folder.output), manifest)
