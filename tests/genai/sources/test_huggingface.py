"""What Hugging Face datasets saves to disk."""

import json
import struct
import tracemalloc

import datasets
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from genai.errors import DataError
from genai.modalities.image import Image
from genai.prepare import Terms, gather
from genai.sources import open_source
from jobs.stores import open_store
from tests.genai.sources.made import png, save_to_disk, write_parquet

FILE = "data-00000-of-00001.arrow"
DECLARED = "the file declares the classes 0 to 1"
IMAGES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.fixture
def saved(tmp_path):
    """A folder that was saved, in one file."""
    return save_to_disk(tmp_path / "saved")


def said(rows):
    return [(row.value, row.label, row.error) for row in rows]


def arrow(images, labels, **how):
    """A stream as pyarrow writes it, with what else it may have."""
    table = pa.table({"image": images, "label": labels})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**how)) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def test_rows_are_those_of_the_same_dataset_as_parquet(saved, tmp_path, read):
    """Equal bytes, class names and order."""
    datasets.load_from_disk(str(saved)).to_parquet(tmp_path / "rows.parquet")

    assert said(read(saved)) == said(read(tmp_path / "rows.parquet"))
    assert open_source(str(saved), "label", open_store).names() == ["cat", "dog"]


def test_both_are_prepared_to_one_digest(saved, tmp_path):
    """So the key of a training does not say which of the two it was."""
    datasets.load_from_disk(str(saved)).to_parquet(tmp_path / "rows.parquet")
    terms = Terms({"train": 1.0})
    sources = [open_source(str(path), "label", open_store) for path in (saved, tmp_path / "rows.parquet")]
    one, other = (gather([source], [], Image(), terms, lambda *_: None) for source in sources)

    assert one.digest == other.digest
    assert (one.classes, one.splits["train"].rows) == (("cat", "dog"), 7)


def test_images_of_files_are_read_as_they_were(tmp_path, read):
    """What was a path when the dataset was made is in its files when it was saved."""
    Pillow.new("L", (4, 4), 7).save(tmp_path / "a.png")
    features = datasets.Features({"picture": datasets.Image(), "kind": datasets.Value("string")})
    made = datasets.Dataset.from_dict({"picture": [str(tmp_path / "a.png")] * 2, "kind": ["x", None]}, features)
    made.save_to_disk(str(tmp_path / "saved"))
    data = (tmp_path / "a.png").read_bytes()

    assert said(read(tmp_path / "saved", "kind")) == [(data, "x", None), (data, None, "the label is null")]


def test_a_record_batch_is_a_fragment_of_its_own(tmp_path):
    """Rows are numbered through the file, and a fragment is read without those before it."""
    made = save_to_disk(tmp_path / "saved", 250)
    fragments = open_source(str(made), "label", open_store).fragments()
    source = open_source(str(made), "label", open_store)

    assert [(fragment.rows, fragment.first) for fragment in fragments] == [(100, 0), (100, 100), (50, 200)]
    assert next(iter(source.read(fragments[2]))).where == f"{FILE} row 200"


def test_only_files_that_the_state_names_are_read(saved, read):
    """What `map` left in its cache is none of the dataset's."""
    (saved / "cache-0123.arrow").write_bytes(b"rubbish")

    assert len(read(saved)) == 7


def test_a_split_is_named_by_the_path(tmp_path, read):
    """A DatasetDict with several splits asks for one of them; with one, it is that one."""
    whole = datasets.load_from_disk(str(save_to_disk(tmp_path / "one")))
    datasets.DatasetDict({"train": whole, "test": whole.select([0, 1])}).save_to_disk(str(tmp_path / "both"))
    datasets.DatasetDict({"train": whole}).save_to_disk(str(tmp_path / "single"))

    assert [len(read(tmp_path / name)) for name in ("both/train", "both/test", "single")] == [7, 2, 7]
    with pytest.raises(DataError, match=r"several splits; allowed: one of .*/both/test, .*/both/train"):
        read(tmp_path / "both")


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        (pa.array([{"bytes": None, "path": "a.png"}], IMAGES), [0], (None, "cat", "the image is null")),
        (
            pa.array([b"a"], pa.large_binary()),
            [2],
            (b"a", None, f"the label is 2, {DECLARED}"),
        ),
        (pa.array([b"a"]), [-1], (b"a", None, f"the label is -1, {DECLARED}")),
        (pa.array([b"a"]), pa.array([b"\xff"]).view(pa.string()), (b"a", None, "the label is no text in UTF-8")),
    ],
)
def test_a_bad_row_says_why(saved, read, images, labels, expected):
    """It spoils itself alone."""
    (saved / FILE).write_bytes(arrow(images, labels))

    assert said(read(saved)) == [expected]


def _state(**changes):
    return lambda saved: (saved / "state.json").write_text(json.dumps(changes))


def _file(change):
    return lambda saved: (saved / FILE).write_bytes(change((saved / FILE).read_bytes()))


