"""The rows of a table are the same rows in whatever files they come."""

import json
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from genai.modalities.table import Table
from genai.prepare import Terms, pieces, read_fragment, settle
from genai.sources import open_source
from jobs.stores import open_store

TABLE = pa.table({
    "age": pa.array([None if n % 7 == 0 else n for n in range(40)], pa.int64()), "price": [n / 4 for n in range(40)],
    "zip": [f"0{n % 5}067" for n in range(40)], "member": [n % 2 == 0 for n in range(40)],
    "city": ["Ulm", None] * 20, "born": [date(1990, 1, 1) + timedelta(days=n) for n in range(40)],
    "label": ["no", "yes"] * 20,
})  # fmt: skip


def write_json(table, path):
    path.write_text("\n".join(json.dumps(row, default=str) for row in table.to_pylist()))


@pytest.mark.parametrize(("name", "write"), [("rows.csv", csv.write_csv), ("rows.jsonl", write_json)])
def test_text_files_say_the_rows_that_parquet_says(tmp_path, name, write):
    """All strings, or typed by JSON: the same columns, and each row on the same side of a split."""
    pq.write_table(TABLE, tmp_path / "rows.parquet")
    write(TABLE, tmp_path / name)
    found, terms = [], Terms({"train": 1.0})
    for file in ("rows.parquet", name):
        listed = pieces([open_source(str(tmp_path / file), "label", open_store, Table())])
        settled = settle(listed, Table(), terms)
        rows = pa.concat_tables([read_fragment(piece, settled, terms) for piece in listed]).sort_by("key")
        found.append((settled, rows.select(["key", "array", "error"])))
    assert found[0][0] == found[1][0]
    assert found[0][1].equals(found[1][1])
