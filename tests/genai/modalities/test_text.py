"""Texts of all sorts, friendly and hostile, and what a model draws."""

import io
import json
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from genai import modalities
from genai.errors import DataError, InputError
from genai.modalities import _symbols
from genai.modalities.text import Text
from genai.registry import describe
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


VERSES = [f"the {noun} {verb} over the {noun}s" for noun in ("cow", "moon", "été") for verb in ("jumps", "sees")]


def settled(symbols, texts=VERSES, **fields):
    return Text(symbols=symbols, vocabulary=290, **fields).settle([Row(text, None, text) for text in texts])


@pytest.mark.parametrize("symbols", ["characters", "bpe"])
def test_symbols_do_not_depend_on_the_order_of_the_rows(symbols):
    """Two orders of equal rows settle the same."""
    shuffled = random.Random(1).sample(VERSES, len(VERSES))
    assert settled(symbols, shuffled) == settled(symbols) != settled(symbols, VERSES[:1])


def test_pieces_of_words_do_not_depend_on_the_process():
    """Nor on how it hashes."""
    code = (
        "import sys; from genai.modalities._symbols import learn_merges; "
        "print(ascii(learn_merges([word.encode() for word in sys.argv[1:]], 290)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *VERSES], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == ascii(settled("bpe").learned), done.stderr


@pytest.mark.parametrize("symbols", ["characters", "bpe"])
def test_symbols_are_fewer_than_bytes_and_stay_in_the_checkpoint(symbols):
    """The space is in symbols, arrays are bytes; the config says them, a part does not."""
    made = settled(symbols)
    x = made.to_tensor(np.stack([made.decode(text)[0] for text in VERSES]))
    assert made.space.shape[0] < made.array_shape[0]
    assert 0 < x.max() < made.space.vocabulary
    assert modalities.stored(json.loads(json.dumps(describe(modalities, made)))) == made
    assert made.plain() == Text(length=made.length)


@given(st.data())
def test_whatever_is_drawn_of_symbols_is_published_as_text(data):
    """Sequences that no text has, and longer ones than any row, are cut to the array at a character's boundary."""
    made = data.draw(st.sampled_from([settled("characters", length=20, longer="cut"), settled("bpe")]))
    tokens = st.lists(st.integers(0, made.space.vocabulary - 1), min_size=made.places, max_size=made.places)
    arrays = made.from_tensor(torch.tensor([data.draw(tokens)]))
    text = made.cells(arrays)[0].decode()
    assert (made.strict().decode(text)[0] == arrays).all()


def test_a_character_that_was_not_learned_is_a_bad_row():
    """As of a file that came later."""
    with pytest.raises(DataError, match="the text has the character 'ß', which no row has"):
        settled("characters").decode("ß")


def test_texts_that_bpe_learns_from_are_bounded(monkeypatch):
    """The same ones in any order, however many there are."""
    monkeypatch.setattr(_symbols, "BPE_BYTES", 60)
    texts = [text.encode() for text in VERSES]
    found = {tuple(_symbols._some(random.Random(seed).sample(texts, len(texts)))) for seed in range(20)}
    assert len(found) == 1
    assert sum(map(len, found.pop())) <= 60


def test_too_many_characters_are_refused(monkeypatch):
    """The message says what else there is."""
    monkeypatch.setattr(_symbols, "CHARACTERS", 9)
    with pytest.raises(DataError, match=r"more than 9 different characters; allowed: data\.modality\.symbols: bytes"):
        settled("characters")


@pytest.mark.parametrize(
    ("symbols", "learned"),
    [
        ("characters", "ba"),
        ("characters", "aa"),
        ("characters", "\0a"),
        ("characters", "\ud800"),
        ("bpe", "a"),
        ("bpe", "a b c"),
        ("bpe", "a bc"),
        ("bpe", "\n".join("a" * 2**n + " " + "a" * 2**n for n in range(9))),
    ],
)
def test_symbols_that_nobody_learned_are_refused(symbols, learned):
    """A config may say anything: pieces that are made of no others, or double without end."""
    with pytest.raises(ValueError, match=r"among its merges|not sorted|surrogates"):
        Text(length=9, symbols=symbols, learned=learned, places=3).space  # noqa: B018


@pytest.mark.parametrize("said", [{"length": 1 << 28}, {"length": -1}, {"length": 9, "places": 1 << 40}])
def test_texts_longer_than_any_are_refused(said):
    """What was stored may say anything; a job file is held to the bound before."""
    with pytest.raises(ValueError, match="allowed: at most 65,536"):
        modalities.stored({"kind": "text", **said})


def test_bpe_without_its_library_is_an_error_that_says_what_to_do(monkeypatch):
    """It is an extra; samples need no more than the checkpoint."""
    made = settled("bpe")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert made.from_tensor(torch.ones((1, made.places), dtype=torch.int64)).any()
    with pytest.raises(InputError, match=r"pip install 'genai-jobs\[bpe\]'"):
        settled("bpe", VERSES[2:])


def test_windows_need_a_length():
    """There is no longest of them."""
    with pytest.raises(InputError, match="windows without a length"):
        Text(unit="window")


def test_how_rows_were_found_is_left_out_of_what_is_settled():
    """Equal rows of a file of lines and of a table's column make equal datasets."""
    rows = [Row("abc", None, "x")]
    assert Text(unit="paragraph").settle(rows) == Text(column="name").settle(rows) == Text(length=3).settle(rows)


def test_many_texts_are_seen_by_their_lengths_and_characters():
    """Each a picture, also where texts are equal, or empty; none where there are no texts."""
    made = settled("bytes")
    rows = np.stack([made.decode(text)[0] for text in VERSES])
    for synthetic in (rows, rows * 0, rows[:1]):
        found = made.figures(rows, synthetic)
        assert [figure.title for figure in found] == ["characters of a text", "the most frequent characters"]
        assert all(Image.open(io.BytesIO(figure.png)).size[0] > 100 for figure in found)
    assert made.figures(rows, rows[:0]) == []
