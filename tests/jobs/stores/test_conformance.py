"""What every store must do. A new one is added to the `store` fixture and inherits all of it."""

import io
import os
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genai.errors import InputError, NotFound
from jobs.stores import HIDDEN, Entry

QUICK = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
NOISE = random.Random(7).randbytes(20 << 20)


@pytest.mark.parametrize("size", [0, 1, 20 << 20])
def test_bytes_come_back_as_they_were_put(store, size):
    """Empty, one byte, and more than one multipart piece."""
    store.put("data/part-00000.parquet", NOISE[:size])

    assert store.get("data/part-00000.parquet") == NOISE[:size]


def test_a_second_put_replaces_the_first(store):
    """The last put wins, whole."""
    store.put("a", b"long before")
    store.put("a", b"after")

    assert store.get("a") == b"after"


def test_put_new_leaves_what_is_there(store):
    """Only the first put_new of a key writes."""
    assert store.put_new("lease", b"mine")
    assert not store.put_new("lease", b"yours")
    assert store.get("lease") == b"mine"


def test_put_new_yields_to_a_put(store):
    """An object that came by put counts as there."""
    store.put("a/b", b"put")

    assert not store.put_new("a/b", b"new")
    assert store.get("a/b") == b"put"


def test_put_new_succeeds_again_after_delete(store):
    """A lease that was given back can be taken again."""
    store.put_new("lease", b"mine")
    store.delete("lease")

    assert store.put_new("lease", b"yours")
    assert store.get("lease") == b"yours"


def test_one_of_sixteen_racers_wins(store):
    """put_new is true once, and the bytes in place are the winner's; one half comes by a child's root."""
    start, child = Barrier(16), store.child("runs")
    store.put_new("runs/0", b"warm")  # what is done once a store is done: now all start alike

    def race(racer):
        start.wait()
        if racer % 2:
            return child.put_new(lease, b"%d" % racer)
        return store.put_new(f"runs/{lease}", b"%d" % racer)

    for lease in "123":
        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(race, range(16)))
        assert won.count(True) == 1
        assert child.get(lease) == b"%d" % won.index(True)
    assert [entry.key for entry in child.list()] == ["0", "1", "2", "3"]


KEYS = ["a b", "a+b%20", "a-c", "a.b", "a/b", "a/b.c", "a/x/y", "a0", "ab/c", "b", "é/x", "￮", "😀"]


def test_listing_is_in_the_order_of_the_keys_bytes(store):
    """Folders and files mixed, and characters beyond ASCII."""
    for key in random.Random(1).sample(KEYS, len(KEYS)):
        store.put(key, key.encode())

    assert [(entry.key, entry.size) for entry in store.list()] == [(key, len(key.encode())) for key in KEYS]


def test_a_prefix_is_any_start_of_a_key(store):
    """A prefix needs not end at a folder."""
    for key in KEYS:
        store.put(key, b"")

    for prefix in ["a", "a/", "a/b", "a/x/", "b/", "nothing", "nothing/here", "a b", "a/b/c"]:
        assert [entry.key for entry in store.list(prefix)] == [key for key in KEYS if key.startswith(prefix)]


def test_a_folder_shows_what_lies_right_in_it(store):
    """Objects as a listing has them, and the folders by their names; nothing of what is in those."""
    for key in KEYS:
        store.put(key, key.encode())

    for folder in ["", "a/", "a/b/", "a/x/", "nothing/"]:
        below = [(entry.key[len(folder) :].partition("/"), entry) for entry in store.list(folder)]
        objects = {entry.key: entry for (_, slash, _), entry in below if not slash}
        folders = {f"{folder}{name}/": Entry(f"{folder}{name}/", 0, "") for (name, slash, _), _ in below if slash}
        assert {entry.key: entry for entry in store.inside(folder)} == objects | folders


def test_listing_goes_on_beyond_a_page(store):
    """More than the thousand keys that an S3 answer holds."""
    keys = [f"data/{n:04}" for n in range(1010)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b""), keys))

    assert [entry.key for entry in store.list("data/")] == keys


def test_an_empty_store_lists_nothing(store):
    """A root that does not exist yet is empty, not an error."""
    assert list(store.list()) == []


def test_the_version_changes_with_the_bytes(store):
    """Same size, other bytes, other version."""
    store.put("a", b"1")
    before = next(store.list()).version
    store.put("a", b"2")

    assert next(store.list()).version != before


def test_a_missing_key_is_not_found(store):
    """Get and open say so, for keys beside, below and above objects too."""
    store.put("a/b", b"")

    for key in ("b", "a/c", "a"):
        with pytest.raises(NotFound, match="no such"):
            store.get(key)
        with pytest.raises(NotFound, match="no such"):
            store.open(key)


