"""What only the store of files must do: links, permissions, killed writers, disks that are full or fail."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from genai.errors import NotFound, StoreError, StoreRefused
from jobs.stores import HIDDEN, open_store
from jobs.stores.file import LEFTOVER_SECONDS, _linked, _translated

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
        (errno.EMFILE, StoreError),
        (errno.ESTALE, StoreError),
        (errno.ETIMEDOUT, StoreError),
        (errno.ENOTCONN, StoreError),
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
    assert caught.value.retryable == (ours is StoreError)


@pytest.fixture
def disk(tmp_path):
    """Mounts a real file system of one MiB, in memory, with the options that it is called with."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options):
        command = ["mount", "-t", "tmpfs", "-o", ",".join(("size=1m", *options)), "genai-test", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
        return folder

    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a file system; RLIMIT_FSIZE stands in for it above")
    yield mount
    subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


def test_a_full_disk_is_told_and_leaves_nothing_half_written(disk):
    """Old objects stay, no hidden file stays, and once there is room the same put succeeds."""
    root = disk()
    store = open_store(str(root))
    store.put("data/old", b"old")
    store.put("ballast", bytes(700_000))

    for write in (lambda: store.put("data/old", bytes(500_000)), lambda: store.put_new("data/new", bytes(500_000))):
        with pytest.raises(StoreError, match=r"disk/data/.*No space left.*make room.*try again") as caught:
            write()
        assert caught.value.retryable
    assert [entry.key for entry in store.list()] == ["ballast", "data/old"]
    assert sorted(path.name for path in root.iterdir()) == ["ballast", "data"]
    assert store.get("data/old") == b"old"

    store.delete("ballast")
    assert store.put_new("data/new", bytes(500_000))
    assert len(store.get("data/new")) == 500_000


def test_a_disk_without_room_for_names_is_told(disk):
    """Many small files use up its inodes before its bytes: no object, no hidden file, and room helps."""
    root = disk("nr_inodes=5")
    store = open_store(str(root))
    store.put("a", b"")
    store.put("b", b"")
    with pytest.raises(StoreError, match="make room"):
        store.put("folder/of/c", b"")
    store.delete("a")
    store.delete("b")

    store.put("c", b"3")
    assert not any(path.name.startswith(HIDDEN) for path in root.rglob("*"))


def test_many_writers_on_a_disk_that_fills_leave_only_whole_objects(disk):
    """Each put is done or told of; what is listed is what was done."""
    root = disk()
    store = open_store(str(root))

    def write(number):
        try:
            store.put(f"data/{number}", b"%d" % (number % 10) * 100_000)
        except StoreError:
            return None
        return f"data/{number}"

    with ThreadPoolExecutor(8) as pool:
        done = set(pool.map(write, range(24))) - {None}

    assert 0 < len(done) < 24
    assert {entry.key for entry in store.list()} == done
    assert all(len(store.get(key)) == 100_000 for key in done)
    assert [path.name for path in root.iterdir()] == ["data"]


def test_a_disk_that_becomes_read_only_may_be_mended(disk):
    """The kernel does that to one that fails: an error that may pass, reading goes on, and after it all is well."""
    root = disk()
    store = open_store(str(root))
    store.put("a", b"1")
    subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
    for write in (
        lambda: store.put("b", b""),
        lambda: store.child("c").put("d", b""),
        lambda: store.put_new("e", b""),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreError, match=r"become read-only.*mount it anew") as caught:
            write()
        assert caught.value.retryable
    assert store.get("a") == b"1"

    subprocess.run(["mount", "-o", "remount,rw", str(root)], check=True)
    assert store.put_new("b", b"2")


def test_a_disk_that_always_was_read_only_is_refused(disk):
    """Nobody has ever written there: another folder is what helps."""
    with pytest.raises(StoreRefused, match="choose another folder") as caught:
        open_store(str(disk("ro"))).put("a", b"")
    assert not caught.value.retryable


def test_a_disk_that_fails_while_it_is_read_is_told(tmp_path):
    """A real EIO, of a file that the kernel cannot read: by get, by open, in the middle of it."""
    (tmp_path / "a").symlink_to("/proc/self/mem")
    store = open_store(str(tmp_path))

    with pytest.raises(StoreError, match=f"{tmp_path}/a: Input/output error; the disk or the way to it fails"):
        store.get("a")
    with store.open("a") as file, pytest.raises(StoreError, match="mend it"):
        file.read(10)


def test_a_winner_whose_link_is_made_twice_has_won(tmp_path):
    """A network file system may repeat a request whose answer was lost, and then finds our own name there."""
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "yours").write_bytes(b"yours")
    (tmp_path / "key").hardlink_to(tmp_path / "mine")

    assert _linked(tmp_path / "mine", tmp_path / "key")
    assert not _linked(tmp_path / "yours", tmp_path / "key")


def test_a_name_that_could_not_be_flushed_is_taken_back(tmp_path, monkeypatch):
    """A put_new that fails in its last step has not won, and the next try can."""
    flush = os.fsync

    def fail(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(handle)

    store = open_store(str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match="Input/output error"):
            store.put_new("lease", b"mine")

    assert list(store.list()) == []
    assert store.put_new("lease", b"mine")
