"""A tar's members, told by their headers. What lies between is passed over by seeking, so a tar of any size takes the
memory of one header.

`tarfile` takes a header's own data (a long name, a pax record) on its word, ends quietly at the first header that is
broken, and may be led in a circle. So it reads through a file that gives it at most `HEADER_BYTES` for a member, each
member must begin behind the last, and the archive must end as one does.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

HEADER_BYTES = 1 << 16  # headers of one member, with its long name and pax records
GLOBALS = 100  # pax records that hold for all members


def members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The regular files of a plain tar, in order. Raises ValueError, and what tarfile does, where it is none or holds
    anything but files and folders.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    headers = _Headers(file)
    tar = tarfile.TarFile(fileobj=headers, mode="r", errors="replace")  # type: ignore[arg-type]  # reads, seeks
    last = -1
    while (member := tar.next()) is not None:
        if tar.offset <= last or len(tar.pax_headers) > GLOBALS:
            raise ValueError(f"the header at {member.offset:,} leads astray")
        last, headers.left = tar.offset, HEADER_BYTES
        tar.members.clear()  # type: ignore[attr-defined]  # it keeps them all
        _check(member, size)
        if member.isreg():
            yield member
    file.seek(tar.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ValueError(f"it breaks off: at {tar.offset:,} there is neither a header nor the end of a tar")


def _check(member: tarfile.TarInfo, size: int) -> None:
    name = member.name[:100]
    if not member.isdir() and (not member.isreg() or member.issparse()):
        raise ValueError(f"its member {name!r} is a link, a device or sparse; allowed: files and folders")
    if member.name.startswith("/") or ".." in member.name.split("/"):
        raise ValueError(f"its member {name!r} leads out of it; allowed: relative names without ..")
    if member.size < 0 or member.offset_data + member.size > size:
        raise ValueError(f"it breaks off: {name!r} claims {member.size:,} bytes of the {size:,} of the whole tar")


class _Headers:
    """A file that gives `left` bytes and then refuses."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.left = file, HEADER_BYTES
        self.seek, self.tell = file.seek, file.tell

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= self.left:
            raise ValueError(f"the header at {self.tell():,} claims {count:,} bytes; allowed: {HEADER_BYTES:,}")
        self.left -= count
        return self._file.read(count)
