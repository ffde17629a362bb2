"""The prepared dataset, read back."""

import itertools
import json
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genai.blocks import Split, block_rows, pack
from genai.errors import IntegrityError
from genai.identity import canonical, sha256
from genai.modalities.image import Image
from genai.order import Order, Rows, Stream, chunk_rows
from genai.prepare import Terms, gather
from genai.prepared import Prepared, load, loader
from jobs.stores import open_store

SHAPE = (256, 256, 1)  # 64 KiB a row: a chunk holds 16 rows, a block 256


@pytest.fixture(scope="module")
def store():
    return open_store("memory://prepared")


@pytest.fixture(scope="module")
def prepared(store, listed):
    """600 rows, of which no two are equal, in three training blocks."""
    rows = [(np.full(SHAPE, i % 256, np.uint8) * (np.arange(256) > i // 256)[:, None, None], i % 3) for i in range(600)]
    return gather([listed({"f": rows})], [], Image(), Terms({"train": 0.95, "test": 0.05}), store.put)


@pytest.fixture(scope="module")
def loaded(prepared, store):
    """The training rows and their labels."""
    return load(prepared, "train", store.get)


def test_blocks_are_bounded_and_hold_whole_chunks(prepared, store):
    """16 MiB of arrays at most; all blocks but the last are full, in record batches of one chunk."""
    assert [block.rows for block in prepared.splits["train"].blocks[:2]] == [block_rows(SHAPE)] * 2 == [256, 256]
    file = pa.ipc.open_file(store.get("train-00000.arrow"))
    assert {file.get_batch(i).num_rows for i in range(file.num_record_batches)} == {chunk_rows(256 * 256)} == {16}


def test_the_index_comes_back_from_json(prepared):
    """Every field, and with them the digest."""
    again = Prepared.from_json(prepared.to_json())
    assert again == prepared
    assert again.digest == prepared.digest
    assert again.modality.array_shape == SHAPE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index | {"version": 99}, "found version 99"),
        (lambda index: index | {"classes": ["x"]}, "was changed"),
        (lambda index: index | {"skipped": 1, "extra": 1}, "was changed"),
        (lambda index: index | {"modality": {"kind": "smell"}}, "'smell'"),
        (lambda index: index | {"modality": {"kind": "image", "colour": 1}}, "colour"),
        (lambda index: index | {"splits": {"train": 3}}, "cannot be read"),
        (lambda index: [index], "cannot be read"),
        (lambda index: {}, "'version'"),
    ],
    ids=["version", "classes", "extra key", "modality", "field", "split", "list", "empty"],
)
def test_a_changed_index_is_refused(prepared, change, message):
    """Another version's, a foreign file, or one that somebody edited."""
    with pytest.raises(IntegrityError, match=message):
        Prepared.from_json(json.dumps(change(json.loads(prepared.to_json()))).encode())


@given(st.binary(max_size=80))
def test_no_bytes_read_as_an_index_by_chance(data):
    """Whatever the bytes, the error is ours."""
    with pytest.raises(IntegrityError):
        Prepared.from_json(data)


