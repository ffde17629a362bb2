"""The dataset card and the licence note, read by those for whom they are: `datasets`, `huggingface_hub`, people."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Features, load_dataset
from datasets.exceptions import DatasetGenerationError, ExpectedMoreSplitsError
from datasets.info import DatasetInfosDict
from datasets.utils.info_utils import NonMatchingSplitsSizesError
from huggingface_hub import DatasetCard
from PIL import Image

from jobs import facts, gc, layout, submit
from jobs.card import card, front_matter, note
from jobs.describe import describe
from jobs.shards import Plan
from jobs.survey import survey
from jobs.verify import verify
from tests.jobs.described import TOLD, again, dataset, folder, told, with_classes
from tests.jobs.scripted import job
from tests.jobs.test_pinned import pinning

FILES = ("README.md", "LICENSE", "croissant.json")


@pytest.fixture
def whole(tmp_path):
    """A described dataset whose job says all that it can say."""
    return dataset(tmp_path / "runs", *TOLD)


def rows(found):
    """The samples as pyarrow reads them."""
    return pq.read_table(sorted((folder(found) / "data").iterdir())).to_pylist()


def texts(found):
    return {name: (folder(found) / name).read_text() for name in FILES}


def load(found, tmp_path):
    DatasetCard.load(folder(found) / "README.md")
    return load_dataset(str(folder(found)), split="train", cache_dir=str(tmp_path / "cache"))


def test_datasets_loads_the_folder_in_spite_of_what_else_lies_there(whole, tmp_path):
    """The images, labels and class names are those that pyarrow reads in the parts."""
    (folder(whole) / "report.json").write_text("{}")
    loaded, wanted = load(whole, tmp_path), rows(whole)
    assert loaded.features["label"].names == ["a", "b"]
    assert loaded["label"][:] == [row["label"] for row in wanted]
    for image, row in zip(loaded["image"], wanted, strict=True):
        assert image.tobytes() == Image.open(BytesIO(row["image"]["bytes"])).tobytes()


def test_the_front_matter_says_what_the_parts_say(whole):
    """Columns as the Parquet schema has them, and as many rows as there are."""
    found = DatasetCard.load(folder(whole) / "README.md").data
    info = DatasetInfosDict.from_dataset_card_data(found)["default"]
    part = next((folder(whole) / "data").iterdir())
    assert info.features == Features.from_arrow_schema(pq.read_schema(part))
    assert info.splits["train"].num_examples == len(rows(whole)) == 40
    assert (found.license, found.task_categories) == ("cc-by-sa-3.0", ["image-classification"])
    assert "synthetic" in found.tags


DAMAGE = {
    "no mapping": (r"license: (.*)\n", r"- license: \1\n", (ValueError, yaml.YAMLError)),
    "a split of no name": ("split: train", "split: the train", ValueError),
    "files that are not there": (r"data/\*", "dat/*", FileNotFoundError),
    "another number of rows": ("num_examples: 40", "num_examples: 41", NonMatchingSplitsSizesError),
    "a column that is not there": ("name: index", "name: number", DatasetGenerationError),
    "another type of a column": ("dtype: bool", "dtype: image", DatasetGenerationError),
    "another split": (r"(splits:\n  - name:) train", r"\1 test", ExpectedMoreSplitsError),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_card_is_caught(whole, tmp_path, damage):
    """By huggingface_hub when it reads the card, or by datasets when it loads."""
    path, (pattern, shown, error) = folder(whole) / "README.md", DAMAGE[damage]
    text = path.read_text()
    path.write_text(re.sub(pattern, shown, text, count=1))
    assert path.read_text() != text
    with pytest.raises(error):
        load(whole, tmp_path)


def test_a_part_that_no_manifest_names_is_not_taken_for_samples(whole, tmp_path):
    """A larger run that was cut short leaves such; datasets counts the rows, and stops."""
    data = (folder(whole) / "data/part-00000.parquet").read_bytes()
    (folder(whole) / "data/part-00009.parquet").write_bytes(data)
    with pytest.raises(NonMatchingSplitsSizesError):
        load(whole, tmp_path)


def test_what_the_card_shows_runs(whole, tmp_path):
    """Its Python, in the dataset's folder."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", texts(whole)["README.md"], re.DOTALL))
    assert all(library in code for library in ("datasets", "polars", "duckdb", "hashlib"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder(whole), env={**os.environ, "HF_HOME": str(tmp_path / "hf")},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


LICENSES = {
    "cc-by-sa-3.0": ("cc-by-sa-3.0", "CC-BY-SA-3.0 (https://spdx.org/licenses/CC-BY-SA-3.0.html)"),
    "CC BY 4.0": ("cc-by-4.0", "CC-BY-4.0 (https://spdx.org/licenses/CC-BY-4.0.html)"),
    "GPL-3.0-or-later": ("gpl-3.0", "GPL-3.0-or-later (https://spdx.org/licenses/GPL-3.0-or-later.html)"),
    "odbl-1.0": ("odbl", "ODbL-1.0 (https://spdx.org/licenses/ODbL-1.0.html)"),
    "llama3": ("llama3", "llama3"),
    "MIT OR Apache-2.0": ("other", "MIT OR Apache-2.0"),
    "by contract 12, not to be sold": ("other", "by contract 12, not to be sold"),
    None: ("unknown", "not stated"),
}


@pytest.mark.parametrize("said", LICENSES)
def test_the_licence_of_the_training_data_is_named(whole, said):
    """As the Hub names it in the front matter, as the job does in the card, with SPDX's page in the note."""
    found = again(whole, f"data.license='{said}'") if said else again(whole)
    tag, stated = LICENSES[said]
    describe(found)
    shown, short = texts(found), stated.partition(" (https")[0]
    front = DatasetCard(shown["README.md"]).data
    assert front.license == tag
    assert (front.to_dict().get("license_link") == "LICENSE") == (tag == "other")
    assert f"| Its licence | {short} " in shown["README.md"]
    assert re.search(rf"^Licence of the training data: {re.escape(stated)}$", shown["LICENSE"], re.MULTILINE)


def test_the_card_names_source_and_credit_and_no_folder_of_this_machine(whole, tmp_path):
    """Of a local path only the end is told."""
    sources = f"{tmp_path}/rows/*.parquet", "s3://bucket/b", f"{tmp_path}/c.csv", f"file://{tmp_path}/d"
    spec = job(*TOLD, f"data.source=[{', '.join(sources)}]").anchored()
    found = told(replace(whole, spec=spec))
    assert "Training data:                rows/*.parquet, s3://bucket/b, c.csv, d\n" in note(found)
    for text in (card(found), note(found)):
        assert "Two people" in text
        assert str(tmp_path) not in text


def test_equal_datasets_have_equal_files_wherever_they_lie(whole, tmp_path):
    """And neither a second run nor another look changes a byte."""
    before = texts(whole)
    assert describe(whole) == []
    other = dataset(tmp_path / "elsewhere", *TOLD)
    assert texts(other) == before
    assert not any(str(tmp_path) in text for text in before.values())


def test_other_words_make_nothing_again_but_the_words(whole):
    """Another licence is the same run, of the same data and dataset."""
    other = again(whole, "data.license=MIT", "data.homepage=https://example.com/rows", "card.url=https://example.com")
    assert layout.run_id(other.spec) == layout.run_id(whole.spec)
    assert (other.prepare_key, other.dataset_key, other.finished) == (whole.prepare_key, whole.dataset_key, True)
    assert describe(other) == ["LICENSE", "README.md", "croissant.json"]
    assert "<https://example.com/rows>" in texts(other)["README.md"]


def test_submit_brings_the_words_of_a_complete_dataset_up_to_date_as_run_does(whole):
    """No cluster is asked."""
    found = submit(again(whole, "data.license=MIT").spec, "http://127.0.0.1:9")
    assert found["dataset"] == whole.dataset_key
    assert "| Its licence | MIT " in texts(whole)["README.md"]


def test_a_larger_dataset_has_a_card_of_its_own(whole):
    """Written over the smaller one's."""
    larger = dataset(folder(whole).parents[2], *TOLD, "generate.count=60")
    assert folder(larger) == folder(whole)
    assert DatasetCard.load(folder(whole) / "README.md").data.dataset_info["splits"][0]["num_examples"] == 60


def test_neither_verify_nor_gc_minds_these_files(whole):
    """They are no parts."""
    assert verify(whole.store, whole.dataset_key, deep=True, found=whole)[1] == []
    assert gc.look(whole.store).garbage == []


def test_a_dataset_that_is_being_repaired_is_left_alone(whole):
    """What no marker seals gets no card."""
    whole.store.delete(layout.dataset(whole.dataset_key, "_SUCCESS"))
    (folder(whole) / "README.md").unlink()
    assert describe(whole) == []


HOSTILE = ("no", "012", "2026-01-01", "1e3", "~", "a\n---\nb", "| x | <script>alert(1)</script>", "`*_[x](y)", "ü", " ")


def test_class_names_are_text_and_nothing_else(whole):
    """They come out of the front matter as they went in, and make no row, no markup and no end of the front matter."""
    text = card(with_classes(told(whole), HOSTILE))
    found = DatasetCard(text).data.dataset_info["features"][-1]["dtype"]["class_label"]["names"]
    assert tuple(found.values()) == HOSTILE
    table = text.split("## Classes")[1].split("##")[0].strip().split("\n")
    assert len(table) == len(HOSTILE) + 2
    assert "\\| x \\| \\<script\\>alert(1)" in DatasetCard(text).text


def test_many_classes_are_all_in_the_front_matter_and_some_in_the_table(whole):
    """A table of ten thousand rows is no table."""
    text = card(with_classes(told(whole), [f"class {number}" for number in range(1000)]))
    assert "The first 100 of 1,000" in text
    assert (text.count("class 99 "), text.count("| class 100 ")) == (1, 0)
    assert text.count("class 999") == 1


@pytest.mark.parametrize(
    ("rows", "category"),
    [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (100_000, "100K<n<1M"),
     (10**7, "10M<n<100M"), (10**9, "1B<n<10B"), (10**12, "n>1T")],
)  # fmt: skip
def test_the_category_of_a_size(whole, rows, category):
    """As the Hub writes it."""
    found = told(whole)
    part = replace(found.manifest.parts[0], start=0, stop=rows)
    manifest = replace(found.manifest, parts=(part,), plan=Plan(rows, rows, found.manifest.plan.weights, ".parquet"))
    assert front_matter(replace(found, manifest=manifest))["size_categories"] == [category]


def test_a_dataset_without_classes_speaks_of_none(tmp_path):
    """Neither a label nor a task of classification."""
    text = card(with_classes(told(dataset(tmp_path, *TOLD)), ()))
    assert DatasetCard(text).data.task_categories == ["unconditional-image-generation"]
    assert "label" not in text.lower()


def test_a_model_that_was_given_leaves_its_rows_unknown(whole):
    """Who pins a checkpoint may still say whose rows they were; the folder it was taken from is told nowhere."""
    place = whole.store.locate(f"checkpoints/{whole.train_key}")
    found = survey(pinning(whole, place, "model.family=vae", "data.license=MIT"))
    text = card(facts.of(found, whole.manifest))
    assert "rows that this job does not know" in text
    assert "| Its licence | MIT " in text
    assert place not in text
