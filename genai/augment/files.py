"""Where files are, for who gives no `open_files`: a folder of this machine, or what an installed package opens.

A package opens URIs of a scheme by an entry point of the group `genai.files`: its name is the scheme, its value a
function that takes the URI of a root and gives `genai.sources.Files`. (genai-jobs itself has one for `s3`.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from genai.errors import InputError, NotFound
from genai.sources import Entry, Files

GROUP = "genai.files"

Open = Callable[[str], Files]


def open_files(uri: str) -> Files:
    """The files below a root. Raises InputError where nothing here opens its scheme."""
    scheme, mark, path = uri.partition("://")
    if not mark:
        return Folder(str(Path(uri).expanduser().absolute()))
    if scheme == "file":
        return Folder(unquote(path.removeprefix("localhost")))
    known = {found.name: found for found in entry_points(group=GROUP)}
    if scheme not in known:
        allowed = ", ".join(f"{name}://" for name in sorted({"file", *known}))
        raise InputError(
            f"{uri}: nothing installed here opens {scheme}://; allowed: a folder, {allowed}, or open_files="
        )
    opener: Open = known[scheme].load()
    return opener(uri)


@dataclass(frozen=True)
class Item:
    """One file of a listing."""

    key: str
    size: int
    version: str


@dataclass
class Folder:
    """The files below a folder."""

    uri: str

    def list(self, prefix: str = "") -> Iterator[Entry]:
        for key in sorted(self._keys("", prefix)):
            state = Path(self.uri, key).stat()
            yield Item(key, state.st_size, f"{state.st_size}-{state.st_mtime_ns}")

    def open(self, key: str) -> BinaryIO:
        path = Path(self.uri, key)
        try:
            return path.open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFound(f"{path}: there is no such file") from None

    def _keys(self, folder: str, prefix: str) -> Iterator[str]:
        """Those that start so, without looking into folders that cannot hold one."""
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(Path(self.uri, folder)) as entries:
            for entry in entries:
                key = folder + entry.name
                if entry.is_dir(follow_symlinks=False) and (
                    f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/")
                ):
                    yield from self._keys(f"{key}/", prefix)
                elif entry.is_file() and key.startswith(prefix):
                    yield key
