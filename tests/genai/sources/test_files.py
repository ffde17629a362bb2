"""Folders of files by class."""

import os

import pytest

from genai.errors import DataError
from genai.sources import open_source
from genai.sources.files import RUN
from jobs.stores import open_store


@pytest.fixture
def folder(tmp_path):
    """Makes empty image files: a source reads no pixel."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def test_the_first_folder_is_the_label(folder, read):
    """Deeper folders, capital suffixes and JPEG count; other files do not."""
    rows = read(folder("cat/1.png", "cat/deep/2.JPG", "dog/3.webp", "dog/notes.txt"))
    assert [(row.label, row.where) for row in rows] == [
        ("cat", "cat/1.png"),
        ("cat", "cat/deep/2.JPG"),
        ("dog", "dog/3.webp"),
    ]


def test_a_folder_may_have_a_dot_in_its_name(folder, read):
    """`pets.v1` is a folder, not a file of an unknown kind."""
    root = folder("pets.v1/cat/1.png", "pets.v1/dog/1.png")
    assert {row.label for row in read(root / "pets.v1")} == {"cat", "dog"}


def test_an_image_outside_of_a_label_is_refused(folder, read):
    """The message names the file and what to do."""
    with pytest.raises(DataError, match=r"stray\.png: found a file outside .* data\.label: null"):
        read(folder("cat/1.png", "stray.png"))


def test_unlabelled_images_may_lie_anywhere(folder, read):
    """With `label: null` the folders mean nothing."""
    assert len(read(folder("cat/1.png", "stray.png"), None)) == 2


def test_fragments_are_runs_of_the_listing(folder):
    """Each carries its keys, so that a worker need not list."""
    root = folder(*(f"cat/{number:04}.png" for number in range(RUN + 3)))
    first, last = open_source(str(root), "label", open_store).fragments()
    assert (first.rows, last.rows) == (RUN, 3)
    assert last.keys == tuple(f"cat/{number:04}.png" for number in range(RUN, RUN + 3))


def test_a_file_larger_than_any_image_is_not_read(folder, read):
    """A terabyte of nothing costs its row, and no memory; the rows beside it stay."""
    root = folder("cat/1.png", "cat/2.png", "dog/1.png")
    (root / "cat/1.png").write_bytes(b"some")
    os.truncate(root / "cat/2.png", 1 << 40)
    rows = read(root)
    assert [(row.where, row.label, row.error) for row in rows] == [
        ("cat/1.png", "cat", None),
        ("cat/2.png", "cat", "the file has 1,099,511,627,776 bytes; allowed: at most 536,870,912"),
        ("dog/1.png", "dog", None),
    ]
    assert [row.value for row in rows] == [b"some", b"", b""]
