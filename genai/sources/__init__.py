"""Sources: where labelled rows come from, one file a kind.

A source lists its *fragments* (a Parquet row group, a run of image files) in an order that follows from its
names alone, and reads each on its own, so that many workers can share the reading. It reaches files only
through `Files`, so this package needs no network; `jobs.stores.Store` is one.

Which kind a URI is, `open_source` tells by the URI's scheme, else by its suffix, else by what the folder holds.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol

from genai.errors import DataError
from genai.modalities.image import Image
from genai.registry import find, names

if TYPE_CHECKING:
    import pyarrow as pa

    from genai.cut import Cut

PICTURES = Image()  # what rows are where nobody says it


class Entry(Protocol):
    """One object of a listing. `version` changes when its bytes do (an ETag, or size and mtime)."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def version(self) -> str: ...


class Files(Protocol):
    """Where a source's files are. Keys are relative to one root, parts joined by `/`; `uri` names the root."""

    uri: str

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """All objects under `prefix`, sorted by key."""
        ...

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable file that fetches only the ranges it is asked for."""
        ...


class Reading(Protocol):
    """What is read of each row; a `Modality` is one, and says what the members mean."""

    @property
    def noun(self) -> str: ...
    @property
    def files(self) -> tuple[str, ...]: ...
    @property
    def cut(self) -> Cut | None: ...
    def picked(self, key: str, schema: pa.Schema) -> list[str]: ...
    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]: ...


@dataclass(frozen=True)
class Fragment:
    """A piece of a source that is read in one go. `key` is its first file ("" where there is none); `part` is
    which piece it is (row group of the file, number of the run of files, or where in the file it begins); `rows` is how
    many rows it has; `keys` are all its files where there are several; `first` is the number of its first row, or
    line, in the file, where that takes reading to know.
    """

    key: str
    part: int
    rows: int
    keys: tuple[str, ...] = ()
    first: int = 0


@dataclass(frozen=True)
class Row:
    """One labelled row. `value` is what the modality decodes: a file's bytes, an array of pixels, a text. `where` names
    it for a person: `train.parquet row 17` (from 0), `cats/001.png`. A row that has no value or no label carries the
    reason as `error` instead.
    """

    value: Any
    label: int | str | None
    where: str
    error: str | None = None


class Source(ABC):
    """A kind of dataset. Made with `(files, pattern, label, modality)`: `pattern` is the URI without its root: a file,
    a glob, or "" for all of the root; `label` is the label column, or None for unlabelled data; `modality` is what a
    row is. Sources can be pickled where their files can.
    """

    #: the scheme of a kind that has its own and needs no files, such as `sklearn`
    scheme: ClassVar[str] = ""
    #: the endings, in small letters, of the files that a kind reads whatever the rows are
    suffixes: ClassVar[tuple[str, ...]] = ()
    #: a file that says that all of its folder is of this kind, whatever else lies there
    mark: ClassVar[re.Pattern[str] | None] = None

    def __init__(self, files: Files | None, pattern: str, label: str | None, modality: Reading = PICTURES) -> None:
        self._files, self.pattern, self.label, self.modality = files, pattern, label, modality

    @property
    def files(self) -> Files:
        assert self._files is not None, "a source without files has a scheme of its own"
        return self._files

    @classmethod
    def endings(cls, modality: Reading) -> tuple[str, ...]:  # noqa: ARG003  # most read the same for all
        """The endings, in small letters, of the files that the kind reads for rows of a modality."""
        return cls.suffixes

    @classmethod
    def claims(cls, uri: str, modality: Reading = PICTURES) -> bool:
        """Whether a URI (as the user wrote it) is of this kind, judged by its text alone."""
        if "://" in uri and cls.scheme == uri.split("://", maxsplit=1)[0]:
            return True
        endings = cls.endings(modality)
        return uri.lower().endswith(endings) if endings else False

    @classmethod
    def split(cls, uri: str) -> tuple[str, str]:
        """A URI that is of this kind as its root, which is to be opened, and the pattern below it."""
        return split(uri, is_file=True)

    @abstractmethod
    def fingerprint(self) -> list[tuple[str, int, str]]:
        """(key, size, version) of all that will be read, by listing only. Raises DataError where there is
        nothing to read.
        """

    @abstractmethod
    def fragments(self) -> list[Fragment]:
        """All fragments, in order. Raises DataError on a missing column, naming those there are."""

    @abstractmethod
    def read(self, fragment: Fragment) -> Iterator[Row]:
        """The rows of a fragment, in order."""

    def names(self) -> list[str] | None:
        """Class names that the source itself declares (HF ClassLabel), in their order, or None. The labels of
        its rows are these names.
        """
        return None

    def entries(self) -> list[Entry]:
        """The files that match the pattern, in order. Raises DataError where there are none."""
        endings = self.endings(self.modality)
        found = [e for e in self.files.list(_fixed(self.pattern)) if _reads(endings, self.pattern, e.key)]
        if not found:
            place = f"{self.files.uri.rstrip('/')}/{self.pattern}"
            raise DataError(f"{place}: found no file; allowed: a path, folder or glob with {', '.join(endings)}")
        return found


def open_source(
    uri: str, label: str | None, open_files: Callable[[str], Files], modality: Reading = PICTURES
) -> Source:
    """The source that a URI stands for; `open_files` opens its root, a folder or `s3://bucket/prefix`.

    Raises DataError where the URI says no kind and its folder holds nothing that one reads.
    """
    kinds = [find(sys.modules[__name__], name, Source) for name in names(sys.modules[__name__])]  # type: ignore[type-abstract]
    kind = next((k for k in kinds if k.claims(uri, modality)), None)
    if kind and kind.scheme:
        return kind(None, uri.split("://")[1], label, modality)
    root, pattern = kind.split(uri) if kind else split(uri, is_file=False)
    files = open_files(root)
    return (kind or _kind_by_listing(kinds, files, pattern, uri, modality))(files, pattern, label, modality)


def split(uri: str, *, is_file: bool) -> tuple[str, str]:
    """A URI as its root (a folder) and the pattern below it: a glob, a file, or "" for all of the folder.

    `s3://b/p/*/x-*.parquet` -> (`s3://b/p`, `*/x-*.parquet`); `a/b.png`, a file -> (`a`, `b.png`);
    `a/b` -> (`a/b`, ``).
    """
    scheme, mark, path = uri.rpartition("://")
    parts = path.rstrip("/").split("/")
    last = len(parts) - 1 if is_file else len(parts)
    cut = next((i for i, part in enumerate(parts) if set(part) & set("*?")), last)
    if mark:
        cut = max(cut, 1)  # a bucket is no file
    root = "/".join(parts[:cut]) or ("/" if path.startswith("/") else "" if mark else ".")
    return scheme + mark + root, "/".join(parts[cut:])


def is_hidden(key: str) -> bool:
    """Whether a file is a program's own by its name (`_SUCCESS`, `.ipynb_checkpoints/x.png`)."""
    return any(part.startswith((".", "_")) for part in key.split("/"))