def test_a_damaged_block_is_refused(prepared, store):
    """One flipped bit anywhere in a block is found before its rows are used."""

    def get(name):
        data = bytearray(store.get(name))
        data[len(data) // 2] ^= 1
        return bytes(data)

    with pytest.raises(IntegrityError, match=r"test-00000\.arrow: SHA-256 is"):
        load(prepared, "test", get)


def test_the_first_rows_of_a_split_can_be_had_alone(prepared, store):
    """They are the head of all, and later blocks are not fetched."""
    arrays, labels = load(prepared, "train", store.get)
    fetched = []
    few = load(prepared, "train", lambda name: fetched.append(name) or store.get(name), rows=20)
    assert (few[0] == arrays[:20]).all()
    assert (few[1] == labels[:20]).all()
    assert fetched == ["train-00000.arrow"]
    assert load(prepared, "train", store.get, rows=0)[0].shape == (0, *SHAPE)


@settings(max_examples=20)
@given(st.data())
def test_any_ranges_can_be_fetched_alone(prepared, store, loaded, data):
    """Within a chunk, across chunks and across blocks, in any order."""
    arrays, labels = loaded
    bounds = st.tuples(st.integers(0, len(labels) - 1), st.integers(1, 64))
    drawn = data.draw(st.lists(bounds, min_size=1, max_size=3))
    ranges = [range(start, min(start + rows, len(labels))) for start, rows in drawn]
    found = loader(prepared, "train", store.open)(ranges)
    assert (found[0] == np.concatenate([arrays[r.start : r.stop] for r in ranges])).all()
    assert (found[1] == np.concatenate([labels[r.start : r.stop] for r in ranges])).all()


def test_training_from_the_store_sees_what_training_from_memory_sees(prepared, store):
    """Streams over blocks and over loaded arrays give the same batches."""
    arrays, labels = load(prepared, "train", store.get)
    order = Order(len(labels), 24, 3, 1, chunk_rows(arrays[0].size))
    stored, loaded = Stream(order, loader(prepared, "train", store.open)), Rows(arrays, labels, 24, 3, 1)
    for micro in range(3):
        for one, other in zip(islice(stored.batches(micro, 20), 6), loaded.batches(micro, 20), strict=False):
            assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_a_damaged_batch_is_refused_when_streamed(prepared, store):
    """Where a block is not read whole, Arrow's own checks find a broken batch."""
    name = prepared.splits["train"].blocks[0].name
    broken = open_store("memory://broken")
    data = bytearray(store.get(name))
    data[200:20_000] = bytes(19_800)
    broken.put(name, bytes(data))
    with pytest.raises(IntegrityError, match=name):
        loader(prepared, "train", broken.open)([range(16)])


def test_the_digest_does_not_depend_on_how_blocks_are_written(prepared):
    """Another release of Arrow may write other bytes of the same rows."""
    train = prepared.splits["train"]
    other = replace(train, blocks=tuple(replace(block, sha256="0" * 64, bytes=1) for block in train.blocks))
    assert replace(prepared, splits=prepared.splits | {"train": other}).digest == prepared.digest


def resealed(index, **changes):
    """The index with other fields, under a digest that fits."""
    index = index | changes
    rows = {name: [split["rows"], split["content"]] for name, split in index["splits"].items()}
    told = {name: index[name] for name in ("version", "modality", "classes")}
    return canonical(index | {"digest": sha256(canonical({**told, "splits": rows}))})


def with_split(index, name, **changes):
    return index["splits"] | {name: index["splits"][name] | changes}


def with_block(index, number, **changes):
    blocks = list(index["splits"]["train"]["blocks"])
    blocks[number] = blocks[number] | changes
    return with_split(index, "train", blocks=blocks)


@pytest.mark.parametrize(
    "change",
    [
        lambda index: {"splits": with_split(index, "train", rows="600")},
        lambda index: {"splits": with_split(index, "train", rows=-1)},
        lambda index: {"splits": with_split(index, "train", rows=10**30)},
        lambda index: {"splits": with_split(index, "train", labels=[1, 2])},
        lambda index: {"splits": with_split(index, "train", labels=[1, 2, "3"])},
        lambda index: {"splits": with_split(index, "train", labels=[1, 2, -3])},
        lambda index: {"splits": with_split(index, "train", content=7)},
        lambda index: {"splits": with_block(index, 0, rows=255)},
        lambda index: {"splits": with_block(index, 1, rows=10**12)},
        lambda index: {"splits": with_block(index, 0, name="../../train-00000.arrow")},
        lambda index: {"splits": with_block(index, 0, name="train-00001.arrow")},
        lambda index: {"splits": with_block(index, 0, sha256=None)},
        lambda index: {"splits": {"train": index["splits"]["train"]}},
        lambda index: {"splits": index["splits"] | {"more": index["splits"]["train"]}},
        lambda index: {"classes": [0, 1, 2]},
        lambda index: {"classes": "abc"},
        lambda index: {"skipped": "1"},
        lambda index: {"examples": [1]},
        lambda index: {"modality": {"kind": "image"}},
        lambda index: {"modality": index["modality"] | {"size": [0, 256]}},
        lambda index: {"modality": index["modality"] | {"size": [2**40, 2**40]}},
        lambda index: {"modality": index["modality"] | {"size": [256.0, 256]}},
        lambda index: {"modality": {"kind": "antigravity:Image"}},
    ],
    ids=itertools.count(),
)
def test_an_index_that_contradicts_itself_is_refused(prepared, change):
    """Whatever its digest says: other types, other sums, files of other names, a class that nobody here knows."""
    index = json.loads(prepared.to_json())
    assert Prepared.from_json(resealed(index)) == prepared
    with pytest.raises(IntegrityError, match="cannot be read"):
        Prepared.from_json(resealed(index, **change(index)))
    assert "antigravity" not in sys.modules


def test_data_larger_than_a_job_file_may_ask_for_is_data():
    """Images of 5,000 x 3 as they are: the bounds of `data.modality.size` are for what is asked, not for what is."""
    rows = Split(0, (), sha256(b""), ())
    index = Prepared(Image((5000, 3), "L"), (), dict.fromkeys(("train", "validation", "test"), rows))
    assert Prepared.from_json(index.to_json()) == index


def test_a_block_with_fewer_rows_than_the_index_says_is_refused(prepared, store):
    """Streamed, its hash is not looked at; without its rows the loader would ask for them for ever."""
    name = prepared.splits["train"].blocks[0].name
    short = open_store("memory://short")
    short.put(name, pack(np.zeros((9, 32), np.uint8), np.zeros(9, np.int32), np.zeros((9, 256 * 256), np.uint8)))
    for rows in (range(3), range(9, 10), range(200, 201)):
        with pytest.raises(IntegrityError, match=f"{name}: cannot be read"):
            loader(prepared, "train", short.open)([rows])


@pytest.mark.parametrize("label", [3, -1, 2**31 - 1])
def test_a_label_that_is_no_class_is_refused(prepared, store, label):
    """Before it is looked up in a table of classes, on a device that ends the process for it."""
    name, rows = prepared.splits["test"].blocks[0].name, prepared.splits["test"].rows
    odd = open_store("memory://odd")
    odd.put(
        name,
        pack(np.zeros((rows, 32), np.uint8), np.full(rows, label, np.int32), np.zeros((rows, 256 * 256), np.uint8)),
    )
    with pytest.raises(IntegrityError, match=f"{name}: a label is no class"):
        loader(prepared, "test", odd.open)([range(1)])
    data = odd.get(name)
    test = prepared.splits["test"]
    trusting = replace(test, blocks=(replace(test.blocks[0], bytes=len(data), sha256=sha256(data)),))
    with pytest.raises(IntegrityError, match=f"{name}: a label is no class"):
        load(replace(prepared, splits=prepared.splits | {"test": trusting}), "test", odd.get)
