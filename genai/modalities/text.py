"""Texts as UTF-8 bytes: any language, no state to fit, and what is drawn can be written down as it is.

Decisions: an array holds the bytes of a text, padded with NUL, which therefore no text may hold; token 0 ends a text.
A model may draw bytes that are no UTF-8: each that is no part of a character becomes a question mark, which keeps the
length, and leaves the fault to be seen. Texts are taken as they are: no case, no spaces, no Unicode form is changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le, Len, doc

from genai.errors import DataError, listed
from genai.modalities import Modality
from genai.space import Space

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from genai.look import Look
    from genai.sources import Row

LONGEST = 1 << 16  # bytes of a row
_STRAY = re.compile("[\udc80-\udcff]")  # how Python marks a byte that is no part of a character


@dataclass(frozen=True)
class Text(Modality):
    """Texts of at most one length."""

    length: (
        Annotated[int, Ge(1), Le(LONGEST), doc("Bytes (UTF-8) of a text, at most; null: of the longest.")] | None
    ) = None
    longer: Annotated[Literal["refuse", "cut"], doc("A longer text: a bad row, or cut at a character's boundary.")] = (
        "refuse"
    )
    column: (
        Annotated[str, Len(1, 1000), doc("The column of a table; null: text, or the only one of strings.")] | None
    ) = None

    noun: ClassVar[str] = "text"
    files: ClassVar[tuple[str, ...]] = (".txt",)
    suffix: ClassVar[str] = ".txt"
    tokens: ClassVar[bool] = True
    _drawn: ClassVar[bool] = False  # its texts are a model's, which may end before it begins

    def picked(self, key: str, schema: pa.Schema) -> list[str]:
        able = [field.name for field in schema if _holds_text(field.type)]
        wanted = self.column or "text"
        if self.column or able.count(wanted) == 1:
            able = [name for name in able if name == wanted]
        if len(able) != 1 or schema.names.count(able[0]) != 1:
            columns = listed([f"{field.name} ({field.type})" for field in schema])
            named = f"named {wanted!r}" if self.column else "named text"
            raise DataError(
                f"{key}: found {len(able) or 'no'} columns of strings{f' {named}' if self.column else ''}, the columns "
                f"are {columns}; allowed: one of strings, or one of these {named}: set data.modality.column"
            )
        return able

    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        from pyarrow import large_binary, large_string, types

        (found,) = columns.columns
        if types.is_dictionary(found.type):
            found = found.cast(large_string(), safe=False)
        return list(found.cast(large_binary()).to_pylist())  # not decoded here: one text spoils its own row only

    def resolve(self, value: str | bytes) -> Self:
        return self if self.length is not None else replace(self, length=len(self._bytes(value)))

    def settle(self, rows: Iterable[Row]) -> Self:
        """The longest text settles what the spec left open."""
        if self.length is not None:
            return super().settle(rows)
        longest, refused = 0, None
        for row in rows:
            try:
                longest = max(longest, len(self._bytes(row.value)))
            except DataError as error:
                refused = refused or DataError(f"{row.where}: {error}")
        if not longest:
            raise refused or DataError("found no row with a value and a label; allowed: at least one")
        return replace(self, length=longest)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array_shape

    @property
    def space(self) -> Space:
        return Space(self.shape, 256)

    @property
    def array_shape(self) -> tuple[int, ...]:
        assert self.length is not None, "resolve first"
        return (self.length,)

    def decode(self, value: str | bytes) -> tuple[np.ndarray, bytes]:
        text = self._bytes(value)
        array = np.zeros(self.array_shape, np.uint8)
        kept = text[: len(array)]
        if len(text) > len(array):
            kept = kept.decode(errors="ignore").encode()
        array[: len(kept)] = np.frombuffer(kept, np.uint8)
        return array, hashlib.sha256(text).digest()

    def _bytes(self, value: str | bytes) -> bytes:
        """A text that can be a row, as UTF-8. Raises DataError."""
        try:
            text = value.encode() if isinstance(value, str) else value
            text.decode()
        except UnicodeError as error:
            raise DataError(f"not a usable text: no UTF-8 ({str(error)[:100]}); allowed: text in UTF-8") from None
        if (not text and not self._drawn) or 0 in text:
            found = f"a NUL at byte {text.index(0):,}" if text else "no character"
            raise DataError(f"not a usable text: found {found}; allowed: one character or more, none of them NUL")
        most = self.length or LONGEST
        if len(text) > most and self.longer == "refuse":
            raise DataError(
                f"the text has {len(text):,} bytes; allowed: at most {most:,}: set data.modality.length (up to "
                f"{LONGEST:,}), or data.modality.longer to cut"
            )
        return text

    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        import torch

        return torch.from_numpy(arrays.astype(np.int64))

    def from_tensor(self, x: Tensor) -> np.ndarray:
        arrays = x.detach().cpu().numpy().astype(np.uint8)
        arrays[np.logical_or.accumulate(arrays == 0, axis=1)] = 0
        for row, text in enumerate(self.cells(arrays)):
            if (sound := _sound(text)) != text:
                arrays[row, : len(sound)] = np.frombuffer(sound, np.uint8)
        return arrays

    def cells(self, arrays: np.ndarray) -> list[bytes]:
        return [array.tobytes().rstrip(b"\0") for array in arrays]

    def looks(self, arrays: np.ndarray) -> list[Look]:
        from genai.look import Look

        return [Look(words=cell.decode()) for cell in self.cells(arrays)]

    @property
    def published(self) -> tuple[str, ...]:
        return ("text",)

    def columns(self, arrays: np.ndarray, names: list[str]) -> dict[str, tuple[pa.Array, dict[str, Any]]]:
        import pyarrow as pa

        texts = pa.array([cell.decode() for cell in self.cells(arrays)], pa.string())
        return {"text": (texts, {"_type": "Value", "dtype": "string"})}

    def strict(self) -> Self:
        made = replace(self, longer="refuse")
        object.__setattr__(made, "_drawn", True)
        return made

    def plain(self) -> Self:
        return type(self)(length=self.length)


def _holds_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _sound(text: bytes) -> bytes:
    """What a model drew, as UTF-8 of the same length."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return _STRAY.sub("?", text.decode(errors="surrogateescape")).encode()
    return text
