"""Preparing: source rows become arrays, sides and classes, once, before any training.

- *Which side* a row is on follows from the SHA-256 of its content alone, its first 64 bits read as a fraction of
  one. So a row never changes side when others are added, equal images never stand on two sides, and the split is
  met in every class in expectation: that is the stratification which this stability allows. (Rows of a test source
  are test rows as a whole.)
- *Order*: rows are sorted by content hash, which is a random order, the same whatever the source's order was.
- *Bad rows* (a corrupt image, a null label) are carried along as rows with an `error`, sorted before all others, so
  that whoever assembles the rest has judged them first.

`read_fragment` runs anywhere, `assemble` in one place with a block a split in memory; between them stands a sort by
(content, label), in memory here (`gather`), by Ray Data in `workers`. Both give the same bytes.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genai.errors import DataError
from genai.identity import sha256
from genai.modalities import Modality
from genai.prepared import SPLITS, Block, Prepared, Split, block_rows, pack, unfixed
from genai.sources import Fragment, Row, Source

SORT_BY = [("content", "ascending"), ("label", "ascending")]
_NAMED = 20  # bad rows that are named
_SLICE = 4096  # rows that `gather` hands on at a time
_BAD = bytes(32)

Put = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Terms:
    """What the job says about its rows: shares of the splits, which sum to 1, and what a bad row means."""

    split: Mapping[str, float]
    on_bad_row: Literal["fail", "skip"] = "fail"
    max_bad_rows: float = 0.01  # share of all rows


@dataclass(frozen=True)
class Piece:
    """A fragment with its source and its place among all; its rows are test rows where `test`."""

    source: Source
    fragment: Fragment
    number: int
    test: bool = False


def pieces(sources: Sequence[Source], tests: Sequence[Source] = ()) -> list[Piece]:
    """All that is to be read, in source order."""
    flagged = [(source, False) for source in sources] + [(source, True) for source in tests]
    found = [(source, fragment, test) for source, test in flagged for fragment in source.fragments()]
    return [Piece(source, fragment, number, test) for number, (source, fragment, test) in enumerate(found)]


def settle(found: Iterable[Piece], modality: Modality) -> Modality:
    """The modality with all that was left open taken from the first row that can be used."""
    refused: DataError | None = None
    for row in (row for piece in found for row in piece.source.read(piece.fragment) if row.error is None):
        try:
            return modality.resolve(row.value)
        except DataError as error:
            refused = refused or DataError(f"{row.where}: {error}")
    raise refused or DataError("found no row with a value and a label; allowed: at least one")


def read_fragment(piece: Piece, modality: Modality) -> pa.Table:
    """The rows of a fragment, decoded. A row that cannot be used has an `error` and no array.

    Columns: content binary(32), label string, array fixed_size_binary, where string, error string, place int64
    (rises in source order), test bool.
    """
    rows = list(_decoded(piece, modality))
    columns = list(zip(*rows, strict=True)) or [()] * len(_schema(modality))
    return pa.Table.from_arrays(
        [pa.array(values, kind.type) for values, kind in zip(columns, _schema(modality), strict=True)],
        schema=_schema(modality),
    )


def _schema(modality: Modality) -> pa.Schema:
    array = pa.binary(prod(modality.array_shape))
    kinds = [pa.binary(32), pa.string(), array, pa.string(), pa.string(), pa.int64(), pa.bool_()]
    return pa.schema(list(zip(("content", "label", "array", "where", "error", "place", "test"), kinds, strict=True)))


def _decoded(piece: Piece, modality: Modality) -> Iterator[tuple[object, ...]]:
    for number, row in enumerate(piece.source.read(piece.fragment)):
        place = piece.number << 32 | number
        try:
            array, content = _usable(row, modality)
        except DataError as error:
            yield _BAD, None, None, row.where, f"{row.where}: {error}", place, piece.test
        else:
            label = None if row.label is None else str(row.label)
            yield content, label, array.tobytes(), row.where, None, place, piece.test


def _usable(row: Row, modality: Modality) -> tuple[np.ndarray, bytes]:
    if row.error:
        raise DataError(row.error)
    return modality.decode(row.value)


def classes_of(labels: Iterable[str | None], sources: Sequence[Source]) -> tuple[str, ...]:
    """The classes, in order: as the sources declare them (those that occur), else by number where all are whole
    numbers, else by text. Empty for unlabelled data. Raises DataError where there is one class only.
    """
    found = {label for label in labels if label is not None}
    if len(found) == 1:
        raise DataError(
            f"all rows are of one class, {found.pop()!r}; allowed: two or more, or data.label: null for unlabelled data"
        )
    declared = [source.names() for source in sources]
    if declared and declared[0] and all(names == declared[0] for names in declared) and found <= set(declared[0]):
        return tuple(name for name in dict.fromkeys(declared[0]) if name in found)
    if all(label.removeprefix("-").isdecimal() for label in found):
        return tuple(sorted(found, key=lambda label: (int(label), label)))
    return tuple(sorted(found))


def assemble(
    tables: Iterable[pa.Table], modality: Modality, terms: Terms, *, classes: tuple[str, ...], total: int, put: Put
) -> Prepared:
    """Write the blocks of rows that come sorted by `SORT_BY`, of `total` rows in all, and give their index.

    Raises DataError on bad rows beyond the terms, before any block is written, and where no row is left to train on.
    """
    bad = _BadRows(terms, total)
    writers = {name: _Writer(name, modality, len(classes), put) for name in SPLITS}
    for table in tables:
        bad.take(table)
        good = table.filter(pc.is_null(table["error"])).combine_chunks()
        if not good.num_rows:
            continue
        bad.judge()
        content, arrays = (unfixed(good[name].combine_chunks()) for name in ("content", "array"))
        labels = _numbered(good["label"], classes)
        side = np.where(good["test"].to_numpy(), SPLITS.index("test"), sides(content, terms.split))
        for number, writer in enumerate(writers.values()):
            mine = side == number
            writer.add(content[mine], labels[mine], arrays[mine])
    bad.judge()
    splits = {name: writer.finish() for name, writer in writers.items()}
    if not splits["train"].rows:
        raise DataError(f"found {total:,} rows, none of them falls into the training split; give more rows")
    return Prepared(modality, classes, splits, bad.count, bad.examples())


def sides(content: np.ndarray, split: Mapping[str, float]) -> np.ndarray:
    """The number in `SPLITS` of each row, from its content hash, (rows, 32) uint8."""
    given = [number for number, name in enumerate(SPLITS) if split.get(name, 0) > 0]
    edges = np.cumsum([split[SPLITS[number]] for number in given])[:-1]
    where = np.ascontiguousarray(content[:, :8]).view(">u8")[:, 0] / 2.0**64
    return np.array(given)[np.searchsorted(edges, where, side="right")]


def gather(sources: Sequence[Source], tests: Sequence[Source], modality: Modality, terms: Terms, put: Put) -> Prepared:
    """Prepare in this process, all rows in memory. Raises DataError, with file and row, on what cannot be used."""
    found = pieces(sources, tests)
    settled = settle(found, modality)
    table = pa.concat_tables([read_fragment(piece, settled) for piece in found]).sort_by(SORT_BY)
    slices = (table.slice(at, _SLICE) for at in range(0, table.num_rows, _SLICE))
    classes = classes_of(pc.unique(table["label"]).to_pylist(), [*sources, *tests])
    return assemble(slices, settled, terms, classes=classes, total=table.num_rows, put=put)


def _numbered(labels: pa.ChunkedArray, classes: tuple[str, ...]) -> np.ndarray:
    if not classes:
        return np.zeros(len(labels), np.int32)
    return pc.index_in(labels, pa.array(classes)).to_numpy().astype(np.int32)


@dataclass
class _BadRows:
    """The bad rows so far: how many, and the first by their place."""

    terms: Terms
    total: int
    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def take(self, table: pa.Table) -> None:
        found = table.select(["place", "error"]).filter(pc.is_valid(table["error"]))
        self.count += found.num_rows
        rows = zip(found["place"].to_pylist(), found["error"].to_pylist(), strict=True)
        self.first = heapq.nsmallest(_NAMED, [*self.first, *rows])

    def examples(self) -> tuple[str, ...]:
        return tuple(error for _, error in self.first)

    def judge(self) -> None:
        if self.count and self.terms.on_bad_row == "fail":
            raise DataError(f"{self.first[0][1]}; data.on_bad_row: skip leaves such rows out")
        if self.count > self.terms.max_bad_rows * self.total:
            raise DataError(
                f"{self.count:,} of {self.total:,} rows cannot be used, allowed by data.max_bad_rows: "
                f"{self.terms.max_bad_rows:.3%}; the first: {self.first[0][1]}"
            )


class _Writer:
    """Cuts the rows of one split into blocks; holds less than one block and the rows of one call."""

    def __init__(self, name: str, modality: Modality, classes: int, put: Put) -> None:
        self._name, self._put = name, put
        self._full = block_rows(modality.array_shape)
        self._held: list[tuple[np.ndarray, ...]] = []
        self._blocks: list[Block] = []
        self._counts = np.zeros(classes, np.int64)
        self._labels, self._arrays = hashlib.sha256(), hashlib.sha256()

    def add(self, *columns: np.ndarray) -> None:
        """Rows as (content, labels, arrays)."""
        self._held.append(columns)
        if sum(len(held[0]) for held in self._held) >= self._full:
            self._cut(self._full)

    def finish(self) -> Split:
        self._cut(1)
        rows = sum(block.rows for block in self._blocks)
        content = sha256(self._labels.digest() + self._arrays.digest())
        return Split(rows, tuple(self._counts.tolist()), content, tuple(self._blocks))

    def _cut(self, least: int) -> None:
        columns = [np.concatenate(parts) for parts in zip(*self._held, strict=True)]
        while columns and len(columns[0]) >= least:
            self._write(*(column[: self._full] for column in columns))
            columns = [column[self._full :] for column in columns]
        self._held = [tuple(columns)] if columns else []

    def _write(self, content: np.ndarray, labels: np.ndarray, arrays: np.ndarray) -> None:
        data = pack(content, labels, arrays)
        block = Block(f"{self._name}-{len(self._blocks):05}.arrow", len(labels), len(data), sha256(data))
        self._put(block.name, data)
        self._blocks.append(block)
        self._labels.update(labels.astype("<i4").tobytes())
        self._arrays.update(np.ascontiguousarray(arrays).data)
        self._counts += np.bincount(labels, minlength=len(self._counts))[: len(self._counts)]
