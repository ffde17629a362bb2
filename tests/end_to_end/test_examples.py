"""Every file of examples/ as its user takes it: `genai validate`, a run in a short form, and its samples read by others.

An example that comes needs nothing here where it reads what another reads. Else it needs a line in `SMALL`, which makes
a small file of the form of its data; a modality that comes needs a line in `READERS`.
"""

import io
import itertools
from pathlib import Path

import click
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image

from jobs import layout
from jobs.cli import main
from jobs.driver import run
from jobs.events import EventLog
from jobs.resolve import resolve
from jobs.spec import load
from jobs.survey import survey
from workers.local import LocalCrew

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SHORT = [
    "train.steps=2", "train.epochs=null", "train.batch=8", "train.micro_batches=2", "train.validate_every=2",
    "generate.count=20", "generate.part_rows=10", "generate.batch=16",
]  # fmt: skip


def pictures(path):
    """Digits of 28x28 with their labels."""
    pq.write_table(pq.read_table(ROOT / "examples/data/digits.parquet").slice(0, 60), path)


def lines(path):
    """Words of one to four syllables."""
    words = ("".join(word) for n in (1, 2, 3) for word in itertools.product(["ka", "ri", "no", "el"], repeat=n))
    path.write_text("\n".join(words) + "\n")


def prose(path):
    """A page of ours."""
    path.write_text((ROOT / "docs/determinism.md").read_text())


def recordings(path):
    """Tones of half a second, a class for each pitch."""
    sounds = [io.BytesIO() for _ in range(60)]
    for number, sound in enumerate(sounds):
        wave = np.sin(np.arange(4000) * (1 + number % 10) / 10) * (0.5 + number / 200)
        soundfile.write(sound, wave, 8000, format="WAV")
    audio = [{"bytes": sound.getvalue(), "path": None} for sound in sounds]
    pq.write_table(pa.table({"audio": audio, "label": [number % 10 for number in range(60)]}), path)


#: what an example reads -> what makes a small file of that form
SMALL = {
    "examples/data/digits.parquet": pictures,
    "data/mnist/train.parquet": pictures,
    "data/mnist/test.parquet": pictures,
    "data/names.txt": lines,
    "data/tinyshakespeare.txt": prose,
    "data/spoken_digits.parquet": recordings,
}


def narrow(spec):
    """Settings by which the example's own model is a small one."""
    model, kind = spec.model, type(spec.model).__name__
    widths = [8, 16, 16][: len(getattr(model, "widths", ()))]
    return {
        "Flow": [f"model.widths={widths}", "model.depth=1", "generate.sampler.steps=1"],
        "Gan": [f"model.widths={widths}"],
        "Gpt": ["model.width=16", "model.depth=1", "model.heads=2"],
        "Vae": ["model.width=8", "model.latent=4"],
        "Vqvae": ["model.width=8", "model.prior_width=16", "model.prior_depth=1", "model.prior_heads=2"],
    }.get(kind, [])


def seen(files):
    """By Polars and Pillow."""
    images = [Image.open(io.BytesIO(row["bytes"])) for row in pl.read_parquet(files)["image"]]
    return [image.convert("RGB").tobytes() for image in images]


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
READERS = {"image": seen, "audio": heard, "text": written, "table": measured}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_in_order_runs_and_is_read(path, tmp_path, monkeypatch, capsys):
    """With data of the form that it reads, by as few steps and as narrow a network as there may be."""
    monkeypatch.chdir(tmp_path)
    spec = load(path.name, path.read_text())
    kind = type(spec.data.modality).__module__.rpartition(".")[2]
    assert kind in READERS, f"{path.name}: nothing here reads samples of modality {kind}: add a line to READERS"
    for source in filter(None, [*spec.data.source, spec.data.test_source]):
        make_small(path.name, source)

    click.Group.main(main, ["validate", str(path)], standalone_mode=False)
    assert "in order" in capsys.readouterr().out
    files = run_short(str(path), [*SHORT, *narrow(spec)])

    assert len(READERS[kind](files)) == 20


def make_small(name, source):
    """A small file where the example looks for its data."""
    if "://" in source:
        return
    assert source in SMALL, f"{name}: reads {source}, of which there is no small form here: add a line to SMALL"
    Path(source).parent.mkdir(parents=True, exist_ok=True)
    SMALL[source](Path(source))


def run_short(path, settings):
    """Run it in this process; the parts."""
    target = resolve(path, overrides=settings)
    found = survey(target.spec, target.store)
    with EventLog(found.store, layout.run_id(found.spec)) as events:
        found.store.put(layout.run(layout.run_id(found.spec)), found.spec.to_yaml().encode())
        run(found, LocalCrew(), events)
    return sorted(map(str, Path("runs", target.spec.name).glob("datasets/*/data/*.parquet")))
