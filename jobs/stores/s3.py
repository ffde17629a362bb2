"""Objects in a bucket: `s3://bucket/prefix`, by boto3, with the usual AWS variables and profiles.

What is settled elsewhere: how the bucket is reached and bytes are checked (`_s3_bucket`), errors
(`_s3_errors`), range reads (`_s3_reader`), put-if-absent (`_s3_claims`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from genai.errors import InputError, NotFound
from jobs.stores import Entry, Store, check_key, check_prefix, is_hidden
from jobs.stores._s3_bucket import Bucket
from jobs.stores._s3_claims import put_new
from jobs.stores._s3_errors import translated
from jobs.stores._s3_reader import BLOCK_BYTES, RangeReader


class S3Store(Store):
    """A prefix of an S3 bucket, safe for threads."""

    def __init__(self, uri: str, bucket: Bucket | None = None) -> None:
        name, prefix = split(uri)
        super().__init__(f"s3://{name}/{prefix}".rstrip("/"))
        self._root = f"{prefix}/" if prefix else ""
        self._bucket = bucket or Bucket(name)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, whole; an older one of that key is replaced."""
        path = self._path(key)
        with self._door(path):
            self._bucket.put(path, data)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object only if there is none of that key."""
        path = self._path(key)
        with self._door(path):
            return put_new(self._bucket, self._root, path, data)

    def get(self, key: str) -> bytes:
        """The object's bytes, checked. Raises NotFound, and IntegrityError where they were changed."""
        path = self._path(key)
        with self._door(path):
            return self._bucket.get(path)

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable read-only file of range requests. Raises NotFound."""
        path = self._path(key)
        with self._door(path):
            found = self._bucket.head(path)
            if found is None:
                next(self._bucket.list(path), None)  # a HEAD cannot tell a missing bucket; a listing can
                raise NotFound(f"{self.locate(key)}: there is no such object")
        raw = RangeReader(self._bucket, path, found["ContentLength"], found["ETag"])
        return cast("BinaryIO", io.BufferedReader(raw, BLOCK_BYTES))

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects whose key starts with `prefix`, sorted by key, a page (1000) at a time in memory."""
        start = self._root + check_prefix(prefix)
        with self._door(start):
            for found in self._bucket.list(start):
                key = found["Key"][len(self._root) :]
                if not is_hidden(key) and not key.endswith("/"):  # some tools leave objects that stand for folders
                    yield Entry(key, found["Size"], found["ETag"].strip('"'))

    def inside(self, folder: str = "") -> Iterator[Entry]:
        """What lies right in a folder; the server passes over what is below."""
        start = self._root + check_prefix(folder)
        with self._door(start):
            for found in self._bucket.list(start, Delimiter="/"):
                key = found.get("Key", found.get("Prefix", ""))[len(self._root) :]
                if key != folder and not is_hidden(key):
                    yield Entry(key, found.get("Size", 0), found.get("ETag", "").strip('"'))

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        path = self._path(key)
        with self._door(path):
            self._bucket.delete(path)

    def locate(self, key: str) -> str:
        """The URI of a key."""
        return f"{self.uri}/{check_key(key)}"

    def child(self, prefix: str) -> S3Store:
        """The same bucket, by the same connection, with its root at the folder `prefix`."""
        return S3Store(f"{self.uri}/{check_key(prefix)}", self._bucket)

    def _path(self, key: str) -> str:
        return self._root + check_key(key)

    def _door(self, path: str) -> AbstractContextManager[None]:
        return translated(f"s3://{self._bucket.name}/{path}", self._bucket.endpoint)


def split(uri: str) -> tuple[str, str]:
    """The bucket and the prefix ("" where there is none) of an `s3://` URI. Raises InputError."""
    parts = urlsplit(uri)
    name, prefix = parts.netloc, uri.partition("://")[2].partition("/")[2].rstrip("/")
    if not name or "@" in name or ":" in name:
        raise InputError(
            "an s3 URI has no bucket, or more than a bucket, in its first part; allowed: s3://bucket/prefix "
            "(keys and endpoint come from AWS_PROFILE, AWS_ENDPOINT_URL_S3 and the other AWS variables)"
        )
    if prefix:
        check_key(prefix)
    return name, prefix
