"""Drawing from rows all the way: each sample says which rows it was drawn from, and other libraries see it."""

import io

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from genai.errors import IntegrityError
from jobs import layout
from jobs.draw import preview, sample
from jobs.driver import run
from jobs.events import EventLog
from jobs.page import write
from jobs.repair import examine, mend
from jobs.resolve import resolve
from jobs.spec import load
from jobs.survey import survey
from jobs.verify import verify
from workers.local import LocalCrew

JOB = """
name: digits
output: {folder}/runs
data: {{source: "sklearn://digits"}}
model: {{family: flow, widths: [8, 16], depth: 1}}
train: {{steps: 3, batch: 16, micro_batches: 2}}
generate:
  count: 24
  part_rows: 10
  batch: 16
  sampler: {{steps: 2}}
  mode: {{kind: inpaint, mask: left}}
  source: {{rows: {folder}/rows.parquet, label: kind}}
"""


def real(rows=20, start=100):
    """Digits of scikit-learn's, and their labels."""
    found = load_digits()
    return np.round(found.images[start : start + rows] * (255 / 16)).astype(np.uint8), found.target[
        start : start + rows
    ]


def write_rows(path):
    pixels, labels = real()
    cells = [io.BytesIO() for _ in pixels]
    for cell, image in zip(cells, pixels, strict=True):
        Image.fromarray(image).save(cell, format="png")
    images = [{"bytes": cell.getvalue(), "path": None} for cell in cells]
    pl.DataFrame({"image": images, "kind": [str(label) for label in labels]}).write_parquet(path)


def surveyed(folder, *settings):
    return survey(load("job.yaml", JOB.format(folder=folder), settings))


def minted(found, crew=None):
    """Run in this process; the survey afterwards."""
    spec = found.spec
    with EventLog(found.store, layout.run_id(spec)) as events:
        found.store.put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
        run(found, crew or LocalCrew(), events)
    return survey(spec)


def rows_of(found):
    """By Polars."""
    parts = layout.dataset_place(found.store, found.dataset_key)
    return pl.read_parquet(f"{parts}/data/*.parquet")


