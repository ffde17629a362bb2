"""A table the whole way, as a user goes it: from rows of every kind to what DuckDB, pandas and Hugging Face read."""

import json
from datetime import UTC, date, datetime, timedelta

import datasets
import duckdb
import mlcroissant
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.conftest import Genai

pytestmark = [  # of mlcroissant's own classes and arguments
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib.*"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]

JOB = """\
name: people
output: runs
data: {source: people.parquet, modality: {kind: table, drop: [index]}}
model: {family: flow, widths: [16], depth: 1}
train: {steps: 20, batch: 32, micro_batches: 2}
generate: {count: {per_class: 20}, part_rows: 16, batch: 16, sampler: {steps: 2}}
splits: {validation: 0, test: 0.25}
publish: [webdataset, npy, {kind: parquet, partition: split}, {kind: delta, to: lake}]
"""
ROWS = 120


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run, and the folder of its dataset."""
    folder = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(0)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table({
        "age": rng.integers(18, 90, ROWS), "income": np.round(rng.exponential(1000, ROWS), 2),
        "city": [("Ulm", "Köln", None)[n] for n in rng.integers(0, 3, ROWS)], "member": rng.random(ROWS) < 0.5,
        "born": [date(1990, 1, 1) + timedelta(days=int(n)) for n in rng.integers(0, 9000, ROWS)],
        "seen": [start + timedelta(minutes=int(n)) for n in rng.integers(0, 90_000, ROWS)],
        "index": np.arange(ROWS), "label": ["no", "yes"] * (ROWS // 2),
    })  # fmt: skip
    pq.write_table(table, folder / "people.parquet")
    genai = Genai(folder)
    (folder / "people.yaml").write_text(JOB)
    genai("run", "people.yaml", "--crew", "local")
    (dataset,) = folder.glob("runs/people/datasets/*")
    return genai, dataset


def test_readers_find_typed_columns(made):
    """DuckDB, pandas and Hugging Face see numbers, texts, dates and moments, missing ones too, and the classes."""
    _, dataset = made
    found = duckdb.sql(f"DESCRIBE SELECT * FROM '{dataset}/data/*.parquet'").fetchall()
    kinds = ["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE"]
    assert [kind for _, kind, *_ in found[:6]] == kinds
    rows = pd.read_parquet(dataset / "data")
    assert len(rows) == 40
    assert set(rows["city"].dropna()) <= {"Ulm", "Köln"}
    assert rows["age"].between(18, 89).all()
    again = datasets.load_dataset(str(dataset), split="train", cache_dir=str(dataset.parent / "hf"))
    assert again.features["label"].names == ["no", "yes"]
    assert again.features["born"].dtype == "date32"
    assert again[0]["income"] == rows["income"][0]


def test_the_catalogue_entry_names_every_column(made):
    """Croissant's own reader gives the rows by it."""
    _, dataset = made
    row = next(iter(mlcroissant.Dataset(str(dataset / "croissant.json")).records("samples")))
    assert set(row) == {f"samples/{name}" for name in pq.read_schema(next(dataset.glob("data/*"))).names}
    assert "| `seen` | a value of the sample (timestamp[us, tz=UTC]) |" in (dataset / "README.md").read_text()


def test_what_is_published_beside_it_is_read_by_others(made):
    """Tars whose JSON is the row, Hive's folders and a Delta table."""
    genai, dataset = made
    tars = datasets.load_dataset(str(dataset / "webdataset"), cache_dir=str(dataset.parent / "hf"))
    assert sorted(tars) == ["test", "train"]
    row = tars["train"][0]["json"]
    assert {"age", "city", "index", "label", "synthetic"} < set(row)
    assert datetime.fromisoformat(row["seen"]).tzinfo
    for place in (f"'{dataset}/parquet/*/*.parquet'", f"'{genai.folder}/lake/*.parquet'"):
        (found,) = duckdb.sql(f"SELECT count(DISTINCT index), count(DISTINCT seen) > 9 FROM {place}").fetchall()
        assert found == (40, True)


def test_it_is_verified_and_drawn_again(made):
    """Deep, and one sample alone."""
    genai, _ = made
    assert "0 problem(s)" in genai("verify", "people.yaml", "--deep").stdout
    assert json.loads(genai("sample", "people.yaml", "--index", "7", "--json").stdout)["equal"]


def test_pictures_are_not_made_of_it(made):
    """As an export, and as what is mixed into training; each is one error that says what is allowed."""
    genai, dataset = made
    told = genai("validate", "people.yaml", "--set", "publish=[images]", code=2).stderr
    assert "publish.0: found images of rows that are table rows; allowed: files, or another kind" in told
    from genai.augment import Augmented
    from genai.errors import InputError

    with pytest.raises(InputError, match="found a dataset of table rows; allowed: images"):
        Augmented(str(dataset), real=str(genai.folder / "people.parquet"), ratio=0.5)
