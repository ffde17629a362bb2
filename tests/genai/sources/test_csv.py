"""Comma- and tab-separated values as they come."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genai.errors import DataError
from genai.modalities.text import Text
from genai.sources import csv as csv_source
from tests.genai.sources.made import write

CELLS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=9)


@pytest.fixture
def told(read):
    """What the rows of a file say: value, label, place and error."""

    def of(path, label="label", **fields):
        rows = read(path, label, Text(**fields))
        return [(row.value and row.value.decode(), row.label, row.where, row.error) for row in rows]

    return of


def test_quotes_commas_and_line_breaks_are_text(tmp_path, told):
    """A record may have several lines, and is found by its first."""
    path = write(tmp_path / "a.csv", 'label,text\r\ncat,"a ""b"", c\r\nd"\r\n\r\ndog,5" pipe\r\n')
    assert told(path) == [('a "b", c\r\nd', "cat", "a.csv line 2", None), ('5" pipe', "dog", "a.csv line 5", None)]


def test_tabs_part_the_cells_of_a_tsv(tmp_path, told):
    """And a comma is text there."""
    assert told(write(tmp_path / "a.tsv", "label\ttext\ncat\ta, b\n"))[0][:2] == ("a, b", "cat")


def test_pandas_finds_the_same_rows(tmp_path_factory, told):
    """Whatever it writes."""

    @given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
    @settings(deadline=None, max_examples=50)
    def check(rows):
        path = tmp_path_factory.mktemp("csv") / "a.csv"
        pd.DataFrame(rows, columns=["text", "label"]).to_csv(path, index=False)
        assert [(text or "", label or "") for text, label, *_ in told(path)] == rows

    check()


def test_fragments_of_a_large_file_have_the_rows_of_the_whole(tmp_path, request, told):
    """Records are never cut, wherever the bytes are when they are read."""
    made = io.StringIO()
    csv.writer(made).writerows([["text", "label"], *[[f"a\n{n},é\n", "x"] for n in range(100)]])
    path = write(tmp_path / "a.csv", made.getvalue())
    whole = told(path)
    request.getfixturevalue("in_pieces")
    assert told(path) == whole
    assert len(whole) == 100


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("cat", "it has 1 cells, the header has 2"),
        ("cat,a,b", "it has 3 cells, the header has 2"),
        ("cat,", "the text is null"),
        (",a", "the label is null"),
    ],
)
def test_a_record_that_does_not_fit_is_a_bad_row(tmp_path, told, line, error):
    """It spoils no other; an empty cell is null."""
    found = told(write(tmp_path / "a.csv", f"label,text\ndog,b\n{line}\ncat,c\n"))
    assert [row[3] for row in found] == [None, error, None]


def test_a_text_that_is_no_utf_8_is_a_bad_row(tmp_path, read):
    """The bytes come as they are, for the modality to refuse."""
    found = read(write(tmp_path / "a.csv", b"label,text\ncat,\xff\n\xff,b\n"), "label", Text())
    assert found[0].value == b"\xff"
    assert found[1].error == "the label is no text in UTF-8"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"a\.csv: found no header"),
        ("label,text\n", r"a\.csv: found no rows"),
        ("text,text,label\na,b,c\n", r"found 2 columns of strings, the columns are text"),
        ("label,a,b\n", r"found 2 columns of strings, .* or one of these, 'text', or data\.modality\.column"),
        ("a,b\n", r"found no label column 'label', the columns are a, b"),
        ('label,text\ncat,"a\n' + "b" * 99, r"a\.csv line 2: not a readable record: it has more than 50 bytes"),
        ("label,text\ncat,a\rb\n", r"a\.csv line 2: not a readable record: new-line character"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path, monkeypatch, told, text, said):
    """One sentence, with the file and its line."""
    monkeypatch.setattr(csv_source, "RECORD", 50)
    with pytest.raises(DataError, match=said):
        told(write(tmp_path / "a.csv", text))


def test_too_many_columns_are_refused(tmp_path, monkeypatch, told):
    """Before they are kept."""
    monkeypatch.setattr(csv_source, "COLUMNS", 3)
    with pytest.raises(DataError, match=r"found 4 columns; allowed: a first line that names at most 3"):
        told(write(tmp_path / "a.csv", "a,b,c,d\n"))
