"""Samples of published parts, for a look at them: from a Parquet file, or from a run's newest parts.

Decisions: the store alone is asked, neither the source nor a checkpoint, so a dataset can be looked at from anywhere,
also while it is made. Labels are read first and only the rows that are wanted are decoded, out of column chunks of
a bounded size. All bytes are hostile: pages are judged before they are inflated (`genai.parquet_pages`), pixels before
they are decoded, and what goes on from here is made anew of the decoded row, never the file that carried it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from textwrap import wrap
from typing import TYPE_CHECKING, BinaryIO, Self

from genai.errors import DataError, InputError, IntegrityError, NotFound, listed
from jobs import layout
from jobs.events import read
from jobs.resolve import Target
from jobs.stores import Store, open_store
from jobs.view import result_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL.Image import Image

    from genai.look import Look
    from genai.modalities import Modality

CHUNK_BYTES = 1 << 29  # of one row group's pictures, as they are stored
INFLATED_BYTES = 1 << 28  # of a file's pages; more only where it is large itself
PARTS = 16  # of a run that are looked into
CLASSES = 100  # that are shown
WIDE, EDGE, LINE, LETTER = 256, 6, 15, 12  # pixels of words as a picture: width, margin, a line, the font's size
LETTERS, LINES = 36, 14  # of a line, of a picture

KEY = re.compile(r"[0-9a-z]{1,64}")  # of a dataset
PART = re.compile(r"part-[0-9]{5,18}(?:\.[0-9]{1,18}-rows)?\.parquet")


@dataclass(frozen=True, eq=False)
class Shown:
    """One sample; `label` is the name of its class, or ""."""

    index: int
    label: str
    look: Look

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of its picture, which a PNG says before it is decoded."""
        import PIL.Image

        picture = PIL.Image.open(io.BytesIO(self.look.png)) if self.look.png else written(self.look.words)
        return picture.size

    @property
    def pixels(self) -> np.ndarray:
        """Its picture, (height, width, 1 or 3) uint8; where it has none, its words as one."""
        from genai.modalities._pixels import from_picture, natural_pixels

        return natural_pixels(self.look.png) if self.look.png else from_picture(written(self.look.words))


