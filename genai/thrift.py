"""A struct in Thrift's compact protocol, as numbers by field: as much of it as a Parquet page header needs.

Source: doc/specs/thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

from typing import Any

DEPTH = 8  # of structs and lists in each other
_TRUE, _FALSE, _BYTE, _INT16, _INT32, _INT64, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 12
_LIST, _SET, _MAP = 9, 10, 11
_LONGEST = 10  # bytes of a number

Fields = dict[int, Any]  # numbers of 32 bits, structs as Fields; None for what has another type


class Reader:
    """A place in some bytes. Raises ValueError where they end or are no Thrift."""

    def __init__(self, data: bytes | memoryview, at: int = 0) -> None:
        self._data, self.at = data, at

    def struct(self, depth: int = DEPTH) -> Fields:
        if not depth:
            raise ValueError("structs are nested too deeply")
        made: Fields = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            if not 0 < field < 2**15:
                raise ValueError(f"found the field {field}")
            made[field] = self._value(head & 15, depth)
        return made

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return None
        if kind in (_INT16, _INT32, _INT64):
            number = self._number()
            return number if kind == _INT32 else None
        if kind == _STRUCT:
            return self.struct(depth - 1)
        if kind in (_LIST, _SET, _MAP):
            return self._skip_many(kind, depth - 1)
        if kind not in (_BYTE, _DOUBLE, _BINARY):
            raise ValueError(f"found a value of type {kind}")
        size = self._varint() if kind == _BINARY else 1 if kind == _BYTE else 8
        self.at += size  # in a line of its own: reading the size moves `at`, too
        return None

    def _skip_many(self, kind: int, depth: int) -> None:
        if not depth:
            raise ValueError("lists are nested too deeply")
        kinds: tuple[int, ...] = ()
        if kind == _MAP:
            count = self._varint()
            kinds = divmod(self._byte(), 16) if count else ()
        else:
            count, only = divmod(self._byte(), 16)
            count, kinds = self._varint() if count == 15 else count, (only,)
        if count > len(self._data) - self.at:  # each takes a byte at least
            raise ValueError("a list breaks off")
        for _ in range(count):
            for one in kinds:
                self._value(_BYTE if one in (_TRUE, _FALSE) else one, depth)

    def _number(self) -> int:
        """A whole number of at most 32 bits, as its readers in C++ cut it."""
        bits = self._varint() & 0xFFFFFFFF
        return (bits >> 1) ^ -(bits & 1)

    def _varint(self) -> int:
        made = 0
        for shift in range(0, 7 * _LONGEST, 7):
            byte = self._byte()
            made |= (byte & 127) << shift
            if byte < 128:
                return made
        raise ValueError("a number has no end")

    def _byte(self) -> int:
        if self.at >= len(self._data):  # also where a value's length led beyond
            raise ValueError("it breaks off")
        self.at += 1
        return self._data[self.at - 1]
