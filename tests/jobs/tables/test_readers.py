"""Programs that are not ours read the tables, and count the same."""

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from jobs.tables._schema import plain
from tests.jobs.tables.conftest import delta_dataset, loaded, rows_of, sealed


def per_class(labels):
    return {label: labels.count(label) for label in sorted(set(labels))}


@pytest.fixture(autouse=True)
def _plain_planner(monkeypatch):
    """Polars warns that a plug-in of its own would plan faster."""
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")


def test_readers_agree_on_the_counts_per_class(place):
    """PyIceberg, deltalake, DuckDB and Polars, on both tables, after two publishes; and the manifest says the same."""
    iceberg, delta = place.iceberg(), place.delta()
    for count in (250, 430):
        dataset = sealed(place.output, count)
        for table in (iceberg, delta):
            table.add(dataset)
    expected = dict(enumerate(dataset.manifest.plan.label_counts()))
    scan = loaded(iceberg).scan()

    for table in (iceberg, delta):
        assert per_class(rows_of(table).column("label").to_pylist()) == expected
    for found in (scan.to_arrow_batch_reader(), delta_dataset(delta)):
        counted = duckdb.connect().register("samples", found)
        assert dict(counted.sql("SELECT label, count(*) FROM samples GROUP BY label").fetchall()) == expected
    options = {name: said for name, said in delta._options().items() if name.startswith(("aws_", "allow_"))}
    for frame in (pl.from_arrow(scan.to_arrow()).lazy(), pl.scan_delta(delta.to, storage_options=options or None)):
        assert dict(frame.group_by("label").len().collect().rows()) == expected


def test_polars_scans_the_iceberg_table(folder):
    """By its own reader of Iceberg, over parts that lie in the dataset and rows that were copied."""
    table, dataset = folder.iceberg(), sealed(folder.output, 250)
    table.add(dataset)

    frame = pl.scan_iceberg(loaded(table)).group_by("label").len().collect()

    assert dict(frame.rows()) == dict(enumerate(dataset.manifest.plan.label_counts()))


def test_rows_are_those_of_the_parts(place):
    """Images, names, labels and provenance, to the byte, of both tables."""
    dataset = sealed(place.output, 150)
    stored = [part.name for part in dataset.manifest.parts]
    parts = [f"datasets/{dataset.manifest.key}/data/{name}" for name in stored]
    expected = pa.concat_tables([pa.parquet.read_table(dataset.store.open(part)) for part in parts]).to_pylist()
    for table in (place.iceberg(), place.delta()):
        table.add(dataset)

        found = rows_of(table).sort_by("index")

        assert found.to_pylist() == expected
        assert [plain(field.type) for field in found.schema] == [field.type for field in dataset.schema]
