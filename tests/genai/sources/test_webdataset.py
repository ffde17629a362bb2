"""Tars of samples."""

import io
import tarfile
import tracemalloc

import numpy as np
import pytest
from sklearn.datasets import load_digits

from genai.errors import DataError
from genai.exports import Piece
from genai.exports.webdataset import WebDataset
from genai.formats import About, Samples
from genai.formats.parquet import Parquet
from genai.modalities.image import Image
from genai.prepare import Terms, gather
from genai.sources import open_source
from jobs.card import headed
from jobs.stores import open_store
from tests.genai.sources.made import png, write_tar

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PNG = png(1)


def said(rows):
    return [(row.value, row.label, row.error) for row in rows]


@pytest.fixture
def exported(tmp_path):
    """Digits as our WebDataset export and as one of our Parquet parts."""
    found = load_digits()
    samples = Samples(np.arange(40), found.target[:40], (found.images[:40, :, :, None] * 15).astype(np.uint8))
    about = About(Image(8, "L"), "c" * 64, 7, "k", "genai", CLASSES)
    export, tars = WebDataset(), tmp_path / "tars"
    tars.mkdir()
    for name, data in export.files(Piece(samples, about, "part-00000", "train")):
        (tars / name).write_bytes(data)
    (tars / "README.md").write_text(headed(export.card(CLASSES, Image((2, 2), "L"), ["train"]), "Samples."))
    (tmp_path / "rows.parquet").write_bytes(Parquet().encode(samples, about))
    return tars, tmp_path / "rows.parquet"


def test_our_own_export_is_a_source_with_equal_rows(exported, read):
    """The same images, labels and order as in the Parquet that it was made beside."""
    tars, parquet = exported

    assert said(read(tars)) == said(read(parquet))
    assert open_source(str(tars), "label", open_store).names() == list(CLASSES)


def test_both_are_prepared_to_one_digest(exported):
    """With the classes in the order that the card gives."""
    terms = Terms({"train": 1.0})
    sources = [open_source(str(path), "label", open_store) for path in exported]
    one, other = (gather([source], [], Image(), terms, lambda *_: None) for source in sources)

    assert one.digest == other.digest
    assert one.classes == CLASSES


@pytest.mark.parametrize(
    ("members", "label", "expected"),
    [
        ([("a.png", PNG), ("a.cls", b"3\n")], "label", 3),
        ([("a.cls", b"tabby cat"), ("a.png", PNG)], "label", "tabby cat"),
        ([("x/a.jpg", PNG), ("x/a.txt", b"cat")], "label", "cat"),
        ([("a.PNG", PNG), ("a.json", b'{"label": "cat"}'), ("a.cls", b"7")], "label", "cat"),
        ([("./a.left.png", PNG), ("./a.json", b'{"label": true}')], "label", "true"),
        ([("a.png", PNG), ("a.json", b'{"caption": "x"}'), ("a.cls", b"7")], "label", 7),
        ([("a.png", PNG), ("a.json", b'{"breed": "tabby"}'), ("a.cls", b"7")], "breed", "tabby"),
        ([("a.png", PNG), ("a.breed", b"tabby"), ("a.cls", b"7")], "breed", "tabby"),
        ([("a.png", PNG), ("a.cls", b"7")], None, None),
    ],
)
def test_a_label_is_what_the_json_says_else_a_member(members, label, expected, tmp_path, read):
    """By the names that WebDataset's tools use."""
    write_tar(tmp_path / "a.tar", members)

    assert said(read(tmp_path / "a.tar", label)) == [(PNG, expected, None)]


def test_numbers_of_classes_have_the_names_of_the_card(tmp_path, read):
    """As the Hub writes them for such a dataset."""
    write_tar(tmp_path / "a.tar", [("a.png", PNG), ("a.cls", b"1"), ("b.png", PNG), ("b.cls", b"2")])
    (tmp_path / "README.md").write_text(headed(WebDataset().card(["cat", "dog"], Image((2, 2), "L"), []), ""))

    assert said(read(tmp_path)) == [
        (PNG, "dog", None),
        (b"", None, "the label is 2, the file declares the classes 0 to 1"),
    ]


