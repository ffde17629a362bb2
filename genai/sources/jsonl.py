"""JSON lines: one, a glob, or a folder of files with a JSON object a line, whose keys are the columns.

Which columns there are, and of which type each is, the first rows of a file say: text, whole numbers, numbers, true and
false. A later row of another type is a bad row; a key that is not there is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from genai.errors import DataError
from genai.sources._lines import lines
from genai.sources._records import COLUMNS, RECORD, Record, RecordsSource

LOOKED_AT, LOOKED_AT_BYTES = 1000, 1 << 24  # rows, for the columns

_NESTED = pa.struct([])  # what is no column: objects, lists, or values of several types
_KINDS = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64(), type(None): pa.null()}


class JsonlSource(RecordsSource):
    """Rows of JSON lines."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def schema(self, key: str, file: BinaryIO) -> pa.Schema:
        kinds: dict[str, pa.DataType] = {}
        for record in _first(file):
            try:
                found = _object(record.data)
            except ValueError:  # which its row will say
                continue
            for name, value in found.items():
                kinds[name] = _merged(kinds.get(name, pa.null()), _KINDS.get(type(value), _NESTED))
        if not 0 < len(kinds) <= COLUMNS:
            raise DataError(
                f"{key}: found {len(kinds) or 'no'} keys in its first lines; allowed: a JSON object a line, of at most "
                f"{COLUMNS:,} keys together"
            )
        return pa.schema([(_harmless(name), kind) for name, kind in kinds.items()])

    def records(
        self, key: str, file: BinaryIO, at: int, number: int, schema: pa.Schema, wanted: list[str]
    ) -> Iterator[Record]:
        kinds = {name: schema.field(name).type for name in wanted}
        for line in lines(file, at, number, RECORD):
            if line.whole and not line.data.strip():
                continue
            cells: list[Any] = []
            error = None if line.whole else f"the line has more than the {RECORD:,} bytes allowed"
            if wanted and not error:
                try:
                    found = _object(line.data)
                    cells = [_cell(name, found.get(name), kind) for name, kind in kinds.items()]
                except ValueError as fault:
                    error = str(fault)
            yield Record(line.at, line.number, len(line.data), cells, error)


def _first(file: BinaryIO) -> Iterator[Any]:
    size = 0
    for number, line in enumerate(line for line in lines(file, 0, 1, RECORD) if line.data.strip()):
        size += len(line.data)
        if number == LOOKED_AT or (number and size > LOOKED_AT_BYTES):
            return
        yield line


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON in UTF-8: {str(error)[:100]}") from None
    if not isinstance(found, dict):
        raise ValueError(f"found {_NAMES.get(type(found), 'a value')}; allowed: a JSON object")  # noqa: TRY004
    return found


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of a column that has values of both."""
    kinds = {one, other} - {pa.null()}
    if kinds == {pa.int64(), pa.float64()}:
        return pa.float64()
    return _NESTED if len(kinds) > 1 else next(iter(kinds), pa.null())


def _cell(name: str, value: Any, kind: pa.DataType) -> Any:
    """A value as the column has it. Raises ValueError."""
    own = _KINDS.get(type(value), _NESTED)
    whole = type(value) is int
    if value is None or (own == kind and own != _NESTED) or (whole and kind == pa.float64()):
        if not whole or -(1 << 63) <= value < 1 << 63:
            return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        raise ValueError(f"its {name[:50]!r} is beyond 64 bits")
    raise ValueError(f"its {name[:50]!r} is {_NAMES.get(type(value), 'a value')}, the first rows have {kind}")


def _harmless(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


_NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
}
