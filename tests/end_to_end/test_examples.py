"""Every file of examples/ as its user takes it: `genai validate`, a run in a short form, its samples read by others.

A modality that comes needs a line in `READERS`, and data that no other example reads one in `tests/short.py`.
"""

import io

import click
import duckdb
import pandas as pd
import polars as pl
import pytest
import soundfile
from PIL import Image

from jobs.cli import main
from tests.short import EXAMPLES, kind_of, ran, short


def seen(files):
    """By Polars and Pillow."""
    images = [Image.open(io.BytesIO(row["bytes"])) for row in pl.read_parquet(files)["image"]]
    return [image.convert("RGB").tobytes() for image in images]


def moved(files):
    """By Polars and Pillow, each of more than one frame."""
    clips = [Image.open(io.BytesIO(row["bytes"])) for row in pl.read_parquet(files)["video"]]
    return [clip.tobytes() for clip in clips if clip.n_frames > 1]


def heard(files):
    """By Polars and libsndfile."""
    return [soundfile.read(io.BytesIO(row["bytes"]))[0].tobytes() for row in pl.read_parquet(files)["audio"]]


def written(files):
    """By DuckDB."""
    return [text for (text,) in duckdb.sql(f"SELECT text FROM read_parquet({files})").fetchall()]


def measured(files):
    """By pandas; no cell is empty."""
    table = pd.concat(map(pd.read_parquet, files)).drop(columns=["index", "label", "checkpoint"], errors="ignore")
    assert not table.isna().any(axis=None)
    return table.to_numpy().tolist()


#: module of a modality -> what reads its samples, as many as there are
READERS = {"image": seen, "captioned": seen, "video": moved, "audio": heard, "text": written, "table": measured}


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_an_example_is_in_order_runs_and_is_read(name, tmp_path, monkeypatch, capsys):
    """With data of the form that it reads, by as few steps and as narrow a network as there may be."""
    monkeypatch.chdir(tmp_path)
    settings = short(name)
    click.Group.main(main, ["validate", str(EXAMPLES / f"{name}.yaml")], standalone_mode=False)
    assert "in order" in capsys.readouterr().out
    found = ran(EXAMPLES / f"{name}.yaml", settings)
    kind = kind_of(found.spec.data.modality)
    assert kind in READERS, f"{name}.yaml: nothing here reads samples of modality {kind}: add a line to READERS"

    assert len(READERS[kind](sorted(map(str, tmp_path.glob("runs/*/datasets/*/data/*.parquet"))))) == 20