@pytest.mark.parametrize(
    "card", [b"no front matter", b"---\n- &a [*a]\n---", b"---\n{\n---", b"---\ndataset_info: 7\n---"]
)
def test_a_card_of_something_else_names_nothing(card, tmp_path, read):
    """It is for people in the first place."""
    write_tar(tmp_path / "a.tar", [("a.png", PNG), ("a.cls", b"1")])
    (tmp_path / "README.md").write_bytes(card)

    assert said(read(tmp_path)) == [(PNG, 1, None)]


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_every_format_are_read(style, tmp_path, read):
    """With folders in them, and with names that are too long for a header."""
    folder = tmp_path / "made" / ("d" * 60)
    folder.mkdir(parents=True)
    name = "é" * 30 if style == tarfile.USTAR_FORMAT else "é" * 90
    (folder / f"{name}.png").write_bytes(PNG)
    (folder / f"{name}.cls").write_text("5")
    with tarfile.open(tmp_path / "a.tar", "w", format=style) as tar:
        tar.add(tmp_path / "made", "samples")

    assert said(read(tmp_path / "a.tar")) == [(PNG, 5, None)]


def test_a_tar_is_a_fragment(tmp_path):
    """Its rows are counted without reading an image; an empty one is none."""
    for name, count in (("a", 3), ("b", 0), ("c", 2)):
        write_tar(tmp_path / f"{name}.tar", [(f"{n}.{end}", PNG) for n in range(count) for end in ("png", "txt")])
    fragments = open_source(f"{tmp_path}/*.tar", None, open_store).fragments()

    assert [(fragment.key, fragment.rows) for fragment in fragments] == [("a.tar", 3), ("c.tar", 2)]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ([("b.cls", b"1")], "found no images in .cls"),
        ([("b.png", PNG), ("b.2.png", PNG), ("b.cls", b"1")], "found 2 images in .png, .2.png"),
        ([("b.png", PNG)], "it has no label 'label'"),
        ([("b.png", PNG), ("b.cls", b" ")], "the label is empty"),
        ([("b.png", PNG), ("b.cls", b"\xff")], "its .cls is no text in UTF-8"),
        ([("b.png", PNG), ("b.json", b"{")], "its .json cannot be read"),
        ([("b.png", PNG), ("b.json", b"[" * 10**5)], "its .json cannot be read"),
        ([("b.png", PNG), ("b.json", b'{"label": [1]}')], "has '[1]' as label"),
        ([("b.png", PNG), ("b.json", b'{"label": "\\ud800"}')], "no text in UTF-8"),
        ([("b.png", PNG), ("b.json", b'{"label": null}')], "the label is null"),
        ([("b.png", PNG), ("b.txt", b"x" * 2000)], "the label has 2,000 characters"),
        ([("b.png", PNG), ("b.cls", bytes(2 << 20))], "has 2,097,152 bytes; allowed: at most 1,048,576"),
    ],
)
def test_a_bad_sample_says_why(members, error, tmp_path, read):
    """It spoils itself alone."""
    write_tar(tmp_path / "a.tar", [("a.png", PNG), ("a.cls", b"1"), *members, ("c.png", PNG), ("c.cls", b"2")])
    first, bad, last = read(tmp_path / "a.tar")

    assert (first.label, bad.value, last.label) == (1, b"", 2)
    assert error in bad.error


def test_a_label_that_no_sample_has_is_one_message(tmp_path, read):
    """Before any is read."""
    write_tar(tmp_path / "a.tar", [("a.png", PNG), ("a.caption", b"cat")])

    with pytest.raises(DataError, match=r"no label column 'label', the first sample has \.png, \.caption; allowed"):
        read(tmp_path)


def _member(name="a.png", data=PNG, **facts):
    """A header and its data, as told."""
    made = tarfile.TarInfo(name)
    made.size = len(data)
    for field, value in facts.items():
        setattr(made, field, value)
    return made.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def _negative():
    """A pax record that leads backwards."""
    record = b"13 size=-512\n"
    return _member("x", record, type=tarfile.XHDTYPE) + _member()


