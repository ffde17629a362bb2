"""A job that registers its dataset in tables, and what else `docs/tables.md` shows, as it stands there."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyiceberg.catalog import load_catalog

ROOT = Path(__file__).parents[2]


def blocks(language):
    text = (ROOT / "docs/tables.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def told(made, *more, code=0):
    return made("run", "job.yaml", "--crew", "local", *more, code=code).stderr


@pytest.fixture(scope="module")
def published(tmp_path_factory, finished):
    """A folder in which the page's job has run."""
    made = type(finished)(tmp_path_factory.mktemp("tables"))
    (made.folder / "job.yaml").write_text(blocks("yaml")[0])
    told(made)
    return made


@pytest.fixture
def again(published, monkeypatch):
    """The same, as the working directory; tables know their files by whole paths, so it is no copy."""
    monkeypatch.chdir(published.folder)
    return published


def counts(pairs):
    return {int(label): int(rows) for label, rows in pairs}


def test_readers_agree_on_the_rows_of_each_class(again):
    """DuckDB on the parts, Polars on the Delta table, PyIceberg on its own."""
    parts = duckdb.sql("SELECT label, count(*) FROM 'runs/digits/datasets/*/data/*.parquet' GROUP BY label").fetchall()
    delta = pl.scan_delta("lake/digits").group_by("label").len().collect().rows()
    catalog = load_catalog("lake", type="sql", uri="sqlite:///catalog.db")
    iceberg = Counter(catalog.load_table("samples.digits").scan().to_arrow().column("label").to_pylist())

    assert counts(parts) == counts(delta) == counts(iceberg.items())
    assert sum(counts(parts).values()) == 250


def test_a_finished_job_has_nothing_to_do(again):
    """Its tables are asked, and have all."""
    assert "complete already, nothing to do" in told(again)
    assert {stage["complete"] for stage in again.json("plan", "job.yaml")["stages"]} == {True}


def test_a_table_that_is_out_of_reach_is_no_secret(again):
    """A finished job says so, what is safe, and when to come back; its status is told all the same."""
    text = (again.folder / "job.yaml").read_text()
    (again.folder / "job.yaml").write_text(text.replace("sqlite:///catalog.db", "sqlite:////no/where.db"))
    said = told(again, code=1)
    shown = again.json("status", "job.yaml")
    (again.folder / "job.yaml").write_text(text)

    assert "Iceberg table samples.digits of catalogue lake: " in said
    assert "is safe; when that is mended, the same command goes on" in said
    assert [stage["complete"] for stage in shown["stages"][-2:]] == [True, None]


def test_a_table_of_another_schema_is_found_before_anything_is_trained(genai):
    """Exit code 2, and no checkpoint."""
    (genai.folder / "job.yaml").write_text(blocks("yaml")[0])
    DeltaTable.create(str(genai.folder / "lake/digits"), pa.schema({"label": pa.string()}))
    said = told(genai, code=2)

    assert "lake/digits: found no column 'image', allowed: image, struct<bytes: binary, path: string>" in said
    assert "train" not in said


def test_a_larger_run_adds_what_is_new(again):
    """Each row is there once, in both."""
    told(again, "--set", "generate.count=300")
    catalog = load_catalog("lake", type="sql", uri="sqlite:///catalog.db")
    found = catalog.load_table("samples.digits").scan().to_arrow()

    assert sorted(found.column("index").to_pylist()) == list(range(300))
    assert pl.scan_delta("lake/digits").select("index").collect().to_series().sort().to_list() == list(range(300))


def test_the_page_s_snippets_run(published):
    """One after another, as one script."""
    (published.folder / "snippets.py").write_text("\n".join(blocks("python")))
    done = subprocess.run(
        [sys.executable, "snippets.py"], cwd=published.folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert (published.folder / "lake/again/_delta_log").is_dir()


def test_the_page_s_commands_run(published):
    """With the settings that they make."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks("sh"))], cwd=published.folder,
        env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "[('samples', 'digits')]\n"), done.stderr
