"""Stores: where everything is kept, one file a scheme (`file`, `memory`, `s3`).

A store is a flat map from keys to bytes under one root. Keys are relative, parts joined by `/`; `..`, empty
parts and backslashes are refused. A put is whole or not at all: no reader ever sees half an object.
`Store` also serves as `genai.sources.Files`. Stores can be pickled: they carry their URI and reconnect.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Entry:
    """One object of a listing. `version` changes when the bytes do (S3: ETag; file: size and mtime)."""

    key: str
    size: int
    version: str


class Store(ABC):
    """Object storage under one root URI.

    Every method raises StoreRefused where trying again is of no use (keys, bucket, permission) and StoreError
    where the store's own bounded retries are used up.
    """

    uri: str

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

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""

    @abstractmethod
    def locate(self, key: str) -> str:
        """What a person or another program opens: the absolute path or URI of a key."""