def _batch_that_claims(size):
    """The body of the batch, by the message's header."""

    def change(data):
        whole = pa.ipc.open_stream(data)
        body = pa.ipc.MessageReader.open_stream(pa.py_buffer(data))
        lengths = [len(message.body or b"") for message in body if message.type == "record batch"]
        assert whole.schema
        return data.replace(struct.pack("<q", lengths[0]), struct.pack("<q", size), 1)

    return change


BAD = {
    "no state": (lambda saved: (saved / "state.json").unlink(), "Arrow files without a state.json"),
    "a state that is no JSON": (lambda saved: (saved / "state.json").write_text("{"), "not readable"),
    "a state that is a list": (lambda saved: (saved / "state.json").write_text("[]"), "no JSON object"),
    "a state of 10,000 lists": (lambda saved: (saved / "state.json").write_text("[" * 10**4), "not readable|recursion"),
    "a state of no files": (_state(_data_files=[]), "does not name the files"),
    "a state of a number": (_state(_data_files=7), "does not name the files"),
    "a file above": (_state(_data_files=[{"filename": "../other.arrow"}]), "does not name the files beside it"),
    "a file of the machine": (_state(_data_files=[{"filename": "/etc/passwd"}]), "does not name the files beside it"),
    "a file twice": (_state(_data_files=[{"filename": FILE}] * 2), "does not name the files"),
    "a file that is gone": (_state(_data_files=[{"filename": "x.arrow"}]), "x.arrow: there is no such file"),
    "rows by indices": (
        _state(_data_files=[{"filename": FILE}], _indices_data_files=[{"filename": "i.arrow"}]),
        "picked by a file of indices",
    ),
    "no info": (lambda saved: (saved / "dataset_info.json").unlink(), "dataset_info.json: there is no such file"),
    "rubbish": (_file(lambda _: bytes(99)), "no message of an Arrow stream begins"),
    "nothing": (_file(lambda _: b""), "breaks off"),
    "a file cut within a batch": (_file(lambda data: data[:-200]), "breaks off"),
    "a file without its end": (_file(lambda data: data[:-8]), "breaks off"),
    "a batch of a terabyte": (_file(_batch_that_claims(2**40)), "claims to end at 1,099,511"),
    "a batch of less than nothing": (_file(_batch_that_claims(-8)), "breaks off"),
    "metadata of 2 GB": (_file(lambda data: data[:4] + b"\xff\xff\xff\x7f" + data[8:]), "claims 2,147,483,647 bytes"),
    "compressed batches": (_file(lambda _: arrow([b"a"] * 99, [1] * 99, compression="zstd")), "compressed"),
    "a label in a dictionary": (_file(lambda _: arrow([b"a"], pa.array(["x"]).dictionary_encode())), "dictionary"),
    "labels that are lists": (_file(lambda _: arrow([b"a"], [[1]])), "label column 'label' holds list"),
    "images that are numbers": (_file(lambda _: arrow([1], [1])), "no columns that can hold images"),
    "an Arrow file that is no stream": (
        _file(lambda data: b"ARROW1\0\0" + data), "no message of an Arrow stream begins at 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_folder_is_one_clear_message(name, saved, read):
    """Nothing is taken on the file's word, so it takes no memory to find out."""
    damage, message = BAD[name]
    damage(saved)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as told:
            read(saved)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
    assert len(str(told.value)) < 1000


def test_offsets_that_lead_astray_are_refused(saved, read):
    """An offset of a column leads out of its bytes: Arrow would follow it."""
    data = arrow(pa.array([b"one", b"two"]), [0, 1])
    (saved / FILE).write_bytes(data.replace(struct.pack("<3i", 0, 3, 6), struct.pack("<3i", 0, 3, 2**30)))

    with pytest.raises(DataError, match="not readable"):
        read(saved)


def test_it_is_read_from_s3_as_from_a_folder(tmp_path, moto_s3, monkeypatch, read):
    """By ranges, through the same door."""
    uri = moto_s3.use(monkeypatch)
    folder = save_to_disk(tmp_path / "saved")
    for file in folder.iterdir():
        open_store(uri).put(f"pets/{file.name}", file.read_bytes())

    assert said(read(f"{uri}/pets")) == said(read(folder))


def test_a_path_to_one_arrow_file_asks_for_the_folder(saved, read):
    """Which files there are is said in the folder's state."""
    with pytest.raises(DataError, match="found a file, or a glob, of Arrow; allowed: the folder"):
        read(saved / FILE)


def test_a_folder_of_the_hub_is_parquet(tmp_path, read):
    """With its card beside it."""
    write_parquet(tmp_path / "data/train-00000-of-00001.parquet", image=[png(1), png(2)], label=[0, 1])
    (tmp_path / "README.md").write_text("---\nconfigs: []\n---\n")

    assert [row.label for row in read(tmp_path)] == [0, 1]
