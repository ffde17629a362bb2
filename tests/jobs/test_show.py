"""Pictures of published parts: which, of whom, and from bytes that nobody vouches for."""

import io
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genai.errors import InputError, IntegrityError
from genai.formats import About, Samples
from genai.formats.parquet import Parquet
from genai.modalities.image import Image
from jobs import layout
from jobs.resolve import Target
from jobs.show import of_part, of_run, pictures
from tests.jobs.published import published
from tests.jobs.scripted import job


@pytest.fixture
def target(tmp_path):
    """A run with 40 samples of two classes in four parts: sample i is a square of four pixels of value i."""
    spec = job(output=str(tmp_path))
    found = published(spec)
    return Target(spec, found.store, layout.run_id(spec), found.dataset_key)


def part(target, number):
    return target.store.locate(layout.part(target.dataset, f"part-{number:05d}.parquet"))


def test_the_first_samples_of_each_class_are_shown(target):
    """In the order of the classes, with the pixels of the parts."""
    rows = of_run(target, most=3).rows

    assert list(rows) == ["a", "b"]
    assert [[shown.index for shown in row] for row in rows.values()] == [[0, 2, 4], [1, 3, 5]]
    assert all((shown.pixels == shown.index).all() for row in rows.values() for shown in row)


def test_one_class_is_shown_by_its_name(target):
    """Of a run from all of its parts, of a part from that alone."""
    assert [shown.index for shown in of_run(target, None, "b").rows["b"]] == list(range(1, 40, 2))
    assert [shown.index for shown in of_part(part(target, 1), None, "b").rows["b"]] == [11, 13, 15, 17, 19]


def test_a_run_is_shown_as_far_as_it_is(target):
    """Neither sealed nor with a result: its events say which dataset it makes."""
    store = target.store
    for name in (layout.dataset(target.dataset, "_SUCCESS"), layout.run(target.run_id, "result.json")):
        store.delete(name)
    for number in (0, 2):
        store.delete(layout.part(target.dataset, f"part-{number:05d}.parquet"))

    (first, *_) = of_run(replace(target, dataset=None), 1).rows["a"]
    assert first.index == 10


def test_a_row_group_without_rows_is_passed_over(target, tmp_path):
    """As other programs leave them, which copy a part."""
    rows = pq.read_table(part(target, 0))
    empty = pa.RecordBatch.from_pylist([], rows.schema)
    with pq.ParquetWriter(tmp_path / "copy.parquet", rows.schema, use_dictionary=["label"]) as file:
        file.write_batch(empty)
        file.write_table(rows)

    assert len(of_part(str(tmp_path / "copy.parquet"), None, "a").rows["a"]) == 5


def test_what_cannot_be_shown_is_said(target, tmp_path):
    """With what is allowed: another class, no part yet, no such file, no Parquet, no pictures of ours."""
    (tmp_path / "text.parquet").write_bytes(b"no Parquet at all")
    pq.write_table(pa.table({"image": [b"x"]}), tmp_path / "real.parquet")
    asked = {
        "--label c: there is no such class; allowed: a, b": lambda: of_run(target, None, "c"),
        "no part of it is in the store yet": lambda: of_run(Target(target.spec, target.store, "tiny-0"), None),
        "there is no such file": lambda: of_part(str(tmp_path / "none.parquet"), None),
        "not a Parquet part": lambda: of_part(str(tmp_path / "text.parquet"), None),
        "does not say that its samples are made": lambda: of_part(str(tmp_path / "real.parquet"), None),
    }
    for message, ask in asked.items():
        with pytest.raises(InputError, match=message):
            ask()


def test_a_part_that_does_not_say_its_modality_whole_is_refused_in_words(target, tmp_path):
    """As those of a release before the first, which said its name alone."""
    rows = pq.read_table(part(target, 0))
    said = json.loads(rows.schema.metadata[b"genai"]) | {"modality": "image"}
    old = rows.replace_schema_metadata({b"genai": json.dumps(said).encode()})
    pq.write_table(old, tmp_path / "old.parquet", use_dictionary=["label"])

    with pytest.raises(InputError, match=r"found 'image' as what its rows are; allowed: a modality with its fields"):
        of_part(str(tmp_path / "old.parquet"), None)


def test_a_part_that_is_damaged_is_named(target):
    """A run's is no mistake of who asks."""
    target.store.put(layout.part(target.dataset, "part-00000.parquet"), b"PAR1")
    with pytest.raises(IntegrityError, match=r"data/part-00000\.parquet: not a Parquet part"):
        of_run(target, None)


def sheet(cells):
    """A part of ours with other bytes in place of its pictures."""
    about = About(Image((2, 2), "L"), "c" * 64, 0, "k", "tests", ("a",))
    samples = Samples(np.arange(len(cells)), np.zeros(len(cells), np.int64), np.zeros((len(cells), 2, 2, 1), np.uint8))
    table = pq.read_table(io.BytesIO(Parquet().encode(samples, about)))
    images = pa.StructArray.from_arrays([pa.array(cells, pa.binary()), pa.array(["x"] * len(cells))], ["bytes", "path"])
    out = io.BytesIO()
    pq.write_table(
        table.set_column(0, table.schema.field("image").with_type(images.type), images), out, use_dictionary=False
    )
    return io.BytesIO(out.getvalue())


@pytest.mark.parametrize("cell", [b"", b"<svg onload='x'/>", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, None])
def test_only_pictures_leave_a_part(cell):
    """What is none is refused when it is wanted, and costs nothing when it is not."""
    with pytest.raises(IntegrityError, match="the image in row 0"):
        list(pictures(sheet([cell]), lambda label: True))
    assert list(pictures(sheet([cell]), lambda label: False)) == []


def test_row_groups_that_are_too_large_are_passed_over():
    """They are not read for a glance."""
    with io.BytesIO(sheet([b"\0" * 100_000]).getvalue()) as file:
        assert list(pictures(file, lambda label: True, most_bytes=50)) == []


def test_classes_of_a_hostile_schema_are_names_or_numbers():
    """What is said of the labels may be anything."""
    table = pq.read_table(sheet([b""]))
    for said in (b"{", b"[]", b'{"info": 7}', json.dumps({"info": {"features": {"label": {"names": 3}}}}).encode()):
        out = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(table.schema.metadata | {b"huggingface": said}), out)
        seen = []
        list(pictures(io.BytesIO(out.getvalue()), lambda label, seen=seen: seen.append(label)))
        assert seen == ["0"]
