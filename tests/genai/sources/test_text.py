"""Files of text, cut into rows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genai.cut import Cut
from genai.errors import DataError
from genai.modalities.text import Text
from genai.sources import _cuts, _lines, open_source
from genai.sources import text as text_source
from jobs.stores import open_store
from tests.genai.sources.made import write

POEM = "One\r\n two \n\n\t\n\nThree\nfour"


@pytest.fixture
def rows(read):
    """Values and places of the rows of a file, cut some way."""

    def of(uri, unit, label=None, length=9):
        return [(row.value.decode(), row.where) for row in read(uri, label, Text(unit=unit, length=length))]

    return of


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (
            "line",
            [("One", "a.txt line 1"), (" two ", "a.txt line 2"), ("Three", "a.txt line 6"), ("four", "a.txt line 7")],
        ),
        ("paragraph", [("One\r\n two ", "a.txt line 1"), ("Three\nfour", "a.txt line 6")]),
        ("file", [(POEM, "a.txt")]),
        ("window", [(POEM[at : at + 9], f"a.txt byte {at}") for at in range(0, len(POEM), 9)]),
    ],
)
def test_a_file_is_cut_as_the_modality_says(tmp_path, rows, unit, expected):
    """Blank lines part paragraphs and are no rows; what ends a row is no part of it; places are as in editors."""
    assert rows(write(tmp_path / "a.txt", POEM), unit) == expected


def test_the_mark_of_utf_8_is_no_part_of_the_text(tmp_path, rows):
    """Windows begins files with it."""
    assert rows(write(tmp_path / "a.txt", b"\xef\xbb\xbfOne\n"), "line") == [("One", "a.txt line 1")]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers(4, 9))
@settings(deadline=None)
def test_windows_are_the_file_without_a_gap(tmp_path_factory, text, length):
    """Each of whole characters, as many as fit."""
    folder = tmp_path_factory.mktemp("windows")
    write(folder / "a.txt", text)
    with (folder / "a.txt").open("rb") as file:
        found = [piece.data for piece in _cuts.pieces(file, 0, 1, Cut("window", length))]
    assert b"".join(found) == text.encode().removeprefix(b"\xef\xbb\xbf")
    assert all(len(one) <= length and one.decode() for one in found)
    assert all(len(one) > length - 4 for one in found[:-1])


@pytest.mark.parametrize("unit", ["line", "paragraph", "window"])
def test_pieces_of_a_large_file_have_the_rows_of_the_whole(tmp_path, monkeypatch, rows, unit):
    """However finely a file is cut into fragments, and wherever its bytes are cut when they are read."""
    path = write(tmp_path / "a.txt", "".join(f"line {n} é\n{chr(10) * (n % 3)}" for n in range(200)))
    whole = rows(path, unit)
    monkeypatch.setattr(text_source, "FRAGMENT", 100)
    monkeypatch.setattr(_lines, "CHUNK", 7)
    monkeypatch.setattr(_cuts, "CHUNK", 7)

    source = open_source(str(path), None, open_store, Text(unit=unit, length=9))
    assert len(source.fragments()) > 9
    assert rows(path, unit) == whole


def test_small_files_are_read_together(tmp_path, monkeypatch):
    """A fragment is a run of them, as long as it is no larger than a piece of a large one."""
    for number in range(5):
        write(tmp_path / f"{number}.txt", "12345678\n" * (1 if number else 40))
    monkeypatch.setattr(text_source, "FRAGMENT", 20)
    monkeypatch.setattr(text_source, "ROWS", 3)
    found = open_source(str(tmp_path), None, open_store, Text()).fragments()
    assert [fragment.keys for fragment in found[-2:]] == [("1.txt", "2.txt"), ("3.txt", "4.txt")]
    assert {fragment.key for fragment in found[:-2]} == {"0.txt"}
    assert max(fragment.rows for fragment in found) <= 3


def test_folders_are_labels(tmp_path, read):
    """As those of other files are; each file may be one row."""
    for name in ("cat/1.txt", "cat/deep/2.txt", "dog/1.txt"):
        write(tmp_path / name, f"{name}\n")
    found = read(tmp_path, "label", Text(unit="file"))
    assert [(row.label, row.value) for row in found] == [
        ("cat", b"cat/1.txt\n"), ("cat", b"cat/deep/2.txt\n"), ("dog", b"dog/1.txt\n"),
    ]  # fmt: skip
    with pytest.raises(DataError, match="outside of a label's folder"):
        read(write(tmp_path / "b.txt", "x"), "label", Text())


@pytest.mark.parametrize("unit", ["line", "paragraph", "file"])
def test_a_row_beyond_all_bounds_is_a_bad_one(tmp_path, monkeypatch, read, unit):
    """Its bytes are not kept; what follows it is read."""
    for module in (_cuts, text_source):
        monkeypatch.setattr(module, "MOST", 10)
    monkeypatch.setattr(_lines, "CHUNK", 4)
    found = read(write(tmp_path / "a.txt", "short\n\n" * 9 + "much too long a text\n\nshort"), None, Text(unit=unit))
    assert [len(row.value) <= 10 for row in found if row.error] == [True]
    assert f"the {unit} has more than the 10 bytes allowed" in next(row.error for row in found if row.error)
    assert [row.value for row in found if not row.error] == ([] if unit == "file" else [b"short"] * 10)


@pytest.mark.parametrize("files", [{"a.txt": ""}, {"a.txt": "\n \n", "b.txt": "\r\n"}])
def test_files_without_a_row_are_refused(tmp_path, read, files):
    """The first is named."""
    for name, text in files.items():
        write(tmp_path / name, text)
    with pytest.raises(DataError, match=r"a\.txt: found no text in it"):
        read(tmp_path, None, Text())


def test_text_is_refused_where_rows_are_something_else(tmp_path, read):
    """Whoever forgot to say that rows are texts is told so; in a folder of images, texts are notes."""
    path = write(tmp_path / "cat/notes.txt", "x")
    with pytest.raises(DataError, match=r"notes\.txt: found text, rows are images; allowed: data\.modality: text"):
        read(path, None)
    write(tmp_path / "cat/more.txt", "x")
    write(tmp_path / "cat/1.png", "x")
    assert [row.where for row in read(tmp_path)] == ["cat/1.png"]
