"""JSON lines as they come."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genai.errors import DataError
from genai.modalities.text import Text
from genai.sources import jsonl, open_source
from jobs.stores import open_store
from tests.genai.sources.made import write


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


@pytest.fixture
def told(read):
    """What the rows of a file say: value, label, error."""

    def of(path, label="label", **fields):
        return [(row.value, row.label, row.error) for row in read(path, label, Text(**fields))]

    return of


@pytest.mark.parametrize(
    ("labels", "expected"), [(("a", "b"), ["a", "b"]), ((1, 2), [1, 2]), ((True, False), ["true", "false"])]
)
def test_labels_may_be_text_numbers_or_booleans(tmp_path, told, labels, expected):
    """As in other tables."""
    path = write(tmp_path / "a.jsonl", lines(*[{"text": "x", "label": label, "more": [1]} for label in labels]))
    assert [label for _, label, _ in told(path)] == expected


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
@settings(deadline=None)
def test_any_text_comes_back(tmp_path_factory, texts):
    """Half a character, which JSON can say, is for the modality to refuse."""
    path = write(tmp_path_factory.mktemp("jsonl") / "a.jsonl", lines(*[{"text": text} for text in texts]))
    source = open_source(str(path), None, open_store, Text())
    values = [row.value for fragment in source.fragments() for row in source.read(fragment)]
    assert [value.decode("utf-8", "surrogatepass") for value in values] == texts


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{", "not JSON in UTF-8"),
        ("[" * 100_000, "not JSON in UTF-8"),
        ("9" * 5000, "not JSON in UTF-8"),
        ("[1]", "found a list; allowed: a JSON object"),
        ('{"label": "a"}', "the text is null"),
        ('{"label": "a", "text": 3}', "its 'text' is a whole number, the first rows have string"),
        ('{"label": "a", "text": ["x"]}', "its 'text' is a list"),
        ('{"text": "a", "label": null}', "the label is null"),
    ],
)
def test_a_line_that_does_not_fit_is_a_bad_row(tmp_path, told, monkeypatch, line, error):
    """It spoils no other; a key that is not there is null."""
    monkeypatch.setattr(jsonl, "LOOKED_AT", 1)
    good = lines({"text": "x", "label": "a"})
    found = told(write(tmp_path / "a.jsonl", f"{good}\n{line}\n{good}"))
    assert [found[0][2], found[2][2]] == [None, None]
    assert found[1][2].startswith(error)


def test_numbers_are_what_the_first_rows_say(tmp_path):
    """Whole ones, or others; beyond 64 bits none; what is of several types is no column."""
    path = write(tmp_path / "a.jsonl", lines({"n": 1, "x": 1, "o": {}, "m": 1}, {"n": None, "x": 0.5, "m": "a"}))
    source = open_source(str(path), None, open_store, Text())
    with (tmp_path / "a.jsonl").open("rb") as file:
        schema = source.schema("a.jsonl", file)
        records = list(source.records("a.jsonl", file, 0, 1, schema, ["n", "x"]))
    assert [str(field.type) for field in schema] == ["int64", "double", "struct<>", "struct<>"]
    assert [record.cells for record in records] == [[1, 1], [None, 0.5]]
    with pytest.raises(ValueError, match="beyond 64 bits"):
        jsonl._cell("n", 1 << 63, schema.field("n").type)


def test_fragments_of_a_large_file_have_the_rows_of_the_whole(tmp_path, request, told):
    """However it is cut."""
    path = write(tmp_path / "a.ndjson", lines(*[{"text": f"é{n}", "label": n % 2} for n in range(100)]))
    whole = told(path)
    request.getfixturevalue("in_pieces")
    assert told(path) == whole
    assert len(whole) == 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"a\.jsonl: found no keys in its first lines"),
        ("1\n2\n", r"a\.jsonl: found no keys in its first lines"),
        ('{"text": "a"}\n', r"found no label column 'label', the columns are text"),
        ('{"label": 1, "text": 2}\n', r"found no columns of strings, the columns are text \(int64\)"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, told, text, said):
    """One sentence, with the file."""
    with pytest.raises(DataError, match=said):
        told(write(tmp_path / "a.jsonl", text))


def test_a_line_beyond_all_bounds_is_a_bad_row(tmp_path, monkeypatch, told):
    """Its bytes are not kept."""
    monkeypatch.setattr(jsonl, "RECORD", 40)
    long = lines({"text": "x" * 99, "label": 1})
    found = told(write(tmp_path / "a.jsonl", lines({"text": "x", "label": 1}) + long))
    assert [error for *_, error in found] == [None, "the line has more than the 40 bytes allowed"]
