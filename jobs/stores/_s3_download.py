"""The bytes of an object, or of a range of one, in pieces: a body that breaks off goes on where the last piece ended.

Pinned to the ETag of the first answer: an object that is replaced meanwhile is an error on servers that honour
`If-Match`, never a mixture. Each piece is an operation of its own, with its own tries and time.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from genai.errors import StoreRefused

if TYPE_CHECKING:
    from jobs.stores._s3_bucket import Bucket

PIECE_BYTES = 16 << 20


class Download:
    """A download under way: `read` gives all of it, and then `metadata` is the object's (names in lower case)."""

    def __init__(self, bucket: Bucket, key: str, start: int = 0, end: int | None = None, etag: str = "") -> None:
        self._bucket, self._key, self._etag = bucket, key, etag
        self._at, self._end = start, end
        self._body: Any = None
        self.metadata: dict[str, str] = {}

    def read(self) -> bytes:
        """All the bytes. Raises what botocore raises for a checksum that does not fit."""
        data = io.BytesIO()
        try:
            while piece := self._bucket.ask(self._key, self._piece):
                data.write(piece)
                self._at += len(piece)
        finally:
            self._drop()
        return data.getvalue()

    def _piece(self) -> bytes:
        if self._body is None and self._end is not None and self._at >= self._end:
            return b""
        try:
            if self._body is None:
                self._begin()
            piece: bytes = self._body.read(PIECE_BYTES)
        except BaseException:
            self._drop()
            raise
        return piece

    def _begin(self) -> None:
        more: dict[str, Any] = {"IfMatch": self._etag} if self._etag else {}
        if self._at or self._end is not None:
            more["Range"] = f"bytes={self._at}-" + ("" if self._end is None else str(self._end - 1))
        else:
            more["ChecksumMode"] = "ENABLED"  # some servers send a range the whole's checksum
        answer = self._bucket.client.get_object(Bucket=self._bucket.name, Key=self._key, **more)
        self._body, self._etag = answer["Body"], self._etag or answer.get("ETag", "")
        if "Range" in more and not str(answer.get("ContentRange")).startswith(f"bytes {self._at}-"):
            raise StoreRefused(f"{self._bucket.endpoint} does not answer ranges; a store of objects has to")
        if self._end is None:
            self._end = self._at + int(answer["ContentLength"])
        self.metadata = {name.lower(): value for name, value in answer["Metadata"].items()}

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            with suppress(Exception):
                body.close()
