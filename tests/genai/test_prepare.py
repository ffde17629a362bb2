"""From source rows to prepared blocks."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genai.errors import DataError
from genai.modalities.image import Image
from genai.prepare import SORT_BY, Terms, assemble, classes_of, gather, pieces, read_fragment, settle, sides
from genai.prepared import SPLITS, load
from jobs.stores import open_store

SPLIT = {"train": 0.6, "validation": 0.2, "test": 0.2}
BROKEN = b"no image"
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


def prepare(*sources, tests=(), put=lambda *_: None, modality=None, **terms):
    return gather(sources, tests, modality or Image(), Terms(terms.pop("split", SPLIT), **terms), put)


@pytest.fixture
def store(request):
    return open_store(f"memory://{request.node.name}")


@shared
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_digest_is_of_the_rows_not_of_their_files(listed, pictures, rng: random.Random, files):
    """The same rows in another order, cut into other files of other names, give one digest and one set of bytes."""
    rows = pictures(60) + pictures(5)
    mixed = rng.sample(rows, len(rows))
    cuts = {name: mixed[i::files] for i, name in enumerate(rng.sample("abcd", files))}
    first, second = {}, {}
    one = prepare(listed({"all": rows}), put=first.__setitem__)
    other = prepare(listed(cuts), put=second.__setitem__)
    assert one == other
    assert one.digest == other.digest
    assert first == second


def test_any_change_of_a_row_is_another_digest(listed, pictures):
    """A label, a pixel or a missing row shows."""
    rows = pictures(60)
    relabelled, repainted = [(rows[0][0], "b"), *rows[1:]], [(rows[0][0] + 1, "a"), *rows[1:]]
    digests = {prepare(listed({"f": given})).digest for given in (rows, relabelled, repainted, rows[1:])}
    assert len(digests) == 4


@shared
@given(st.integers(0, 200))
def test_no_row_changes_side_when_rows_are_added(listed, pictures, store, more):
    """Each split of the smaller dataset is contained in that of the larger one."""

    def rows_of(count):
        prepared = prepare(listed({"f": pictures(count)}), put=store.put)
        return [{a.tobytes() for a in load(prepared, name, store.get)[0]} for name in SPLITS]

    for small, large in zip(rows_of(50), rows_of(50 + more), strict=True):
        assert small <= large


def test_equal_images_stand_on_one_side(listed, pictures):
    """Copies, whatever their labels, never leak from one split to another."""
    once, twice = prepare(listed({"f": pictures(80)})), prepare(listed({"f": pictures(80) + pictures(80, ("b", "a"))}))
    assert [2 * split.rows for split in once.splits.values()] == [split.rows for split in twice.splits.values()]


def test_the_shares_are_met_in_every_class():
    """Hashes are uniform, so each split has its share within what chance allows."""
    content = np.random.default_rng(0).integers(0, 256, (20_000, 32), dtype=np.uint8)
    counts = np.bincount(sides(content, SPLIT), minlength=3) / len(content)
    assert abs(counts - [0.6, 0.2, 0.2]).max() < 0.015


@pytest.mark.parametrize(("first", "side"), [(0x00, 0), (0x98, 0), (0x9A, 1), (0xCB, 1), (0xCD, 2), (0xFF, 2)])
def test_the_first_bits_of_the_hash_decide(first, side):
    """0.6 of 255 is 153: the hash is read as a fraction of one, and train comes first."""
    assert sides(np.full((1, 32), first, np.uint8), {"test": 0.2, "train": 0.6, "validation": 0.2})[0] == side


def test_a_split_of_nothing_is_empty(listed, pictures):
    """All rows may train."""
    splits = prepare(listed({"f": pictures(40)}), split={"train": 1.0, "validation": 0.0}).splits
    assert [split.rows for split in splits.values()] == [40, 0, 0]
    assert splits["test"].blocks == ()


def test_rows_of_a_test_source_are_test_rows(listed, pictures):
    """All of them, and no other."""
    split = {"train": 0.8, "validation": 0.2}
    splits = prepare(listed({"f": pictures(50)}), tests=[listed({"t": pictures(30, start=900)})], split=split).splits
    assert splits["test"].rows == 30
    assert splits["train"].rows + splits["validation"].rows == 50


def test_rows_keep_their_labels(listed, pictures, store):
    """What is read back is each image with its own label."""
    rows = pictures(64, ("x", "y", "z"))
    prepared = prepare(listed({"f": rows}), put=store.put)
    wanted = {value.tobytes(): label for value, label in rows}
    for name in SPLITS:
        arrays, labels = load(prepared, name, store.get)
        assert [prepared.classes[label] for label in labels] == [wanted[array.tobytes()] for array in arrays]
        assert tuple(np.bincount(labels, minlength=3)) == prepared.splits[name].labels


def test_a_list_of_sources_reads_as_one(listed, pictures):
    """Two sources are the rows of both."""
    both = prepare(listed({"f": pictures(30)}), listed({"g": pictures(30, start=30)}))
    assert both.digest == prepare(listed({"f": pictures(60)})).digest


@pytest.mark.parametrize(
    ("labels", "declared", "classes"),
    [
        (("10", "9", "-1"), None, ("-1", "9", "10")),
        ((10, 9, 100), None, ("9", "10", "100")),
        (("10", "9", "b"), None, ("10", "9", "b")),
        (("cat", "ant"), ["dog", "cat", "bee", "ant"], ("cat", "ant")),
        (("cat", "eel"), ["dog", "cat"], ("cat", "eel")),
        ((None,), None, ()),
    ],
)
def test_classes_are_in_the_order_that_a_person_expects(listed, labels, declared, classes):
    """By number, by text, or as declared; of declared classes those that occur."""
    labels = [None if label is None else str(label) for label in labels]
    assert classes_of(labels, [listed({}, declared)], Terms({})) == classes


def test_unlabelled_rows_have_no_classes(listed, pictures, store):
    """Their labels are 0."""
    prepared = prepare(listed({"f": pictures(40, (None,))}), put=store.put)
    assert prepared.classes == prepared.splits["train"].labels == ()
    assert not load(prepared, "train", store.get)[1].any()


def test_one_class_only_is_refused(listed, pictures):
    """The message says how unlabelled data is asked for."""
    with pytest.raises(DataError, match=r"all rows are of one class, 'a'.*data\.label: null"):
        prepare(listed({"f": pictures(40, ("a",))}))


def test_the_first_bad_row_in_source_order_is_named(listed, pictures):
    """File and row, whatever the hashes are; nothing is written."""
    rows = pictures(40)
    files = {"z": [*rows[:7], (BROKEN, "a")], "a": [(BROKEN, "a"), *rows[7:]]}
    with pytest.raises(DataError, match=r"^z row 7: not a usable image.*on_bad_row: skip"):
        prepare(listed(files), put=lambda *_: pytest.fail("wrote a block"))


def test_bad_rows_are_skipped_and_counted(listed, pictures):
    """With `skip` the rest is what it would be without them; the first twenty are named, in order."""
    rows = pictures(200)
    bad = {"f": rows, "g": [(BROKEN, "a")] * 25}
    prepared = prepare(listed(bad), on_bad_row="skip", max_bad_rows=0.2)
    assert prepared.digest == prepare(listed({"f": rows})).digest
    assert prepared.skipped == 25
    assert [text.split(":")[0] for text in prepared.examples] == [f"g row {i}" for i in range(20)]


def test_too_many_bad_rows_end_it_before_anything_is_written(listed, pictures):
    """The bound is a share of all rows."""
    files = {"f": pictures(90), "g": [(BROKEN, "a")] * 10}
    with pytest.raises(DataError, match=r"10 of 100 rows cannot be used, allowed .*9\.900%; the first: g row 0"):
        prepare(listed(files), on_bad_row="skip", max_bad_rows=0.099, put=lambda *_: pytest.fail("wrote a block"))
    assert prepare(listed(files), on_bad_row="skip", max_bad_rows=0.1).skipped == 10


def test_a_bad_first_row_does_not_settle_the_shape(listed, pictures):
    """The first row that can be used does."""
    rows = [(BROKEN, "a"), *pictures(40)]
    assert prepare(listed({"f": rows}), on_bad_row="skip", max_bad_rows=0.5).modality.array_shape == (2, 2, 1)


@pytest.mark.parametrize("rows", [[], [(BROKEN, "a")]])
def test_no_row_at_all_is_refused(listed, rows):
    """Nothing to learn from is one clear message."""
    with pytest.raises(DataError, match=r"found no row|f row 0: not a usable image"):
        prepare(listed({"f": rows}))


def test_mixed_sizes_are_refused_by_name(listed, pictures):
    """Where the spec leaves the size open, the row that differs is named with the field to set."""
    rows = [*pictures(3), (np.zeros((5, 5), np.uint8), "a")]
    with pytest.raises(DataError, match=r"f row 3: the image is 5x5 .*data\.modality\.size"):
        prepare(listed({"f": rows}))
    assert prepare(listed({"f": rows}), modality=Image(size=2), split={"train": 1}).splits["train"].rows == 4


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_however_the_sorted_rows_arrive_the_bytes_are_the_same(listed, pictures, size):
    """`assemble` sees a stream; where it is cut does not matter."""
    source, terms = listed({"f": pictures(50), "g": pictures(20)}), Terms(SPLIT)
    found = pieces([source])
    image = settle(found, Image(), terms)
    table = pa.concat_tables([read_fragment(piece, image, terms) for piece in found]).sort_by(SORT_BY)
    streamed, whole = {}, {}
    slices = (table.slice(at, size) for at in range(0, len(table), size))
    index = assemble(slices, image, terms, classes=("a", "b"), total=len(table), put=streamed.__setitem__)
    assert index == gather([source], [], Image(), terms, whole.__setitem__)
    assert streamed == whole