def _kind_by_listing(
    kinds: list[type[Source]], files: Files, pattern: str, uri: str, modality: Reading
) -> type[Source]:
    """The kind that has marked the folder, else the one that reads most of the files that match."""
    marked = [kind for kind in kinds if kind.mark]
    count: Counter[type[Source]] = Counter()
    for entry in files.list(_fixed(pattern)):
        found = next((kind for kind in marked if kind.mark and kind.mark.search(entry.key)), None)
        if found and _matches(pattern, entry.key):
            return found
        count.update(kind for kind in kinds if _reads(kind.endings(modality), pattern, entry.key))
    if not count:
        known = ", ".join(suffix for k in kinds for suffix in k.endings(modality))
        schemes = ", ".join(f"{k.scheme}://" for k in kinds if k.scheme)
        raise DataError(f"{uri}: found no data; allowed: a path, folder or glob with {known}, or {schemes}")
    return count.most_common(1)[0][0]


def _fixed(pattern: str) -> str:
    """What every key that matches starts with."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def _reads(endings: tuple[str, ...], pattern: str, key: str) -> bool:
    wanted = key.lower().endswith(endings) and _matches(pattern, key)
    return wanted and (key == pattern or not is_hidden(key))


def _matches(pattern: str, key: str) -> bool:
    """`**/` is any folders, `*` any characters but `/`, `?` one; a name stands for all below it, too."""
    tokens = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    regex = "".join(tokens.get(part) or re.escape(part) for part in parts)
    return not pattern or re.fullmatch(f"{regex}(?:/.*)?", key) is not None
