"""A published dataset as a training script reads it: sealed, streamed, and nothing of it trusted that can be checked.

- `_SUCCESS` holds the SHA-256 of `manifest.json`; both come before any part. What no manifest names does not exist.
- A part of at most 10,000 rows is one block, and its footer is not looked at before it is its turn. A larger one has a
  block for each row group, which is fetched by ranges; the footers of such parts are read at the start.
- Rows stand in the order of their indices, so which row is where follows from the manifest alone.
- A part is not hashed, since it is not read whole: `genai verify --deep` does that.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genai import modalities
from genai.augment.files import Item, Open
from genai.augment.quotas import Choice, Quota, Supply
from genai.augment.reading import Cursor
from genai.augment.synthetic import MEND, Synthetic
from genai.errors import DataError, InputError, IntegrityError, NotFound
from genai.identity import sha256
from genai.modalities import Modality
from genai.modalities.image import Image
from genai.parquet_pages import Watched
from genai.sources import Entry, Files, Fragment, Row
from genai.sources.parquet import ParquetSource

VERSION = 1
MANIFEST, SUCCESS = "manifest.json", "_SUCCESS"
MANIFEST_BYTES, SUCCESS_BYTES = 1 << 28, 1 << 16
PART_ROWS = 10_000  # of a part that is one block: those of a row group that this program writes
TURN = 10_000_000  # samples of a turn of the classes
OPENERS = 16  # footers are fetched side by side

_PART = re.compile(r"data/[A-Za-z0-9][\w.-]{0,200}\.parquet")
_FOREIGN = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)


@dataclass(frozen=True)
class Part:
    """A part, with the samples `start` to `stop` (not included)."""

    name: str
    start: int
    stop: int
    bytes: int


class Published(Synthetic):
    """The dataset of a folder. Raises InputError where none is sealed there, IntegrityError where it is damaged."""

    def __init__(self, uri: str, open_files: Open) -> None:
        self._uri, self._open = uri.rstrip("/"), open_files
        files = open_files(self._uri)
        found, self.identity = _manifest(files, self._uri)
        self.parts, self.supply = _checked(found, self._uri)
        self.connect(files)
        with _door(f"{self._uri}/{self.parts[0].name}"):
            modality = _modality(self._source.files, self.parts[0])
        if not isinstance(modality, Image):
            raise InputError(f"{self._uri}: found a dataset of {modality.noun}s; allowed: images")
        self.modality = modality
        self._blocks()

    def reader(self, *, reconnect: bool) -> Self:
        made = copy.copy(self)
        made.connect(self._open(self._uri) if reconnect else self.files)
        return made

    def epoch(self, quotas: tuple[Quota, ...], number: int, seed: int) -> Stretch:
        return Stretch(self, Choice(self.supply, quotas, number))

    def rows(self, block: int, wanted: np.ndarray) -> Iterator[Row]:
        """Rows of a block by their places in it, which ascend."""
        part, group = self.parts[self._part_of[block]], self._group_of[block]
        with _door(f"{self._uri}/{part.name}"):
            groups = self._groups(part)
            first = 0
            for fragment in groups if group < 0 else groups[group : group + 1]:
                mine = wanted[(wanted >= first) & (wanted < first + fragment.rows)] - first
                if len(mine):
                    yield from map(_usable, self._cursor.rows(fragment, mine))
                first += fragment.rows

    def connect(self, files: Files) -> None:
        """Read by these from now on."""
        self.files = files
        named = Named(files.uri, files, {part.name: part.bytes for part in self.parts})
        self._source = ParquetSource(named, "data", "label" if self.supply.classes else None)
        self._cursor = Cursor(self._source)
        self._footer: tuple[str, list[Fragment]] = "", []

    def _blocks(self) -> None:
        """The blocks: ranges of indices, each with its part and, in a large one, its row group."""
        large = [part for part in self.parts if part.stop - part.start > PART_ROWS]
        with ThreadPoolExecutor(OPENERS) as openers:
            groups = dict(zip((part.name for part in large), openers.map(self._opened, large), strict=True))
        sizes: list[int] = []
        parts: list[int] = []
        numbers: list[int] = []
        for number, part in enumerate(self.parts):
            mine = [group.rows for group in groups[part.name]] if part.name in groups else [part.stop - part.start]
            sizes += mine
            parts += [number] * len(mine)
            numbers += range(len(mine)) if part.name in groups else [-1]
        self._part_of, self._group_of = parts, numbers
        self.stops = np.cumsum(np.array(sizes, np.int64))
        self.starts = self.stops - sizes

    def _opened(self, part: Part) -> list[Fragment]:
        with _door(f"{self._uri}/{part.name}"):
            return self._fragments(part)

    def _groups(self, part: Part) -> list[Fragment]:
        """The row groups of the part in hand."""
        if self._footer[0] != part.name:
            self._footer = part.name, self._fragments(part)
        return self._footer[1]

    def _fragments(self, part: Part) -> list[Fragment]:
        found = ParquetSource(self._source.files, part.name, self._source.label).fragments()
        if (rows := sum(fragment.rows for fragment in found)) != part.stop - part.start:
            raise ValueError(f"it has {rows:,} rows, the manifest says {part.stop - part.start:,}")
        return found


class Stretch:
    """What an epoch takes of a published dataset."""

    def __init__(self, published: Published, choice: Choice) -> None:
        self._published, self._choice = published, choice
        self.counts = choice.counts(published.starts, published.stops)

    def read(self, block: int, wanted: np.ndarray) -> Iterator[Row]:
        start, stop = int(self._published.starts[block]), int(self._published.stops[block])
        places = self._choice.taken(start, stop)[wanted]
        labels = self._choice.supply.labels(start + places)
        classes = self._choice.supply.classes
        for label, row in zip(labels.tolist(), self._published.rows(block, places), strict=True):
            if classes and row.label != classes[label]:
                found = f"found the label {str(row.label)[:100]!r}, the manifest says {classes[label]!r}"
                raise self._published.fault(row, found)
            yield row


@dataclass
class Named:
    """The parts of a manifest as files: they need not be listed, and one of another size is damaged."""

    uri: str
    files: Files
    sizes: Mapping[str, int]

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return (Item(name, size, "") for name, size in self.sizes.items() if name.startswith(prefix))

    def open(self, key: str) -> BinaryIO:
        file = self.files.open(key)
        if (size := file.seek(0, io.SEEK_END)) != self.sizes[key]:
            file.close()
            raise DataError(f"it has {size:,} bytes, the manifest says {self.sizes[key]:,}")
        file.seek(0)
        return file


def _usable(row: Row) -> Row:
    if row.error:
        raise DataError(f"row {row.where.rpartition(' ')[2]}: {row.error}")
    return row


def _manifest(files: Files, uri: str) -> tuple[dict[str, Any], str]:
    """The manifest, and its digest. Raises InputError where there is none that is sealed."""
    data, marker = _small(files, MANIFEST, MANIFEST_BYTES), _small(files, SUCCESS, SUCCESS_BYTES)
    if data is None and marker is None:
        raise InputError(
            f"{uri}: found no manifest.json; allowed: the folder of a published dataset, <output>/<job>/datasets/<key>"
        )
    digest = sha256(data or b"")
    try:
        if data is None or marker is None or json.loads(marker)["manifest"] != digest:
            raise InputError(f"{uri}: it is not sealed (no _SUCCESS that fits its manifest); `genai run` finishes it")
        return dict(json.loads(data)), digest
    except _FOREIGN as error:
        raise IntegrityError(f"{uri}: its manifest cannot be read ({_line(error)}); {MEND}") from error


def _small(files: Files, key: str, most: int) -> bytes | None:
    try:
        with files.open(key) as file:
            data = file.read(most + 1)
    except NotFound:
        return None
    if len(data) > most:
        raise IntegrityError(f"{files.uri}/{key}: it has more than {most:,} bytes; {MEND}")
    return data


def _checked(found: dict[str, Any], uri: str) -> tuple[list[Part], Supply]:
    try:
        if found["version"] != VERSION:
            raise ValueError(f"found version {str(found['version'])[:20]}, this program reads {VERSION}")
        parts = [_part(entry) for entry in found["parts"]]
        edges = [0, *(part.stop for part in parts)]
        if [part.start for part in parts] != edges[:-1] or len(parts) < 1:
            raise ValueError("its parts do not follow one another")
        classes, weights = tuple(found["classes"]), tuple(found["plan"]["weights"])
        if not all(type(name) is str for name in classes) or len({*classes}) < len(classes):
            raise ValueError("its classes are no names, or not all different")
        if len(weights) != len(classes) or not all(type(n) is int and n >= 0 for n in weights) or sum(weights) > TURN:
            raise ValueError("its weights are not those of its classes")
    except _FOREIGN as error:
        raise IntegrityError(f"{uri}: its manifest cannot be read ({_line(error)}); {MEND}") from error
    more = "mint more (a larger generate.count, and `genai run` adds them)"
    return parts, Supply(uri, classes, weights, edges[-1], more)


def _part(entry: dict[str, Any]) -> Part:
    part = Part(entry["name"], entry["start"], entry["stop"], entry["bytes"])
    if not all(type(number) is int for number in (part.start, part.stop, part.bytes)) or part.stop <= part.start:
        raise ValueError("a part has no rows")
    if not _PART.fullmatch(part.name):
        raise ValueError(f"found the part {part.name[:100]!r}; allowed here: .parquet")
    return part


def _modality(files: Files, part: Part) -> Modality:
    """What the parts say that they hold."""
    with closing(files.open(part.name)) as raw, pq.ParquetFile(Watched(raw), pre_buffer=False) as file:
        said = json.loads((file.schema_arrow.metadata or {})[b"genai"])
    try:
        return modalities.stored(said["modality"])
    except (InputError, AssertionError) as error:
        raise ValueError(f"found rows of {str(said['modality'])[:100]}: {error}") from error


@contextmanager
def _door(place: str) -> Iterator[None]:
    """Where what is wrong with a part becomes ours, and names it."""
    try:
        yield
    except NotFound:
        raise IntegrityError(f"{place}: it is gone; {MEND}") from None
    except (DataError, pa.ArrowException, OSError, IndexError, *_FOREIGN) as error:
        found = _line(error)
        inside = next((name for name in _PART.findall(found[:300]) if place.endswith(name)), "")
        raise IntegrityError(f"{place}: {found.removeprefix(f'{inside}: ')}; {MEND}") from error


def _line(error: Exception) -> str:
    return str(error).split("\n")[0][:300]
