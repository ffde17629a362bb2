"""Texts all the way: from files through training, minting and publishing, read back by programs that are not ours."""

import csv
import json

import datasets
import duckdb
import mlcroissant
import polars as pl
import pyarrow.parquet as pq
import pytest

from genai.errors import InputError
from genai.modalities.text import Text
from genai.sources import open_source
from jobs import layout
from jobs.describe import describe
from jobs.driver import run
from jobs.events import EventLog
from jobs.spec import load
from jobs.stores import open_store
from jobs.survey import survey
from jobs.verify import verify
from workers.local import LocalCrew

pytestmark = [  # rdflib's, which Croissant's reader needs
    pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib.*"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]
JOB = """
name: words
output: {folder}/runs
data:
  source: {source}
  label: {label}
  split: {{train: 1, validation: 0, test: 0}}
  modality: {{kind: text{fields}}}
model: {{family: "tests.tokens:Places"}}
train: {{steps: 60, batch: 4, micro_batches: 2, learning_rate: 0.3}}
generate: {{count: 60, part_rows: 40, batch: 16}}
splits: {{validation: 0, test: 0.2}}
publish:
- {{kind: webdataset, to: {folder}/tars}}
- {{kind: parquet, partition: split, to: {folder}/hive}}
- {{kind: delta, to: {folder}/lake}}
"""
CITIES = {
    "north": ("Ålesund in the north", "Oslo in the north", "Ylivieska, too"),
    "south": ("Córdoba in the south", "Roma in the south", "Ἀθῆναι, too"),
}
ROWS = [(text, label) for label, texts in CITIES.items() for text in texts]


def minted(folder, source, label="label", fields=""):
    """The job, run in this process; its survey afterwards."""
    spec = load("job.yaml", JOB.format(folder=folder, source=source, label=label, fields=fields))
    found = survey(spec)
    with EventLog(found.store, layout.run_id(spec)) as events:
        found.store.put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
        run(found, LocalCrew(), events)
    describe(again := survey(spec))
    return again


def problems(found):
    """What is wrong with a dataset of which every row is decoded."""
    return verify(found.store, found.dataset_key, deep=True, found=found)[1]


def written(folder):
    """The same rows as files of text, CSV, JSON lines and Parquet."""
    for label, texts in CITIES.items():
        (folder / "files" / label).mkdir(parents=True)
        (folder / "files" / label / "all.txt").write_text("\n".join(texts))
    with (folder / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *ROWS])
    (folder / "a.jsonl").write_text("".join(json.dumps({"name": t, "label": c, "n": 1}) + "\n" for t, c in ROWS))
    pl.DataFrame(ROWS, schema=["text", "label"], orient="row").write_parquet(folder / "a.parquet")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder, and what was minted there of the files of text."""
    folder = tmp_path_factory.mktemp("texts")
    written(folder)
    return folder, minted(folder, folder / "files")


@pytest.fixture(scope="module")
def texts(made):
    """What was minted, by index."""
    folder, found = made
    parts = pq.read_table(folder / "runs/words/datasets" / found.dataset_key / "data").sort_by("index")
    return parts["text"].to_pylist(), parts["label"].to_pylist()


@pytest.mark.parametrize(("name", "fields"), [("a.csv", ""), ("a.jsonl", ", column: name"), ("a.parquet", "")])
def test_equal_rows_are_one_dataset_whatever_file_they_are_in(made, tmp_path, name, fields):
    """One digest of the rows, of the checkpoint, and of the samples."""
    folder, found = made
    other = minted(tmp_path, folder / name, fields=fields)
    assert other.prepared.digest == found.prepared.digest
    assert (other.checkpoint, other.manifest.digest) == (found.checkpoint, found.manifest.digest)


def test_other_programs_read_the_texts(made, texts):
    """Hugging Face datasets, with the features of its columns; DuckDB; Croissant's own reader."""
    folder, found = made
    place = folder / "runs/words/datasets" / found.dataset_key
    rows = datasets.load_dataset(str(place), split="train")
    assert (rows["text"][:], rows["label"][:]) == texts
    assert rows.features["text"] == datasets.Value("string")
    assert rows.features["label"].names == ["north", "south"]
    assert duckdb.sql(f"SELECT text FROM '{place}/data/*.parquet' ORDER BY index").fetchall() == [
        (t,) for t in texts[0]
    ]
    records = mlcroissant.Dataset(str(place / "croissant.json")).records("samples")
    assert sorted(record["samples/text"].decode() for record in records) == sorted(texts[0])


def test_what_was_minted_is_whole(made):
    """Parts, checkpoint and prepared rows are what the manifest says."""
    _, found = made
    assert problems(found) == []


def test_it_is_published_as_tars_folders_and_a_table(made, texts):
    """Each has all of the texts; the tars are a source again, with their labels."""
    folder, _ = made
    tars = datasets.load_dataset(str(folder / "tars"))
    assert sorted(text for split in tars.values() for text in split["txt"]) == sorted(texts[0])
    assert sorted(
        row["text"] for split in datasets.load_dataset(str(folder / "hive")).values() for row in split
    ) == sorted(texts[0])
    assert sorted(pl.read_delta(str(folder / "lake"))["text"]) == sorted(texts[0])
    source = open_source(str(folder / "tars"), "label", open_store, Text())
    back = {(row.value.decode(), row.label) for fragment in source.fragments() for row in source.read(fragment)}
    assert back == {(text, ("north", "south")[label]) for text, label in zip(*texts, strict=True)}


@pytest.mark.parametrize("symbols", ["characters", "bpe"])
def test_learned_symbols_go_the_same_way(made, tmp_path, symbols):
    """The checkpoint says them, a part does not; each text is made of them."""
    folder, _ = made
    found = minted(tmp_path, folder / "a.csv", "null", f", symbols: {symbols}")
    assert problems(found) == []
    (part, *_) = sorted((tmp_path / "runs/words/datasets" / found.dataset_key / "data").glob("*.parquet"))
    assert b'"learned":""' in pq.read_schema(part).metadata[b"genai"]
    drawn = set("".join(pq.read_table(part)["text"].to_pylist()))
    assert symbols == "bpe" or drawn <= set("".join(text for text, _ in ROWS))


def test_texts_are_not_mixed_with_real_ones_yet(made):
    """`genai.augment` is for images, and says so."""
    from genai.augment import Augmented

    folder, found = made
    with pytest.raises(InputError, match="found a dataset of texts; allowed: images"):
        Augmented(str(folder / "runs/words/datasets" / found.dataset_key), str(folder / "a.csv"), ratio=0.5)
