"""Parquet files as they come."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genai.errors import DataError
from genai.sources import open_source
from jobs.stores import open_store

PICTURES = [b"one", b"two", b"three", b"four"]
EMPTY = pa.RecordBatch.from_pydict({"image": pa.array([], pa.binary()), "label": pa.array([], pa.string())})
STRUCTS = [{"bytes": value, "path": None} for value in PICTURES]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.parquet"


def write(path, metadata=None, **columns):
    table = pa.table(columns)
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=3)
    return path


@pytest.mark.parametrize(
    "image",
    [
        pa.array(PICTURES),
        pa.array(PICTURES, pa.large_binary()),
        pa.array(STRUCTS, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ],
    ids=["binary", "large_binary", "struct"],
)
@pytest.mark.parametrize("column", ["image", "img", "my.image"])
def test_images_are_found_in_any_binary_column(image, column, path, read):
    """Plain binary and Hugging Face's struct, under `image` or as the only such column."""
    write(path, **{"id": [1, 2, 3, 4], column: image, "label": [0, 1, 0, 1]})
    assert [row.value for row in read(path)] == PICTURES


def test_pages_that_carry_statistics_are_read(path, read):
    """Their headers hold the least and the largest value, as long as these are."""
    names = ["a cat", "a dog with a long name"]
    write(path, image=[bytes([n]) * 150 for n in range(6)], label=names * 3)
    assert [row.label for row in read(path)] == names * 3


def test_a_row_group_without_rows_is_read_as_that(path, read):
    """Arrow writes a dictionary for it, and no page that says where it begins."""
    table = pa.table({"image": PICTURES, "label": ["a", "b", "a", "b"]})
    with pq.ParquetWriter(path, table.schema) as file:
        for batch in (*table.to_batches(), EMPTY, *table.to_batches()):
            file.write_batch(batch)

    assert pq.read_metadata(path).row_group(1).num_rows == 0
    assert [row.value for row in read(path)] == PICTURES * 2


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([3, 4, 3, 4], pa.int8()),
        pa.array(["a", "b", "a", "b"]),
        pa.array(["a", "b", "a", "b"]).dictionary_encode(),
        pa.array([True, False, True, False]),
    ],
    ids=["int", "string", "dictionary", "bool"],
)
def test_labels_may_be_numbers_or_text(labels, path, read):
    """Booleans become `true` and `false`."""
    found = [row.label for row in read(write(path, image=PICTURES, label=labels))]
    assert found == [str(x).lower() if isinstance(x, bool) else x for x in labels.to_pylist()]


def test_class_labels_get_their_names(path, read):
    """Hugging Face's schema metadata turns numbers into names; a number without a name is a bad row."""
    feature = {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": feature}})}
    rows = read(write(path, metadata, image=PICTURES, label=[1, 0, -1, 2]))
    assert [row.label for row in rows] == ["dog", "cat", None, None]
    assert "label is -1" in rows[2].error


@pytest.mark.parametrize("metadata", [{"huggingface": "no json"}, {"huggingface": "[]"}, {"huggingface": "{}"}])
def test_foreign_metadata_is_passed_over(metadata, path, read):
    """A `huggingface` key that says nothing of the label leaves the numbers."""
    assert [row.label for row in read(write(path, metadata, image=PICTURES, label=[1, 0, 1, 2]))] == [1, 0, 1, 2]


def test_nulls_are_bad_rows_with_their_place(path, read):
    """A null image or label spoils its row only; rows are numbered through the file, from 0."""
    rows = read(write(path, image=[b"a", None, b"c", b"d"], label=pa.array([1, 2, 3, None])))
    assert [row.error for row in rows] == [None, "the image is null", None, "the label is null"]
    assert rows[3].where == "rows.parquet row 3"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": PICTURES, "class": [1, 2, 3, 4]}, r"no label column 'label', the columns are image, class; set"),
        ({"label": [1, 2, 3, 4], "x": [1, 2, 3, 4]}, r"found no columns that can hold images.*x \(int64\)"),
        ({"label": [1, 2, 3, 4], "a": PICTURES, "b": PICTURES}, r"found 2 columns .* a \(binary\), b \(binary\)"),
        ({"label": [1.5, 2, 3, 4], "image": PICTURES}, r"'label' holds double; allowed: integers, strings"),
    ],
)
def test_columns_that_do_not_fit_are_named(columns, message, path, read):
    """One clear message that lists the columns."""
    with pytest.raises(DataError, match=f"rows.parquet: .*{message}"):
        read(write(path, **columns))


def test_only_the_two_columns_are_fetched(tmp_path, read):
    """A broken third column does no harm, because nobody reads it."""
    path = write(tmp_path / "x.parquet", image=PICTURES, label=[1, 2, 1, 2], junk=[1.0, 2.0, 3.0, 4.0])
    whole = bytearray(path.read_bytes())
    junk = pq.read_metadata(path).row_group(0).column(2)
    for start in (junk.dictionary_page_offset, junk.data_page_offset):
        whole[start : start + 20] = b"\xff" * 20
    path.write_bytes(whole)
    with pytest.raises(OSError, match=r"page header|Thrift"):
        pq.read_table(path)
    assert [row.value for row in read(path)] == PICTURES


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_truncated_file_is_a_data_error(path, read, data):
    """Wherever a file was cut, the message names it, and no other error comes through."""
    whole = write(path, image=PICTURES, label=[1, 2, 1, 2]).read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DataError, match=r"rows\.parquet: not a readable Parquet file"):
        read(path)


