"""Rows with captions: where these come from, and what is none."""

import pyarrow as pa
import pytest

from genai.errors import DataError, InputError
from genai.modalities.captioned import Captioned
from genai.modalities.text import Text
from genai.template import Template


def texts(**fields):
    return Captioned(of=Text(length=8), length=12, **fields)


def read(modality, table):
    return modality.values(table.select(modality.picked("a.csv", table.schema)).combine_chunks())


def test_a_caption_is_a_column_or_made_from_several():
    """Numbers and truth values are written out; a column that the template takes is not the row's own."""
    table = pa.table({"text": ["one", "two"], "size": [1, 2], "red": [True, False], "name": ["cat", "dog"]})
    assert read(texts(text="name"), table) == [(b"one", "cat"), (b"two", "dog")]
    made = read(texts(text="{size} {{{red}}} {name}"), table)
    assert [caption for _, caption in made] == ["1 {true} cat", "2 {false} dog"]


def test_nothing_in_a_caption_is_nothing():
    """A row that lacks a part of its caption has none, and that is told."""
    table = pa.table({"text": ["one"], "name": pa.array([None], pa.string())})
    (value,) = read(texts(text="a {name}"), table)
    with pytest.raises(DataError, match="caption is null"):
        texts().decode(value)


@pytest.mark.parametrize("caption", ["", "  ", "thirteen long", "a\0b", b"\xff"])
def test_what_is_no_caption_is_refused(caption):
    """Empty, too long, with a zero in it, no UTF-8."""
    with pytest.raises(DataError, match="allowed: a text of at most 12 bytes"):
        texts().decode((b"one", caption))


def test_a_column_that_is_not_there_is_named():
    """With those that are."""
    with pytest.raises(DataError, match="no column 'nam' for the caption, the columns are text, name"):
        read(texts(text="{nam}"), pa.table({"text": ["one"], "name": ["x"]}))


@pytest.mark.parametrize("text", ["{a.b}", "{a[0]}", "{0}", "{a!r}", "{a:>9}", "{", "}", "{}", "{{a}}"])
def test_a_template_takes_names_only(text):
    """No attributes, no indices, no formats."""
    with pytest.raises(InputError, match="allowed: the name of a column"):
        Template(text)


def test_captions_have_no_captions():
    """One text a row."""
    with pytest.raises(InputError, match="captions of rows that have captions"):
        Captioned(of=Captioned())
