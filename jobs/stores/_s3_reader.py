"""An object as a seekable file: each read is one range request, small ones are rounded up to a block.

Pinned to the ETag it was opened at: an object that is replaced meanwhile is an error on servers that honour
`If-Match`, never a mixture.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from jobs.stores._s3_errors import translated

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from jobs.stores._s3_bucket import Bucket

BLOCK_BYTES = 256 << 10  # about what a request's latency is worth; a Parquet footer fits


class RangeReader(io.RawIOBase):
    """The bytes of one version of an object; wrap it into a BufferedReader."""

    def __init__(self, bucket: Bucket, key: str, size: int, etag: str) -> None:
        super().__init__()
        self._bucket, self._key, self._size, self._etag = bucket, key, size, etag
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"cannot seek to {start + offset}: a file starts at 0")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        data = self._take(len(room))
        room[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._take(self._size)

    def _take(self, count: int) -> bytes:
        end = min(self._at + count, self._size)
        if self._at >= end:
            return b""
        with translated(f"s3://{self._bucket.name}/{self._key}", self._bucket.endpoint):
            data = self._bucket.get_range(self._key, self._at, end, self._etag)
        self._at += len(data)
        return data