def written(words: str) -> Image:
    """Words as a picture, as many lines as there is room for."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    lines = [line for text in words.splitlines() or [""] for line in wrap(text, LETTERS) or [""]]
    shown = lines[:LINES] if len(lines) <= LINES else [*lines[: LINES - 1], lines[LINES - 1][: LETTERS - 1] + "…"]
    picture = PIL.Image.new("L", (WIDE, 2 * EDGE + LINE * len(shown)), 245)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(LETTER)
    for number, line in enumerate(shown):
        pen.text((EDGE, EDGE + number * LINE), line, 30, font)
    return picture


@dataclass(frozen=True)
class Gathered:
    """Samples by class, in the order of the classes; `name` says what they are from."""

    name: str
    rows: dict[str, list[Shown]]


def of_part(place: str, most: int | None, label: str | None = None) -> Gathered:
    """Samples of one Parquet file at a path or URI. Raises InputError where it is none, or has no such class."""
    folder, _, name = place.rpartition("/")
    try:
        with open_store(folder or ".").open(name) as file:
            return _gathered(name, [(place, file)], most, label)
    except NotFound:
        raise InputError(f"{place}: there is no such file; allowed: a Parquet file, or a run") from None
    except IntegrityError as error:
        raise InputError(str(error)) from None


def of_run(target: Target, most: int | None, label: str | None = None) -> Gathered:
    """The first samples of the dataset that a run makes, as far as it is made. Raises InputError where there are none
    yet, or none of that class, and IntegrityError where a part is damaged.
    """
    key = target.dataset or dataset_of(target.store, target.run_id)
    names = [] if key is None else sorted(islice(parts_of(target.store, key), PARTS))
    if not key or not names:
        raise InputError(f"{target.run_id}: no part of it is in the store yet; `genai run` makes them")
    return _gathered(target.run_id, _opened(target.store, key, names), most, label)


def dataset_of(store: Store, run: str) -> str | None:
    """The key of the dataset that a run has made, or is making, as its result or its events tell."""
    made = (result_of(store, run) or {}).get("dataset")
    told = [e.fields.get("key") for e in read(store, run) if e.fields.get("stage") == "generate"] if not made else []
    keys = [key for key in (made, *reversed(told)) if isinstance(key, str) and KEY.fullmatch(key)]
    return keys[0] if keys else None


def parts_of(store: Store, key: str) -> Iterator[str]:
    """Names of the parts of a dataset that are there."""
    names = (entry.key.rpartition("/")[2] for entry in store.list(layout.dataset(key, "data/")))
    return (name for name in names if PART.fullmatch(name))


def _opened(store: Store, key: str, names: Iterable[str]) -> Iterator[tuple[str, BinaryIO]]:
    for name in names:
        part = layout.part(key, name)
        with store.open(part) as file:
            yield store.locate(part), file


def _gathered(name: str, files: Iterable[tuple[str, BinaryIO]], most: int | None, label: str | None) -> Gathered:
    """`most` of each class; None: 10, or 50 where there is only one row to show."""
    rows: dict[str, list[Shown]] = {}
    known: dict[str, None] = {}  # classes, in their order

    def wanted(found: str) -> bool:
        known.setdefault(found)
        room = most or (50 if label is not None or known == {"": None} else 10)
        full = found not in rows and len(rows) == CLASSES
        return (label is None or found == label) and not full and len(rows.get(found, ())) < room

    for place, file in files:
        try:
            known |= dict.fromkeys(classes_of(file))
            for shown in pictures(file, wanted):
                rows.setdefault(shown.label, []).append(shown)
        except IntegrityError as error:
            raise IntegrityError(f"{place}: {error}") from error
        if not any(map(wanted, known)):
            break
    if not rows:
        raise _nothing(name, label, known)
    return Gathered(name, {found: rows[found] for found in known if found in rows})


def _nothing(name: str, label: str | None, known: Iterable[str]) -> InputError:
    if label is None:
        return InputError(f"{name}: it has no sample; allowed: a part with rows")
    if label in known:
        text = f"--label {label}: found no sample of it in {name}, of whose parts the first {PARTS} are looked into"
        return InputError(f"{text}; allowed: a part that has one, by its path")
    return InputError(f"--label {label}: there is no such class; allowed: {', '.join(filter(None, known)) or 'none'}")


def classes_of(file: BinaryIO) -> tuple[str, ...]:
    """The names of the classes, in their order, as far as the file says them. Raises IntegrityError where it is no
    Parquet.
    """
    with _Part(file) as part:
        return part.classes


def pictures(file: BinaryIO, wanted: Callable[[str], bool], most_bytes: int = CHUNK_BYTES) -> Iterator[Shown]:
    """The samples of a Parquet file whose class is `wanted` (asked before each), in the order of the rows. Row groups
    with more than `most_bytes` of values are passed over. Raises IntegrityError where it cannot be read.
    """
    with _Part(file) as part:
        for group in range(part.groups):
            if part.rows(group) and part.size(group) <= most_bytes:
                yield from part.pictures(group, wanted)


class _Part:
    """An open part."""

    def __init__(self, file: BinaryIO) -> None:
        self._raw = file

    def __enter__(self) -> Self:
        import pyarrow.parquet as pq

        from genai.parquet_pages import PAGE_RATIO, Watched, check_rows, leaves

        with _door():
            size = self._raw.seek(0, io.SEEK_END)
            self._watched = Watched(self._raw, max(INFLATED_BYTES, PAGE_RATIO * size))
            self._file: pq.ParquetFile = pq.ParquetFile(self._watched, pre_buffer=False)
            about = self._file.metadata
            check_rows([about.row_group(i).num_rows for i in range(about.num_row_groups)], self._watched.size)
            self._modality = _modality(self._file.schema_arrow)
            self._columns = leaves(self._file.schema_arrow, [*self._modality.published])
            self.groups = int(about.num_row_groups)
            self.classes = _classes(self._file.schema_arrow)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rows(self, group: int) -> int:
        """Those of a row group; one that has none may have no page either."""
        return int(self._file.metadata.row_group(group).num_rows)

    def size(self, group: int) -> int:
        """Bytes of a row group's values, as the footer claims them; no more than the file has are read."""
        about = self._file.metadata.row_group(group)
        columns = [about.column(i) for i in range(about.num_columns)]
        return sum(c.total_compressed_size for c in columns if c.path_in_schema in self._columns)

    def pictures(self, group: int, wanted: Callable[[str], bool]) -> Iterator[Shown]:
        with _door():
            names = [n for n in ("label", "index") if n in self._file.schema_arrow.names]
            self._watched.watch()
            few = self._file.read_row_group(group, names, use_threads=False).to_pydict()
            labels = [self._name(value) for value in few.get("label", [None] * self.rows(group))]
            indices = few.get("index", range(self.rows(group)))
            cells: pa.Table | None = None
        for row, (index, label) in enumerate(zip(indices, labels, strict=True)):
            if not wanted(label):
                continue
            cells = self._cells(group) if cells is None else cells
            yield Shown(index if isinstance(index, int) else row, label, self._look(cells, row))

    def _cells(self, group: int) -> pa.Table:
        with _door():
            self._watched.watch(shared=False)
            return self._file.read_row_group(group, self._columns, use_threads=False).select(self._modality.published)

    def _look(self, cells: pa.Table, row: int) -> Look:
        try:
            (value,) = self._modality.values(cells.slice(row, 1))
            if value is None:
                raise DataError("there is none")
            array, _ = self._modality.decode(value)
        except DataError as error:
            raise IntegrityError(f"the {self._modality.noun} in row {row}: {error}") from error
        return self._modality.looks(array[None])[0]

    def _name(self, value: object) -> str:
        named = type(value) is int and 0 <= value < len(self.classes)
        return self.classes[value] if named and isinstance(value, int) else "" if value is None else str(value)[:200]


def _modality(schema: pa.Schema) -> Modality:
    """What the rows are. Raises IntegrityError where the file is none of ours: nothing else may be called synthetic."""
    from genai import modalities

    if b"genai" not in (schema.metadata or {}):
        raise IntegrityError("it does not say that its samples are made; allowed: a part that genai has published")
    with _door():
        found = modalities.stored(json.loads(schema.metadata[b"genai"]).get("modality")).strict()
        if missing := [name for name in found.published if name not in schema.names]:
            raise ValueError(f"found the columns {listed(schema.names)}, not {listed(missing)}")
        return found


def _classes(schema: pa.Schema) -> tuple[str, ...]:
    """What `datasets` would call the values of `label`."""
    try:
        said = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]["label"]["names"]
        return tuple(str(name)[:200] for name in said)
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()


@contextmanager
def _door() -> Iterator[None]:
    """Where Arrow's errors become ours."""
    import pyarrow as pa

    foreign = (pa.ArrowException, OSError, KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError)
    try:
        yield
    except foreign as error:
        found = str(error).split("\n")[0][:300]
        raise IntegrityError(f"not a Parquet part that can be shown: {found}") from error