def test_delete_may_be_said_twice(store):
    """What is gone stays gone; nothing else goes with it."""
    store.put("a/b", b"")
    store.put("a/c", b"")
    for _ in range(2):
        store.delete("a/b")
        store.delete("never/was")

    assert [entry.key for entry in store.list()] == ["a/c"]


def test_a_key_may_become_a_folder_once_it_is_deleted(store):
    """Nothing of a deleted object stands in the way of a new one."""
    store.put("a/b", b"1")
    store.delete("a/b")
    store.put("a", b"2")

    assert store.get("a") == b"2"


@QUICK
@given(cuts=st.lists(st.tuples(st.integers(0, 700_000), st.integers(0, 400_000)), max_size=6))
def test_ranges_equal_slices(store, cuts):
    """Any sequence of seek and read gives what slicing the bytes gives."""
    data = NOISE[:600_000]
    if not any(store.list("ranges")):
        store.put("ranges", data)
    with store.open("ranges") as file:
        for start, count in cuts:
            assert file.seek(start) == start
            assert file.read(count) == data[start : start + count]
            assert file.tell() == start + len(data[start : start + count])


def test_an_open_object_reads_like_a_file(store):
    """Seeks from the end, reads to the end, refuses to write."""
    store.put("a", b"0123456789")
    with store.open("a") as file:
        assert (file.seek(-3, io.SEEK_END), file.read()) == (7, b"789")
        assert (file.seek(2), file.read(2), file.seek(1, io.SEEK_CUR), file.read()) == (2, b"23", 5, b"56789")
        assert not file.writable()
        assert file.read() == b""


def test_pyarrow_reads_one_column_of_a_row_group(store):
    """A Parquet reader finds its footer and its pages through `open`."""
    table = pa.table({"index": range(1000), "noise": [os.urandom(50) for _ in range(1000)]})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=100)
    store.put("data/part.parquet", sink.getvalue())

    with store.open("data/part.parquet") as file, pq.ParquetFile(file) as parquet:
        assert parquet.read_row_group(7, columns=["index"])["index"].to_pylist() == list(range(700, 800))


def test_a_pickled_store_reconnects(store):
    """What is unpickled sees the same objects, and carries nothing but the URI."""
    store.put("a", b"1")
    frozen = pickle.dumps(store)

    assert pickle.loads(frozen).get("a") == b"1"
    assert store.uri.encode() in frozen
    assert len(frozen) < 300


def test_a_child_is_the_same_store_from_a_folder_on(store):
    """A child reads and writes below its prefix, survives pickling, and has children."""
    child = store.child("runs").child("7")
    child.put("a", b"1")

    assert store.get("runs/7/a") == pickle.loads(pickle.dumps(child)).get("a") == b"1"
    assert [entry.key for entry in child.list()] == ["a"]
    assert child.locate("a") == store.locate("runs/7/a")


HOSTILE = st.one_of(
    st.sampled_from(["", "/", "/etc/passwd", "..", "a/../../b", "./a", "a//b", "a/", "a\\b", "a\0b", "a\nb", "\x7f"]),
    st.sampled_from(["\ud800", "x" * 901, "x" * 256, "é" * 128, f"{HIDDEN}/x", f"a/{HIDDEN}-1", f"a/{HIDDEN}"]),
    st.tuples(st.text(max_size=5), st.sampled_from(["/../", "//", "/./", "\0", "\\", "\r"]), st.text(max_size=5)).map(
        "".join
    ),
)


@QUICK
@given(key=HOSTILE)
def test_a_hostile_key_is_refused_everywhere(store, key):
    """No method takes it, and nothing is written."""
    for use in (
        lambda: store.put(key, b""),
        lambda: store.put_new(key, b""),
        lambda: store.get(key),
        lambda: store.open(key),
        lambda: store.delete(key),
        lambda: store.locate(key),
        lambda: store.child(key),
    ):
        with pytest.raises(InputError, match="allowed"):
            use()


def test_a_hostile_prefix_is_refused(store):
    """A listing cannot look outside the root either."""
    for prefix in ["../", "/", "a//b", "a/../b", "a\\", "a\0", f"{HIDDEN}/"]:
        with pytest.raises(InputError, match="allowed"):
            list(store.list(prefix))


SANE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"], exclude_characters="/\\"),
    min_size=1,
    max_size=20,
)


@QUICK
@given(parts=st.lists(SANE.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3))
def test_any_other_key_works(store, parts):
    """Spaces, percent signs, question marks, emoji: put, list, get, delete."""
    key = "/".join(parts)
    store.put(key, b"x")

    assert [entry.key for entry in store.list()] == [key]
    assert store.get(key) == b"x"
    store.delete(key)
    assert list(store.list()) == []
