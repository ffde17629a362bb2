"""Preparing: source rows become arrays, sides and classes, once, before any training.

- *Which side* a row is on follows from the SHA-256 of its content alone, its first 64 bits read as a fraction of
  one. So a row never changes side when others are added, equal images never stand on two sides, and the split is
  met in every class in expectation: that is the stratification which this stability allows. (Rows of a test source
  are test rows as a whole.)
- *Order*: rows are sorted by content hash, which is a random order, the same whatever the source's order was. Only rows
  to draw from (`Terms.classes`) keep the source's: a sample tells the number of its row.
- *Bad rows* (a corrupt image, a null label) are carried along as rows with an `error`, and sort before all others,
  in source order, so that whoever assembles the rest has judged them first.

`read_fragment` runs anywhere, `assemble` in one place with a block a split in memory; between them stands a sort by
one column without nulls, in memory here (`gather`), by Ray Data in `workers`. Both give the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genai.blocks import Put, Writer, unfixed
from genai.errors import DataError, listed
from genai.filters import Filter, judged
from genai.modalities import Modality
from genai.prepared import SPLITS, Prepared
from genai.sources import Fragment, Row, Source
from genai.sources._columns import UNLABELLED

SORT_BY = "key"
_NAMED = 20  # bad rows that are named
_SLICE = 4096  # rows that `gather` hands on at a time
_BAD = bytes(32)
_IN_ORDER = b"\1"  # behind all bad rows


@dataclass(frozen=True)
class Terms:
    """What the job says about its rows: shares of the splits, which sum to 1, and what a bad row means."""

    split: Mapping[str, float]
    on_bad_row: Literal["fail", "skip"] = "fail"
    max_bad_rows: float = 0.01  # share of all rows
    unlabelled: bool = False  # whether rows without a label are kept
    repeat_labelled: int = 1  # how often a row with a label stands among the training rows
    filters: tuple[Filter, ...] = ()  # a row that one of them refuses is a bad row
    classes: tuple[str, ...] | None = None  # of rows to draw from: they keep their order, and no other class will do

    def fault(self, row: Row) -> str | None:
        """Why a row as its source gives it cannot be used."""
        if self.classes and row.error is None and str(row.label) not in self.classes:
            return (
                f"found the label {str(row.label)[:100]!r}; allowed: {listed(self.classes)}, the checkpoint's classes"
            )
        return None if self.unlabelled and row.error == UNLABELLED else row.error


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


def settle(found: Iterable[Piece], modality: Modality, terms: Terms) -> Modality:
    """The modality with all that was left open settled by the rows; that of rows to draw from is settled."""
    if terms.classes is not None:
        return modality
    return modality.settle(_Sound(list(found), terms))


@dataclass(frozen=True)
class _Sound:
    """The rows that have no error, as often as somebody asks for them."""

    pieces: Sequence[Piece]
    terms: Terms

    def __iter__(self) -> Iterator[Row]:
        for piece in self.pieces:
            yield from (row for row in piece.source.read(piece.fragment) if self.terms.fault(row) is None)


def read_fragment(piece: Piece, modality: Modality, terms: Terms) -> pa.Table:
    """The rows of a fragment, decoded. One that cannot be used, or that a filter refuses, has an `error` and no array.
    Where rows are repeated, each copy after the first has a key of its own, so that they do not stand side by side.

    Columns: key binary (to sort by: content, label, array; of a bad row 32 zeros, then its place in source order),
    content binary(32), label string, array fixed_size_binary, where string, error string, test bool, copy bool.
    """
    rows = list(_decoded(piece, modality, terms))
    columns = list(zip(*rows, strict=True)) or [()] * len(_schema(modality))
    return pa.Table.from_arrays(
        [pa.array(values, kind.type) for values, kind in zip(columns, _schema(modality), strict=True)],
        schema=_schema(modality),
    )


def _schema(modality: Modality) -> pa.Schema:
    kinds = {
        "key": pa.binary(),
        "content": pa.binary(32),
        "label": pa.string(),
        "array": pa.binary(prod(modality.array_shape)),
        "where": pa.string(),
        "error": pa.string(),
        "test": pa.bool_(),
        "copy": pa.bool_(),
    }
    return pa.schema(kinds)


def _decoded(piece: Piece, modality: Modality, terms: Terms) -> Iterator[tuple[object, ...]]:
    for number, row in enumerate(piece.source.read(piece.fragment)):
        try:
            array, content = _usable(row, modality, terms)
        except DataError as error:
            place = struct.pack(">qq", piece.number, number)
            yield _BAD + place, _BAD, None, None, row.where, f"{row.where}: {error}", piece.test, False
        else:
            label = None if row.label is None else str(row.label)
            data = array.tobytes()
            whole = hashlib.sha256(data).digest()[:8] if modality.captions else b""  # they may differ in these only
            key = content + (label or "").encode() + whole
            if terms.classes is not None:
                key = _IN_ORDER + struct.pack(">qq", piece.number, number)
            yield key, content, label, data, row.where, None, piece.test, False
            for copy in range(1, terms.repeat_labelled if label is not None and not piece.test else 1):
                other = hashlib.sha256(key + struct.pack(">q", copy)).digest()
                yield other + key, content, label, data, row.where, None, False, True


def _usable(row: Row, modality: Modality, terms: Terms) -> tuple[np.ndarray, bytes]:
    if fault := terms.fault(row):
        raise DataError(fault)
    array, content = modality.decode(row.value)
    (reason,) = judged(terms.filters, array[None], [None if row.label is None else str(row.label)], modality)
    if reason is not None:
        words = modality.looks(array[None])[0].words
        found = f"found {words[:100]!r}, refused by" if words else "refused by"
        raise DataError(f"{found} {reason}; allowed: rows that data.filters keep")
    return array, content


def classes_of(labels: Iterable[str | None], sources: Sequence[Source], terms: Terms) -> tuple[str, ...]:
    """The classes, in order: as the sources declare them (those that occur), else by number where all are whole
    numbers, else by text; or as the terms say them. Empty for unlabelled data. Raises DataError where there is one
    class only.
    """
    if terms.classes is not None:
        return terms.classes
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
    writers = {name: Writer(name, modality.array_shape, len(classes), put) for name in SPLITS}
    for table in tables:
        bad.take(table)
        good = table.filter(pc.is_null(table["error"])).combine_chunks()
        if not good.num_rows:
            continue
        bad.judge()
        content, arrays = (unfixed(good[name].combine_chunks()) for name in ("content", "array"))
        labels = _numbered(good["label"], classes)
        side = np.where(good["test"].to_numpy(), SPLITS.index("test"), sides(content, terms.split))
        copies = good["copy"].to_numpy()
        for number, writer in enumerate(writers.values()):
            mine = (side == number) & ~(copies & (number > 0))  # only training rows are repeated
            writer.add(content[mine], labels[mine], arrays[mine], fresh=labels[mine & ~copies])
    bad.judge()
    splits = {name: writer.finish() for name, writer in writers.items()}
    if not splits["train"].rows:
        raise DataError(f"found {total:,} rows, none of them falls into the training split; give more rows")
    return Prepared(modality, classes, splits, bad.count, bad.first)


def sides(content: np.ndarray, split: Mapping[str, float]) -> np.ndarray:
    """The number in `SPLITS` of each row, from its content hash, (rows, 32) uint8."""
    given = [number for number, name in enumerate(SPLITS) if split.get(name, 0) > 0]
    edges = np.cumsum([split[SPLITS[number]] for number in given])[:-1]
    where = np.ascontiguousarray(content[:, :8]).view(">u8")[:, 0] / 2.0**64
    return np.array(given)[np.searchsorted(edges, where, side="right")]


def gather(sources: Sequence[Source], tests: Sequence[Source], modality: Modality, terms: Terms, put: Put) -> Prepared:
    """Prepare in this process, all rows in memory. Raises DataError, with file and row, on what cannot be used."""
    found = pieces(sources, tests)
    settled = settle(found, modality, terms)
    table = pa.concat_tables([read_fragment(piece, settled, terms) for piece in found]).sort_by(SORT_BY)
    slices = (table.slice(at, _SLICE) for at in range(0, table.num_rows, _SLICE))
    classes = classes_of(pc.unique(table["label"]).to_pylist(), [*sources, *tests], terms)
    return assemble(slices, settled, terms, classes=classes, total=table.num_rows, put=put)


def _numbered(labels: pa.ChunkedArray, classes: tuple[str, ...]) -> np.ndarray:
    if not classes:
        return np.zeros(len(labels), np.int32)
    return pc.fill_null(pc.index_in(labels, pa.array(classes)), -1).to_numpy().astype(np.int32)


@dataclass
class _BadRows:
    """The bad rows so far: how many, and the first of them."""

    terms: Terms
    total: int
    count: int = 0
    first: tuple[str, ...] = ()

    def take(self, table: pa.Table) -> None:
        found = table["error"].drop_null()
        self.count += len(found)
        self.first = (*self.first, *found[: _NAMED - len(self.first)].to_pylist())

    def judge(self) -> None:
        if self.count and self.terms.on_bad_row == "fail":
            raise DataError(f"{self.first[0]}; data.on_bad_row: skip leaves such rows out")
        if self.count > self.terms.max_bad_rows * self.total:
            raise DataError(
                f"{self.count:,} of {self.total:,} rows cannot be used, allowed by data.max_bad_rows: "
                f"{self.terms.max_bad_rows:.3%}; the first: {self.first[0]}"
            )
