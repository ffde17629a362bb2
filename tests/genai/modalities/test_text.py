"""Texts of all sorts, friendly and hostile, and what a model draws."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import DataError
from genai.modalities.text import Text
from genai.sources import Row

ROW = st.lists(st.integers(0, 255), min_size=12, max_size=12)


@given(st.lists(ROW, min_size=1, max_size=8))
def test_whatever_is_drawn_is_published_as_text_that_reads_back(rows):
    """Bytes up to the first 0; those that are no UTF-8 become question marks, the others stay."""
    arrays = Text(length=12).from_tensor(torch.tensor(rows))
    column, _ = Text(length=12).columns(arrays, [])["text"]
    column.validate(full=True)
    for row, text, array in zip(rows, column.to_pylist(), arrays, strict=True):
        drawn = bytes(row).split(b"\0")[0]
        assert len(text.encode()) == len(drawn)
        assert text == drawn.decode(errors="ignore") or "?" in text
        assert (Text(length=12).strict().decode(text)[0] == array).all()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), st.integers(1, 9))
def test_a_longer_text_is_cut_at_a_characters_boundary(text, length):
    """As many whole characters as fit; what the row is, is all of it."""
    array, content = Text(length=length, longer="cut").decode(text)
    kept = array.tobytes().rstrip(b"\0")
    assert text.startswith(kept.decode())
    assert len(kept) > length - 4 or kept == text.encode()
    assert content == Text(length=1 << 16).decode(text)[1]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\xff", "no UTF-8"),
        ("\ud800", "no UTF-8"),
        ("a\0b", "NUL at byte 1"),
        ("", "found no character"),
        ("four", "the text has 4 bytes; allowed: at most 3"),
    ],
)
def test_what_no_row_can_be_is_refused(value, said):
    """One clear sentence each."""
    with pytest.raises(DataError, match=said):
        Text(length=3).decode(value)


def test_the_longest_text_settles_the_length():
    """In bytes, whatever the order; what cannot be a row settles nothing."""
    rows = [Row(value, None, "x") for value in ("a", "ß", b"\xff\xff\xff", "")]
    assert Text().settle(rows) == Text().settle(rows[::-1]) == Text(length=2)
    with pytest.raises(DataError, match="x: not a usable text"):
        Text().settle(rows[2:])


@pytest.mark.parametrize(
    ("columns", "column", "picked"),
    [
        ({"name": ["a"], "n": [1]}, None, "name"),
        ({"text": ["a"], "name": ["b"]}, None, "text"),
        ({"text": ["a"], "name": ["b"]}, "name", "name"),
        ({"a": pa.array(["x"]).dictionary_encode()}, None, "a"),
    ],
)
def test_the_column_is_the_one_that_is_named_or_the_only_one(columns, column, picked):
    """The field `column`, else `text`, else the only one of strings."""
    table, modality = pa.table(columns), Text(column=column)
    assert modality.picked("a.parquet", table.schema) == [picked]
    assert modality.values(table.select([picked]).combine_chunks())[0] in (b"a", b"b", b"x")


@pytest.mark.parametrize(
    ("columns", "column"),
    [({"n": [1]}, None), ({"a": ["x"], "b": ["y"]}, None), ({"text": ["x"]}, "name"), ({"text": [1]}, "text")],
)
def test_a_table_without_one_column_of_texts_is_refused(columns, column):
    """The message names the columns that there are."""
    with pytest.raises(DataError, match=r"a\.parquet: found .* columns of strings.*the columns are"):
        Text(column=column).picked("a.parquet", pa.table(columns).schema)


def test_texts_of_a_table_that_are_no_utf_8_are_the_fault_of_their_own_row():
    """The bytes come as they are, to be refused one by one."""
    broken = pa.array([b"ok", b"\xff", None]).cast(pa.binary()).view(pa.string())
    assert Text().values(pa.table({"text": broken})) == [b"ok", b"\xff", None]


def test_published_text_has_no_padding():
    """A reader of strings sees the text alone, and one that is empty where a model ended at once."""
    arrays = np.array([[97, 0, 0], [0, 0, 0]], np.uint8)
    assert Text(length=3).columns(arrays, [])["text"][0].to_pylist() == ["a", ""]
