"""Objects as files below one folder: a path, or `file:///folder`.

- Whole or not at all: bytes go to a hidden file in the root, are flushed to the disk, and then take their
  name in one step: by `replace` for `put`, by a hard link for `put_new`, which the kernel gives to one racer.
- What a killed writer leaves is hidden from listings; the next writer removes it once it is a day old by the
  file system's own clock. A writer that fails, for a full disk, say, leaves nothing.
- A file system that is read-only is refused; one that has become so since this process wrote to it is a fault of the
  world, as the kernel does that to a disk that fails.
- Folders come with the first object in them and go with the last.
- Symbolic links are the folder's owner's word: reading follows them (dataset caches are built of them),
  listing follows those to files. Writing and deleting never leave the root through one.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast
from urllib.parse import unquote, urlsplit

from genai.errors import InputError, NotFound, StoreError, StoreRefused
from jobs.stores import HIDDEN, Entry, Store, check_key, check_prefix, is_hidden

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

LEFTOVER_SECONDS = 24 * 3600
FOLDER_ATTEMPTS = 100  # a folder may vanish under a writer when another deletes its last object

_REFUSALS = {
    errno.EACCES: "no permission; give this user the right to read and write there",
    errno.EPERM: "not permitted here; if reading works, the file system may have no hard links: choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOTDIR: "a file stands where a folder should be; choose another folder or move the file",
    errno.ENOENT: "no folder can be made there; choose another folder",
    errno.EISDIR: "a folder stands where a file should be; choose another name or move the folder",
    errno.EEXIST: "a file stands where a folder should be; choose another folder or move the file",
    errno.ELOOP: "the symbolic links go in a circle; mend them",
    errno.ENAMETOOLONG: "the path is too long for this file system; choose a shorter folder",
    errno.EOPNOTSUPP: "the file system cannot do this (hard links?); choose another folder",
}
_FAULTS = {
    errno.ENOSPC: "make room on the disk, then try again",
    errno.EDQUOT: "make room, or have this user's quota raised, then try again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or choose another file system",
    errno.EROFS: "the disk has become read-only, as failing ones do; mend it, mount it anew, then try again",
    errno.EIO: "the disk or the way to it fails; mend it, then try again",
    errno.EMFILE: "raise the limit on open files (ulimit -n), then try again",
    errno.ENFILE: "the machine has no file handles left; end what holds them, then try again",
    **dict.fromkeys(
        (errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN, errno.EREMOTEIO),
        "the network file system lost its server; mend the mount, then try again",
    ),
}
_written_to: set[Path] = set()  # the roots under which this process has written


class FileStore(Store):
    """A folder of a file system with hard links and an atomic rename."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        path = unquote(uri.removeprefix("file://").removeprefix("localhost"))
        if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
            raise InputError(f"{uri!r}: a file URI has an absolute path; allowed: file:///folder, or a plain path")
        self.root = Path(os.path.normpath(path))
        super().__init__(self.root.as_uri())
        self._swept = False

    def put(self, key: str, data: bytes) -> None:
        """Write an object, whole; an older one of that key is replaced."""
        path = self._path(key)
        with _translated(path), self._written(data) as temporary:
            self._named(path, lambda: _replaced(temporary, path))

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none of that key."""
        path = self._path(key)
        with _translated(path):
            if path.is_file():
                return False
            with self._written(data) as temporary:
                return self._named(path, lambda: _linked(temporary, path))

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable read-only file. Raises NotFound."""
        path = self._path(key)
        with _translated(path):
            try:
                return cast("BinaryIO", io.BufferedReader(_File(path)))
            except (FileNotFoundError, IsADirectoryError):
                raise NotFound(f"{path}: there is no such file") from None
            except NotADirectoryError:
                if self.root.exists() and not self.root.is_dir():
                    raise
                raise NotFound(f"{path}: there is no such file") from None

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects whose key starts with `prefix`, sorted by key; one folder a level is in memory."""
        folder, slash, _ = check_prefix(prefix).rpartition("/")
        with _translated(self.root):
            if self.root.exists():
                yield from (entry for entry in self._walk(folder + slash) if entry.key.startswith(prefix))

    def inside(self, folder: str = "") -> Iterator[Entry]:
        """What lies right in a folder; what is below is not looked at, so one that holds nothing is told, too."""
        with _translated(self.root):
            if self.root.exists():
                yield from self._found(check_prefix(folder))

    def delete(self, key: str) -> None:
        """Remove an object, and the folders that it leaves empty; nothing happens where there is none."""
        path = self._path(key)
        with _translated(path):
            self._keep_inside(path)
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                path.unlink()
            with suppress(OSError):  # the first folder that is not empty ends it
                for folder in path.relative_to(self.root).parents[:-1]:
                    (self.root / folder).rmdir()

    def locate(self, key: str) -> str:
        """The absolute path of a key."""
        return str(self._path(key))

    def child(self, prefix: str) -> FileStore:
        """The store of the folder `prefix`."""
        return FileStore(self._path(prefix).as_uri())

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        self.root.mkdir(parents=True, exist_ok=True)
        temporary = self.root / f"{HIDDEN}-{secrets.token_hex(8)}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _written_to.add(self.root)
            with suppress(OSError):  # what others left is no reason to fail
                self._sweep(temporary)
            yield temporary
        finally:
            with suppress(OSError):  # it is swept some day
                temporary.unlink(missing_ok=True)

    def _sweep(self, fresh: Path) -> None:
        """Remove what writers that were killed long before `fresh` was written have left."""
        if self._swept:
            return
        self._swept = True
        old = fresh.stat().st_mtime - LEFTOVER_SECONDS
        with os.scandir(self.root) as entries, suppress(FileNotFoundError):
            for entry in entries:
                if entry.name.startswith(f"{HIDDEN}-") and entry.stat(follow_symlinks=False).st_mtime < old:
                    Path(entry).unlink()

    def _named(self, path: Path, name: Callable[[], T]) -> T:
        for _ in range(FOLDER_ATTEMPTS):
            with suppress(FileNotFoundError):  # the folder went with its last object, just now
                self._keep_inside(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                return name()
        raise StoreError(f"{path}: its folder was removed {FOLDER_ATTEMPTS} times under the writer; try again")

    def _keep_inside(self, path: Path) -> None:
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise StoreRefused(f"{path}: a symbolic link leads out of {self.root}; replace the link by a folder")

    def _walk(self, base: str) -> Iterator[Entry]:
        """Files below the folder `base` ("" or with a slash at its end), by the bytes of their keys."""
        for entry in self._found(base):
            if entry.key.endswith("/"):
                yield from self._walk(entry.key)
            else:
                yield entry

    def _found(self, base: str) -> Iterator[Entry]:
        """What lies right in the folder `base`. A folder sorts by its name with the slash: so the keys in it go on."""
        try:
            with os.scandir(self.root / base) as entries:
                found = sorted(
                    (os.fsencode(entry.name) + b"/" * entry.is_dir(follow_symlinks=False), entry) for entry in entries
                )
        except (FileNotFoundError, NotADirectoryError):
            if base:  # gone meanwhile, or a file: no key goes on below it
                return
            raise
        for name, entry in found:
            key = base + os.fsdecode(name)
            if is_hidden(key):
                continue
            if name.endswith(b"/"):
                yield Entry(key, 0, "")
            elif entry.is_file():
                with suppress(FileNotFoundError):
                    state = entry.stat()
                    yield Entry(key, state.st_size, f"{state.st_size}-{state.st_mtime_ns}")


class _File(io.FileIO):
    """A file whose faults are ours."""

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        with _translated(Path(str(self.name))):
            return super().readinto(buffer)

    def readall(self) -> bytes:
        with _translated(Path(str(self.name))):
            return super().readall()


def _replaced(temporary: Path, path: Path) -> None:
    temporary.replace(path)
    _flush(path.parent)


def _linked(temporary: Path, path: Path) -> bool:
    """Whether `path` is now a name of the file `temporary`, being that of no other."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path)) from None
        return temporary.stat().st_nlink > 1  # NFS may repeat a request whose answer was lost: then we are there
    try:
        _flush(path.parent)
    except OSError:
        with suppress(OSError):  # or the next try would take it for another's
            path.unlink()
        raise
    return True


def _flush(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """The door through which the system's errors become ours."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        if number in _REFUSALS and not (number == errno.EROFS and any(map(path.is_relative_to, tuple(_written_to)))):
            raise StoreRefused(f"{path}: {_REFUSALS[number]}") from error
        advice = _FAULTS.get(number, "make room or mend the disk, then try again")
        raise StoreError(f"{path}: {error.strerror or error}; {advice}") from error