def test_a_broken_page_is_a_data_error(path, read):
    """Damage between the header and the footer is found when the rows are read."""
    whole = write(path, image=[bytes([i]) * 400 for i in range(4)], label=[1, 2, 1, 2]).read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 40 + whole[44:])
    with pytest.raises(DataError, match=r"rows\.parquet: not a readable Parquet file"):
        read(path)


def test_an_encrypted_file_is_a_data_error(path, read):
    """Files with an encrypted footer open with other magic bytes."""
    path.write_bytes(write(path, image=PICTURES, label=[1, 2, 1, 2]).read_bytes()[:-4] + b"PARE")
    with pytest.raises(DataError, match=r"rows\.parquet: not a readable Parquet file"):
        read(path)


def test_files_read_as_one_in_the_order_of_their_names(tmp_path, read):
    """A glob is the rows of its files, one file after the other."""
    for name in ("b", "a", "c"):
        write(tmp_path / f"{name}.parquet", image=[name.encode()] * 4, label=[1, 2, 1, 2])
    assert [row.value for row in read(tmp_path / "*.parquet")] == [b"a"] * 4 + [b"b"] * 4 + [b"c"] * 4


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["image", "image", "label"], "found 2 columns that can hold images"),
        (["image", "label", "label"], "found more than one label column 'label'"),
        (["label", "label", "image"], "found more than one label column 'label'"),
    ],
)
def test_columns_of_one_name_are_refused(names, message, path, read):
    """Arrow would take one of them, or none."""
    columns = [pa.array([1, 2, 1, 2]) if name == "label" else pa.array(PICTURES) for name in names]
    pq.write_table(pa.Table.from_arrays(columns, names), path)
    with pytest.raises(DataError, match=rf"rows\.parquet: {message}"):
        read(path)


def test_a_column_beside_the_image_may_stand_twice(path, read):
    """What is not read does no harm."""
    pq.write_table(pa.Table.from_arrays([pa.array(PICTURES), *[pa.array([1, 2, 1, 2])] * 2], ["image", "x", "x"]), path)
    assert [row.value for row in read(path, label=None)] == PICTURES


def test_a_name_that_is_no_text_is_told(path, read):
    """Column names are UTF-8, or the file is refused by its name."""
    data = write(path, picture=PICTURES, label=[1, 2, 1, 2]).read_bytes()
    path.write_bytes(data.replace(b"picture", b"pic\xff\xff\xffe"))
    with pytest.raises(DataError, match=r"rows\.parquet: not a readable Parquet file: 'utf-8'"):
        read(path)


@pytest.mark.parametrize("encode", [lambda x: x, pa.Array.dictionary_encode], ids=["plain", "dictionary"])
def test_a_label_that_is_no_text_spoils_its_row(encode, path, read):
    """The others keep theirs."""
    labels = encode(pa.array([b"a", b"b\xff", None, b"a"]).view(pa.string()))
    rows = read(write(path, image=PICTURES, label=labels))
    assert [row.label for row in rows] == ["a", None, None, "a"]
    assert [row.error for row in rows] == [None, "the label is no text in UTF-8", "the label is null", None]


def test_a_label_without_end_spoils_its_row(path, read):
    """A class has a name, not a novel: each row would carry it, and each manifest."""
    feature = {"label": {"_type": "ClassLabel", "names": ["cat", "x" * 1001]}}
    metadata = {"huggingface": json.dumps({"info": {"features": feature}})}
    for rows in (
        read(write(path, image=PICTURES, label=["x" * 1000, "x" * 1001, "", "é"])),
        read(write(path, metadata, image=PICTURES, label=[0, 1, 0, 0])),
    ):
        assert [row.error for row in rows] == [
            None, "the label has 1,001 characters; allowed: at most 1,000", None, None,
        ]  # fmt: skip


def test_large_values_are_read_a_few_at_a_time(path, monkeypatch):
    """As many as fit if each is as large as a page; small ones by the hundred, as ever."""
    asked = []
    iterate = pq.ParquetFile.iter_batches

    def noted(self, batch_size, **how):
        asked.append(batch_size)
        return iterate(self, batch_size, **how)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    for size in (100, 3 << 20, 60 << 20):
        write(path, image=[bytes(size), bytes(1)], label=[1, 2])
        source = open_source(str(path), "label", open_store)
        assert [len(row.value) for fragment in source.fragments() for row in source.read(fragment)] == [size, 1]
    assert asked[1::2] == [256, 42, 2]


def test_a_list_of_columns_is_told_in_part(path, read):
    """A message is read by a person."""
    write(path, label=[1, 2], **{f"column {i}\x1b[31m": [1, 2] for i in range(500)})
    with pytest.raises(DataError, match="found no columns") as refused:
        read(path)
    assert len(str(refused.value)) < 1000
    assert "\x1b" not in str(refused.value)
