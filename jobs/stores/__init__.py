"""Stores: where everything is kept, one file a scheme (`file`, `memory`, `s3`).

A store is a flat map from keys to bytes under one root. A put is whole or not at all: no reader ever sees
half an object. `Store` also serves as `genai.sources.Files`.

- Keys are judged here, by `check_key`, for every store alike, so that what one takes all take.
- Parts of a key that start with `.genai` are the store's own (files half written, claims of racers): a user's
  key may not have one, and listings pass over them.
- Pickles carry the URI alone, never a credential: what is unpickled reconnects from its own surroundings.
- Importing this package imports no store; `open_store` imports the one that is asked for.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from genai.errors import InputError
from genai.registry import find, names

HIDDEN = ".genai"
KEY_BYTES = 900  # S3 takes 1024, and the root's prefix counts
PART_BYTES = 255  # what file systems take


@dataclass(frozen=True)
class Entry:
    """One object of a listing. `version` changes when the bytes do (S3: ETag; file: size and mtime)."""

    key: str
    size: int
    version: str


class Store(ABC):
    """Object storage under one root URI.

    Every method raises InputError where the key is no key, StoreRefused where trying again is of no use
    (credentials, bucket, permission) and StoreError, in bounded time, where the store's own tries are used up.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Write an object, whole; an older one of that key is replaced."""

    @abstractmethod
    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none of that key. True for exactly one of any number of racers."""

    @abstractmethod
    def get(self, key: str) -> bytes:
        """The object's bytes. Raises NotFound."""

    @abstractmethod
    def open(self, key: str) -> BinaryIO:
        """The object as a seekable read-only file that fetches the ranges it is asked for. Raises NotFound."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects whose key starts with `prefix`, sorted by key (by bytes), page by page."""

    def inside(self, folder: str = "") -> Iterator[Entry]:
        """What lies right in a folder ("" or with a slash at its end), in no order, without what is below: objects, and
        folders as entries of no size, with a slash at the end of the key. A store that need not list all overrides it.
        """

        def inner(entry: Entry) -> str:
            name, slash, _ = entry.key[len(folder) :].partition("/")
            return folder + name + slash

        for key, entries in groupby(self.list(folder), inner):
            yield Entry(key, 0, "") if key.endswith("/") else next(entries)

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""

    @abstractmethod
    def locate(self, key: str) -> str:
        """What a person or another program opens: the absolute path or URI of a key."""

    @abstractmethod
    def child(self, prefix: str) -> Store:
        """The same store with its root at the folder `prefix`: `child("a").get("b")` is `get("a/b")`."""

    def __reduce__(self) -> tuple[Callable[[str], Store], tuple[str]]:
        return open_store, (self.uri,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"


def open_store(uri: str) -> Store:
    """The store of a folder's path (`~` and relative paths are made absolute), `file:///folder`,
    `memory://name` or `s3://bucket/prefix`. Nothing is read or written yet.

    Raises InputError where the scheme is unknown or the rest cannot be a root.
    """
    scheme, mark, _ = uri.partition("://")
    if not mark:
        if not uri or "\0" in uri:
            raise InputError(f"output {uri!r}: no path; allowed: a folder, or a URI such as s3://bucket/prefix")
        return open_store(Path(os.path.abspath(os.path.expanduser(uri))).as_uri())  # noqa: PTH100, PTH111 (keeps links, takes unknown ~users)
    here = sys.modules[__name__]
    if scheme not in names(here):
        known = ", ".join(f"{name}://" for name in names(here))
        raise InputError(f"{uri!r}: found the scheme {scheme!r}; allowed: {known}, or the path of a folder")
    return find(here, scheme, Store)(uri)  # type: ignore[type-abstract]  # mypy: find() gives concrete ones


def check_key(key: str) -> str:
    """`key`, if it is one: relative, parts joined by `/`, none of them empty, `.`, `..` or hidden, no
    backslash and no control character, at most 900 bytes of UTF-8 and 255 a part. Raises InputError.
    """
    fault = _fault(key) or next(filter(None, map(_fault_of_part, key.split("/"))), "")
    if fault:
        raise InputError(
            f"key {key[:200]!r}: {fault}; allowed: a relative path joined by '/', such as 'data/part-00000.parquet'"
        )
    return key


def check_prefix(prefix: str) -> str:
    """`prefix`, if a key may start with it: its folders are parts of a key, its last part may be any start
    of one. Raises InputError.
    """
    folder, _, start = prefix.rpartition("/")
    check_key(folder or "folder")
    if prefix.startswith("/") or _fault(start):
        raise InputError(f"prefix {prefix[:200]!r}: no key starts so; allowed: '' or the start of a relative path")
    return prefix


def is_hidden(key: str) -> bool:
    """Whether a key is one of the store's own."""
    return key.startswith(HIDDEN) or f"/{HIDDEN}" in key


def _fault(text: str) -> str:
    if "\\" in text:
        return "has a backslash"
    odd = next((c for c in text if unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff"), None)
    if odd is not None:
        return f"has the character U+{ord(odd):04X}"
    size = len(text.encode())
    return f"is {size} bytes long, at most {KEY_BYTES} are allowed" if size > KEY_BYTES else ""


def _fault_of_part(part: str) -> str:
    if part in ("", ".", ".."):
        return f"has the part {part!r}"
    if part.startswith(HIDDEN):
        return f"has the part {part!r}, and those that start with {HIDDEN!r} are the store's own"
    size = len(part.encode())
    return f"has a part of {size} bytes, at most {PART_BYTES} are allowed" if size > PART_BYTES else ""