def _global(number):
    """A pax record for all that follows."""
    return _member("x", b"11 k%03d=ab\n" % number, type=tarfile.XGLTYPE)


END = bytes(1024)
BAD = {
    "nothing": (lambda: b"", "not a readable tar"),
    "rubbish": (lambda: b"x" * 5000, "not a readable tar"),
    "a name that leads out": (lambda: _member("../../etc/a.png") + END, "leads out of it"),
    "an absolute name": (lambda: _member("/etc/a.png") + END, "leads out of it"),
    "a link": (lambda: _member(type=tarfile.SYMTYPE, linkname="/etc/passwd", data=b"") + END, "is a link, a device"),
    "a hard link": (lambda: _member(type=tarfile.LNKTYPE, linkname="b", data=b"") + END, "is a link, a device"),
    "a device": (lambda: _member(type=tarfile.CHRTYPE, data=b"") + END, "is a link, a device or sparse"),
    "a file of a terabyte": (lambda: _member(size=2**40) + END, "claims 1,099,511,627,776 bytes"),
    "a name of a gigabyte": (lambda: _member("x", b"y", size=2**30, type=tarfile.GNUTYPE_LONGNAME) + END, "claims"),
    "a pax record of a gigabyte": (lambda: _member("x", b"y", size=2**30, type=tarfile.XHDTYPE) + END, "claims"),
    "a size below zero": (lambda: _negative() + END, "not a readable tar"),
    "names of names without end": (
        lambda: _member("x", b"y", type=tarfile.GNUTYPE_LONGNAME) * 5000 + END, "not a readable tar",
    ),
    "a thousand pax records for all": (
        lambda: b"".join(_global(n) + _member(f"{n}.png") for n in range(999)) + END,
        "leads astray",
    ),
    "a broken header": (lambda: _member() + b"x" * 512 + _member("b.png") + END, "it breaks off: at 1,024"),
    "a header that breaks off": (lambda: _member() + _member("b.png")[:300], "it breaks off: at 1,024"),
    "a file that breaks off": (lambda: _member(data=bytes(5000))[:1000], "it breaks off|unexpected end of data"),
    "no end": (_member, "it breaks off: at 1,024"),
    "a file twice": (lambda: _member() * 2 + END, "'a' has 'png' twice"),
    "a sample of 2,000 files": (
        lambda: b"".join(_member(f"a.{n}", b"") for n in range(2000)) + END, "more than 1,000 files",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_tar_of_samples_is_one_clear_message(name, tmp_path, read):
    """Nothing is taken on the file's word, so it takes no memory to find out."""
    make, message = BAD[name]
    (tmp_path / "a.tar").write_bytes(make())
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as told:
            read(tmp_path / "a.tar", None)
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()
    assert len(str(told.value)) < 1000


def test_a_tar_of_headers_takes_the_memory_of_one(tmp_path):
    """Headers are read one after the other, and not kept."""
    with (tmp_path / "a.tar").open("wb") as file:
        for number in range(5_000):
            file.write(_member(f"{number}.png", b""))
        file.write(END)
    source = open_source(str(tmp_path / "a.tar"), None, open_store)
    tracemalloc.start()
    assert [fragment.rows for fragment in source.fragments()] == [5_000]
    assert tracemalloc.get_traced_memory()[1] < 1 << 19
    tracemalloc.stop()


@pytest.mark.parametrize("ending", ["tar.gz", "tgz"])
def test_a_compressed_tar_is_refused(ending, tmp_path, read):
    """It says what is allowed."""
    with tarfile.open(tmp_path / f"a.{ending}", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.png"), io.BytesIO())

    with pytest.raises(DataError, match=r"found a compressed tar; allowed: plain \.tar"):
        read(tmp_path)


def test_it_is_read_from_s3_as_from_a_folder(exported, moto_s3, monkeypatch, read):
    """By ranges, through the same door."""
    uri = moto_s3.use(monkeypatch)
    for file in exported[0].iterdir():
        open_store(uri).put(f"digits/{file.name}", file.read_bytes())

    assert said(read(f"{uri}/digits")) == said(read(exported[0]))