def pixels_of(table):
    """By Pillow."""
    return np.stack([np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in table["image"]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes")
    write_rows(folder / "rows.parquet")
    return folder


@pytest.fixture(scope="module")
def made(folder):
    """24 samples of 20 rows with their left halves made anew."""
    return minted(surveyed(folder))


def test_a_sample_names_its_row_and_keeps_its_class(made):
    """The rows in their order, and anew after the last; what is known of each is as it was."""
    table, (pixels, labels) = rows_of(made), real()
    numbers = np.arange(24) % 20

    assert table["source_row"].to_list() == numbers.tolist()
    assert table["label"].to_list() == labels[numbers].tolist()
    np.testing.assert_array_equal(pixels_of(table)[:, :, 4:], pixels[numbers][:, :, 4:])
    assert (pixels_of(table)[:, :, :4] != pixels[numbers][:, :, :4]).any((1, 2)).all()


def test_a_mask_that_is_given_is_for_all_rows(folder):
    """What is white of it is made anew, and nothing else; another mask is another dataset."""
    mask, (pixels, _) = np.zeros((8, 8), np.uint8), real()
    mask[2:5, 3:] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    rows = f"{{rows: {folder}/rows.parquet, label: kind, mask: {folder}/mask.png}}"
    given = "generate.mode={kind: inpaint, mask: given}", f"generate.source={rows}", "generate.count=20"
    found = minted(surveyed(folder, *given))
    changed = pixels_of(rows_of(found)) != pixels

    assert not changed[:, mask == 0].any()
    assert changed[:, mask == 255].any(1).all()
    Image.fromarray(255 - mask).save(folder / "mask.png")
    assert not surveyed(folder, *given).complete


def test_a_run_that_is_done_is_known_as_done(made, folder):
    """And another order of the rows, or other rows, make another dataset."""
    assert surveyed(folder).complete
    write_rows(folder / "again.parquet")
    other = pl.read_parquet(folder / "again.parquet").reverse()
    other.write_parquet(folder / "again.parquet")

    assert minted(surveyed(folder, f"generate.source.rows={folder}/again.parquet")).dataset_key != made.dataset_key


def test_a_larger_count_keeps_the_parts(folder):
    """The row of a sample does not hang on the count."""
    few, many = (minted(surveyed(folder, "seed=5", f"generate.count={count}")).manifest.parts for count in (24, 50))

    assert len(many) == 5
    assert [part.sha256 for part in few[:2]] == [part.sha256 for part in many[:2]]


def test_left_out_the_count_is_one_of_each_row(folder):
    """Of each row and class, where the mode changes it."""
    assert surveyed(folder, "generate.count={per_row: 3}").plan.count == 60
    spec = load("job.yaml", JOB.format(folder=folder).replace("  count: 24\n", ""))
    assert survey(spec).plan.count == 20
    translated = surveyed(
        folder, "generate.mode=translate", "generate.count={per_row: 1}", "generate.labels=['3', '5']"
    )

    assert (translated.plan.count, translated.plan.turns) == (40, 2)


def test_a_translated_row_has_the_class_that_was_asked_for(folder):
    """Each row goes to each class, one after the other."""
    settings = "generate.mode=translate", "generate.count={per_row: 1}", "generate.labels=['3', '5']"
    table = rows_of(minted(surveyed(folder, *settings)))

    assert table["source_row"].to_list() == [n // 2 for n in range(40)]
    assert table["label"].to_list() == [3, 5] * 20


def test_rows_between_two_name_both(folder):
    """In a column each."""
    settings = "generate.mode={kind: interpolate, steps: 2}", "generate.count={per_row: 2}"
    table = rows_of(minted(surveyed(folder, *settings)))

    assert table["source_row"].to_list() == [n // 2 for n in range(40)]
    assert table["source_row_2"].to_list() == [(n // 2 + 1) % 20 for n in range(40)]


def test_a_published_dataset_is_a_source(made, folder):
    """What one job made another draws from: its parts are rows like others."""
    parts = layout.dataset_place(made.store, made.dataset_key)
    settings = f"generate.source={{rows: {parts}/data, label: label}}", "generate.mode=variation", "generate.count=24"
    table = rows_of(minted(surveyed(folder, *settings)))

    assert table["source_row"].to_list() == list(range(24))
    assert table["label"].to_list() == rows_of(made)["label"].to_list()


def test_a_sample_drawn_alone_is_the_published_one(made):
    """`genai sample --index`, and the page of a preview."""
    assert sample(made, 17).equal is True
    assert preview(made, "genai preview").count("data:image/png") == 16


def test_the_page_shows_each_sample_beside_its_row(made):
    """As many rows of the source as samples, by class."""
    write(made, "genai run")
    page = made.store.get(layout.dataset(made.dataset_key, "report.html")).decode()

    assert "the rows that they were drawn from" in page
    assert page.count("data:image/png") == 2 * 24


def test_a_part_that_lost_its_rows_numbers_is_told(made):
    """The digest of the content covers them."""
    manifest, problems = verify(made.store, made.dataset_key, found=made, deep=True)

    assert problems == []
    key = layout.part(made.dataset_key, manifest.parts[0].name)
    assert pq.read_schema(io.BytesIO(made.store.get(key))).field("source_row").type == "int64"


def test_damaged_rows_end_the_drawing_and_are_read_again(folder, tmp_path):
    """Nothing is drawn from other rows than those that were read; `genai repair` reads them anew, to the same bytes."""
    (tmp_path / "job.yaml").write_text(JOB.format(folder=folder).replace(f"{folder}/runs", f"{tmp_path}/runs"))
    target = resolve(str(tmp_path / "job.yaml"))
    found = minted(survey(target.spec, target.store))
    name = f"prepared/{found.source_key}/train-00000.arrow"
    whole = found.store.get(name)
    found.store.put(name, whole[:200] + b"\0" * (len(whole) - 200))
    with pytest.raises(IntegrityError, match="prepare the data again"):
        sample(found, 0)
    damage = examine(target, lambda done, of: None)

    assert [(problem.part, problem.kind) for problem in damage.problems] == [(name, "prepared")]
    assert mend(damage, "local", "", lambda event: None) == 0
    assert found.store.get(name) == whole
    assert sample(survey(target.spec, target.store), 0).equal
