"""Two parts in a folder, as each of the usual readers sees them."""

import io
import os
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from genai.formats.parquet import Parquet

HUGGING_FACE = """
import sys
import numpy as np
from datasets import load_dataset
rows = load_dataset("parquet", split="train", **{sys.argv[1]: sys.argv[2]})
assert rows.num_rows == 50, rows
assert type(rows.features["image"]).__name__ == "Image", rows.features
assert rows.features["label"].names == ["cat", "dog", "Ünïcørn"], rows.features
assert rows[7]["image"].size == (8, 8) and rows[7]["image"].mode == "L", rows[7]
assert rows["index"][:3] == [100, 101, 102] and rows[0]["synthetic"] is True
np.save(sys.argv[3], np.stack([np.asarray(image) for image in rows["image"]]))
"""


@pytest.fixture(scope="module")
def case(maker):
    return maker(50)


@pytest.fixture(scope="module")
def folder(case, maker, tmp_path_factory):
    """`data/` with a part of 30 rows and one of 20."""
    data = tmp_path_factory.mktemp("dataset") / "data"
    data.mkdir()
    for number, rows in enumerate((slice(30), slice(30, 50))):
        part = case.samples.rows(rows)
        (data / f"part-{number:05d}.parquet").write_bytes(Parquet().encode(part, case.about))
    return data


def pixels(images):
    return np.stack([np.asarray(PIL.Image.open(io.BytesIO(image["bytes"]))) for image in images])[..., None]


@pytest.mark.parametrize(("argument", "value"), [("data_files", "{}/*.parquet"), ("data_dir", "{}")])
def test_hugging_face_datasets_decodes_images_and_knows_the_classes(folder, case, tmp_path, argument, value):
    """In a process of its own, offline, as its caches and settings are global."""
    env = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    command = [sys.executable, "-c", HUGGING_FACE, argument, value.format(folder), str(tmp_path / "seen.npy")]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (np.load(tmp_path / "seen.npy") == case.samples.arrays[..., 0]).all()


def test_duckdb_queries_the_parts(folder, case):
    """Labels, provenance and the bytes of an image, by SQL."""
    import duckdb

    parts = f"'{folder}/*.parquet'"
    counts = duckdb.sql(f"SELECT label, count(*) FROM {parts} WHERE synthetic GROUP BY label ORDER BY label").fetchall()
    assert counts == list(enumerate(np.bincount(case.samples.labels).tolist()))
    image = duckdb.sql(f"SELECT image.bytes FROM {parts} WHERE index = 131").fetchall()[0][0]
    assert (pixels([{"bytes": image}]) == case.samples.arrays[31]).all()


def test_polars_scans_the_parts(folder, case):
    """Lazily, images as structs."""
    import polars as pl

    rows = pl.scan_parquet(folder / "*.parquet").filter(pl.col("index") >= 120).collect()
    assert rows["index"].to_list() == list(range(120, 150))
    assert rows.schema["label"] == pl.Int64
    assert (pixels(rows["image"].to_list()) == case.samples.arrays[20:]).all()


def test_pandas_reads_the_folder(folder, case):
    """As one frame."""
    import pandas as pd

    rows = pd.read_parquet(folder).sort_values("index")
    assert rows["label"].tolist() == case.samples.labels.tolist()
    assert set(rows["checkpoint"]) == {"c" * 64}
    assert (pixels(rows["image"]) == case.samples.arrays).all()


def test_pyarrow_reads_the_folder_as_one_dataset(folder, case):
    """The parts have one schema, metadata included."""
    import pyarrow.dataset as ds

    found = ds.dataset(folder, format="parquet")
    assert {b"huggingface", b"genai"} <= set(found.schema.metadata)
    assert len({fragment.physical_schema.remove_metadata() for fragment in found.get_fragments()}) == 1
    rows = found.to_table(filter=ds.field("label") == 2)
    assert (pixels(rows.column("image").to_pylist()) == case.samples.arrays[case.samples.labels == 2]).all()
