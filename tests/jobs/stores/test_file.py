"""What only the store of files must do: links, permissions, killed writers, full disks."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from genai.errors import NotFound, StoreError, StoreRefused
from jobs.stores import HIDDEN, open_store
from jobs.stores.file import LEFTOVER_SECONDS, _translated

WRITER = """
import sys
from jobs.stores import open_store
store = open_store(sys.argv[1])
for number in range(1_000_000):
    store.put(f"data/{number % 5}", b"%d" % (number % 10) * 3_000_000)
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_only_whole_objects(tmp_path):
    """SIGKILL between any two instructions of a put: the object is the old or the new one."""
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            for _ in range(7):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        store = open_store(str(tmp_path))
        found = {entry.key: store.get(entry.key) for entry in store.list()}

        assert found.keys() == {f"data/{number}" for number in range(5)}
        assert all(len(data) == 3_000_000 and len(set(data)) == 1 for data in found.values())


def test_leftovers_are_hidden_and_go_once_they_are_old(tmp_path):
    """What a killed writer left is never listed, and the next writer removes it after a day."""
    store = open_store(str(tmp_path))
    for name, age in (("old", LEFTOVER_SECONDS + 60), ("young", 0)):
        left = tmp_path / f"{HIDDEN}-{name}"
        left.write_bytes(b"half")
        os.utime(left, (left.stat().st_mtime - age,) * 2)

    assert list(store.list()) == []
    store.put("a", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{HIDDEN}-young", "a"]


def test_a_put_leaves_nothing_but_the_object(tmp_path):
    """No folder and no file of the store's own stays, and others may read what was put."""
    umask = os.umask(0o022)
    open_store(str(tmp_path)).put("a/b", b"")
    open_store(str(tmp_path)).put_new("a/b", b"")
    os.umask(umask)

    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["a", "a/b"]
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o644


def test_deleting_the_last_object_removes_its_folders(tmp_path):
    """An emptied store is an empty folder."""
    store = open_store(str(tmp_path))
    store.put("a/b/c", b"")
    store.put("a/d", b"")
    store.delete("a/b/c")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "d"]

    store.delete("a/d")
    assert not any(tmp_path.iterdir())


def test_writing_never_leaves_the_root_through_a_link(tmp_path):
    """A folder that is a link out of the root is refused for put, put_new and delete."""
    store, outside = open_store(str(tmp_path / "root")), tmp_path / "outside"
    outside.mkdir()
    (outside / "b").write_bytes(b"theirs")
    store.put("x", b"")
    (tmp_path / "root" / "a").symlink_to(outside)

    for use in (lambda: store.put("a/b", b""), lambda: store.put_new("a/c", b""), lambda: store.delete("a/b")):
        with pytest.raises(StoreRefused, match="symbolic link"):
            use()
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"b": b"theirs"}


def test_a_put_replaces_a_link_and_not_what_it_points_to(tmp_path):
    """An object that is a link reads as its target and is replaced as a name."""
    (tmp_path / "blob").write_bytes(b"cached")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "blob")
    store = open_store(str(root))
    assert [(entry.key, store.get(entry.key)) for entry in store.list()] == [("a", b"cached")]

    store.put("a", b"new")
    assert (store.get("a"), (tmp_path / "blob").read_bytes()) == (b"new", b"cached")


def test_a_file_where_the_root_should_be_is_refused(tmp_path):
    """Every method says which path is wrong."""
    (tmp_path / "f").write_bytes(b"")
    store = open_store(str(tmp_path / "f"))

    for use in (
        lambda: store.put("a", b""),
        lambda: store.put_new("a", b""),
        lambda: store.get("a"),
        lambda: list(store.list()),
    ):
        with pytest.raises(StoreRefused, match=str(tmp_path / "f")):
            use()


def test_a_file_where_a_folder_should_be_is_refused(tmp_path):
    """An object cannot be a folder as well; reading below it finds nothing."""
    store = open_store(str(tmp_path))
    store.put("a", b"")

    with pytest.raises(StoreRefused, match="a folder should be"):
        store.put("a/b", b"")
    with pytest.raises(NotFound):
        store.get("a/b")
    store.put("c/d", b"")
    with pytest.raises(StoreRefused, match="a file should be"):
        store.put("c", b"")
    with pytest.raises(StoreRefused, match="a file should be"):
        store.put_new("c", b"")


def test_a_folder_without_permission_is_refused(tmp_path):
    """No right to write is final, and says so; root is made a common user first, as rights do not bind it."""
    tmp_path.chmod(0o500)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(StoreRefused, match="no permission"):
            open_store(str(tmp_path)).put("a", b"")
    finally:
        if is_root:
            os.seteuid(0)


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path):
    """A real limit on a file's size: a StoreError, the old object in place, no leftover."""
    code = """
import resource, signal, sys
from genai.errors import StoreError
from jobs.stores import open_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store(sys.argv[1])
store.put("a", b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.put("a", bytes(200_000))
except StoreError as error:
    print(store.get("a"), error)
"""
    said = subprocess.check_output([sys.executable, "-c", code, str(tmp_path)], text=True)

    assert said.startswith(f"b'old' {tmp_path}/a: File too large")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("number", "ours"),
    [
        (errno.ENOSPC, StoreError),
        (errno.EDQUOT, StoreError),
        (errno.EIO, StoreError),
        (errno.ESTALE, StoreError),
        (errno.EACCES, StoreRefused),
        (errno.EROFS, StoreRefused),
        (errno.ENOTDIR, StoreRefused),
        (errno.ENAMETOOLONG, StoreRefused),
    ],
)
def test_system_errors_become_ours(tmp_path, number, ours):
    """What may pass is to be tried again, what will not is refused; both name the path."""
    with pytest.raises(ours, match=str(tmp_path)) as caught, _translated(tmp_path):
        raise OSError(number, os.strerror(number))

    assert caught.type is ours
