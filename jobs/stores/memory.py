"""Objects in this process's memory, for tests and notebooks: `memory://name/prefix`.

The name stands for one map in the whole process, so two opens of one name see the same objects. Another
process has its own: a store that is pickled to one arrives empty.
"""

from __future__ import annotations

import io
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import BinaryIO

from genai.errors import InputError, NotFound
from genai.identity import sha256
from jobs.stores import Entry, Store, check_key, check_prefix

_LOCK = threading.Lock()
_MAPS: defaultdict[str, dict[str, bytes]] = defaultdict(dict)


class MemoryStore(Store):
    """A named map from keys to bytes, safe for threads."""

    def __init__(self, uri: str) -> None:
        name, _, prefix = uri.removeprefix("memory://").strip("/").partition("/")
        if not name:
            raise InputError(f"{uri!r}: a memory store has a name; allowed: memory://name")
        if prefix:
            check_key(prefix)
        super().__init__(f"memory://{name}/{prefix}".rstrip("/"))
        self._prefix = f"{prefix}/" if prefix else ""
        with _LOCK:
            self._objects = _MAPS[name]

    def put(self, key: str, data: bytes) -> None:
        """Write an object, whole; an older one of that key is replaced."""
        path = self._path(key)
        with _LOCK:
            self._objects[path] = bytes(data)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none of that key."""
        path, mine = self._path(key), bytes(data)
        with _LOCK:
            new = path not in self._objects
            self._objects.setdefault(path, mine)
        return new

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""
        try:
            return self._objects[self._path(key)]
        except KeyError:
            raise NotFound(f"{self.locate(key)}: there is no such object") from None

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable read-only file. Raises NotFound."""
        return io.BufferedReader(io.BytesIO(self.get(key)))

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects whose key starts with `prefix`, sorted by key, as they were at the first step."""
        start = self._prefix + check_prefix(prefix)
        with _LOCK:
            found = [(path, data) for path, data in self._objects.items() if path.startswith(start)]
        for path, data in sorted(found, key=lambda pair: pair[0].encode()):
            yield Entry(path[len(self._prefix) :], len(data), sha256(data)[:32])

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        path = self._path(key)
        with _LOCK:
            self._objects.pop(path, None)

    def locate(self, key: str) -> str:
        """The URI of a key."""
        return f"{self.uri}/{check_key(key)}"

    def child(self, prefix: str) -> MemoryStore:
        """The same map with its root at the folder `prefix`."""
        return MemoryStore(f"{self.uri}/{check_key(prefix)}")

    def _path(self, key: str) -> str:
        return self._prefix + check_key(key)
