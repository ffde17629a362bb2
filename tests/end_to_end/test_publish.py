"""Publishing a dataset in more forms than its parts, as a user does it, read back by Hugging Face datasets."""

import hashlib
import itertools
import re
import shlex
from pathlib import Path
from shutil import copytree

import datasets
import duckdb
import pytest

from tests.end_to_end.conftest import TINY

PUBLISH = """\
splits: {validation: 0.2}
publish:
- images
- {kind: webdataset, to: out/tars}
- {kind: parquet, partition: split, to: out/hive}
"""

PAGE = (Path(__file__).parents[2] / "docs/publish.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def published(tmp_path_factory, finished):
    """The small job with entries of publish, made of the sealed dataset that was there; and what was told."""
    folder = tmp_path_factory.mktemp("published")
    copytree(finished.folder, folder, dirs_exist_ok=True)
    made = type(finished)(folder)
    made.job(text=TINY + PUBLISH.replace("{", "{{").replace("}", "}}"))
    (folder / "told.txt").write_text(made("run", "tiny.yaml", "--crew", "local").stderr)
    return made


def tree(folder):
    """Every file below a folder, by its bytes."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file() and ".publication" not in path.parts)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def place(made, kind="images"):
    """Of what is published beside the parts."""
    (found,) = (made.folder / "runs/tiny/datasets").glob(f"*/{kind}")
    return found


def read(path, image, label):
    """Split -> pixels and class name of each sample, as Hugging Face datasets reads them."""
    found = datasets.load_dataset(str(path))
    return {
        split: sorted((row[image].tobytes(), rows.features[label].int2str(row[label])) for row in rows)
        for split, rows in found.items()
    }


def test_an_entry_that_is_added_later_draws_nothing_again(published):
    """It is made of the sealed parts; the second run has nothing to do."""
    told = (published.folder / "told.txt").read_text()
    assert "generate: done before" in told
    assert "publish images: done" in told
    assert "complete already, nothing to do" in published("run", "tiny.yaml", "--crew", "local").stderr
    stages = published.json("plan", "tiny.yaml")["stages"]
    assert [stage["complete"] for stage in stages if stage["stage"].startswith("publish")] == [True] * 3


def test_all_forms_hold_the_same_images_and_classes(published, monkeypatch, tmp_path):
    """Parts, image folder, WebDataset and Hive's folders, by load_dataset."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    images = read(place(published), "image", "label")
    assert {split: len(rows) for split, rows in images.items()} == {"train": 170, "validation": 56, "test": 24}
    assert read(published.folder / "out/tars", "png", "cls") == images
    assert read(published.folder / "out/hive", "image", "label") == images
    (parts,) = (published.folder / "runs/tiny/datasets").iterdir()
    assert read(parts, "image", "label")["train"] == sorted(itertools.chain(*images.values()))


def test_a_larger_run_adds_to_what_is_published(published, genai):
    """Every file stays as it was but that of the short last part, whose place a full one takes."""
    copytree(published.folder, genai.folder, dirs_exist_ok=True)
    before = tree(genai.folder / "out")
    genai("run", "tiny.yaml", "--crew", "local", "--set", "generate.count=300")
    after = tree(genai.folder / "out")
    gone = {name for name in before if name not in after}
    assert {name for name in gone if not re.search(r"00006\.10-rows", name)} == set()
    assert gone
    assert all(after[name] == before[name] for name in before.keys() & after.keys() if "README" not in name)
    assert len(list(place(genai).rglob("*.png"))) == 300


def test_a_publication_that_was_cut_short_goes_on_to_the_same_files(published, genai):
    """Also where it is made of other parts than those that were there."""
    copytree(published.folder, genai.folder, dirs_exist_ok=True)
    whole = tree(genai.folder / "out")
    for record in (genai.folder / "out").glob("*/.publication/record.json"):
        record.write_text(record.read_text().replace('"count":250', '"count":0'))
    for receipt in (genai.folder / "out/tars/.publication/receipts").glob("*0000[1-4]*"):
        receipt.unlink()
    (genai.folder / "out/tars/train-00002.tar").unlink()
    told = genai("run", "tiny.yaml", "--crew", "local").stderr
    assert "publish webdataset: 4 of 7 parts" in told
    assert tree(genai.folder / "out") == whole


def test_a_place_that_is_not_free_is_refused_before_anything_is_done(published, genai):
    """Somebody's files, and another dataset's."""
    theirs = genai.folder / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("x")
    genai.job(text=TINY + "publish: [{{kind: npy, to: theirs}}]\n")
    told = genai("run", "tiny.yaml", "--crew", "local", code=2).stderr
    assert "found thesis.tex, which is not ours" in told
    assert "training" not in told
    other = str(published.folder / "out/tars")
    genai.job(text=TINY + f"publish: [{{{{kind: webdataset, to: {other}}}}}]\n")
    told = genai("run", "tiny.yaml", "--crew", "local", code=2).stderr
    assert re.search(r"found webdataset of dataset \w+ with .* published there; allowed: webdataset of dataset", told)


def test_the_page_s_job_and_snippets_run(genai, monkeypatch):
    """As they stand there: the job, its plan, and what reads the files."""
    (genai.folder / "job.yaml").write_text(blocks("yaml")[0])
    run, plan = (shlex.split(line)[1:] for line in blocks("sh")[0].splitlines())
    genai(*run, "--crew", "local")
    assert genai(*plan).stdout.count(" done ") == 7
    monkeypatch.chdir(genai.folder)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", genai.folder / "cache")
    found = {}
    exec("\n".join(blocks("python")), found)  # the page is ours

    assert found["tars"]["test"].features["cls"].names == [str(digit) for digit in range(10)]
    assert found["hive"].features["label"].names == [str(digit) for digit in range(10)]
    assert found["tensors"]["arrays"].shape[1:] == (8, 8, 1)


def test_each_date_has_a_folder_of_its_own_below_one_place(genai, finished):
    """A nightly run adds its date beside the others."""
    copytree(finished.folder, genai.folder, dirs_exist_ok=True)
    genai.job(text=TINY + "publish: [{{kind: parquet, partition: date, to: out/nights}}]\n")
    nights = ["2026-11-25", "2026-11-26"]
    for night in nights:
        genai("run", "tiny.yaml", "--crew", "local", "--logical-date", night)
    place = f"{genai.folder}/out/nights/**/*.parquet"
    rows = duckdb.sql(f"SELECT date::VARCHAR, count(*) FROM '{place}' GROUP BY ALL ORDER BY ALL").fetchall()

    assert rows == [(night, 250) for night in nights]
