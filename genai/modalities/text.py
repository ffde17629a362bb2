"""Texts: lines, paragraphs or whole files, in any language.

Decisions: an array holds the UTF-8 bytes of a text, padded with NUL, which therefore no text may hold; token 0 ends a
text. Tokens are these bytes, which need no learning; or characters, or pieces of words, learned from all rows
(`_symbols`). A model may draw bytes that are no UTF-8: each that is no part of a character becomes a question mark, so
that the length stays, and the fault is seen. Texts are taken as they are: no case, space or Unicode form changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le, Len, doc

from genai.cut import Cut, Unit
from genai.errors import DataError, InputError
from genai.fields import SETTLED
from genai.modalities import Modality
from genai.modalities._strings import text_column, texts_of
from genai.modalities._symbols import Codec, codec, learn_characters, learn_merges
from genai.space import Space

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from genai.look import Figure, Look
    from genai.sources import Row

LONGEST = 1 << 16  # bytes of a row
_STRAY = re.compile("[\udc80-\udcff]")  # how Python marks a byte that is no part of a character


@dataclass(frozen=True)
class Text(Modality):
    """Texts of at most one length."""

    length: Annotated[
        Annotated[int, Ge(1), Le(LONGEST)] | None, doc("Bytes (UTF-8) of a text, at most; null: of the longest.")
    ] = None
    longer: Annotated[Literal["refuse", "cut"], doc("A longer text: a bad row, or cut at a character's boundary.")] = (
        "refuse"
    )
    unit: Annotated[Unit, doc("A row of a text file; window: as many characters as fit, then the next.")] = "line"
    column: Annotated[
        Annotated[str, Len(1, 1000)] | None, doc("The column of a table; null: text, or the only one of strings.")
    ] = None
    symbols: Annotated[
        Literal["bytes", "characters", "bpe"], doc("What a model draws, one by one; bpe: learned pieces of words.")
    ] = "bytes"
    vocabulary: Annotated[int, Ge(257), Le(16384), doc("Symbols of bpe, at most.")] = 1024
    learned: str = field(default="", metadata=SETTLED)  # the symbols, where they are no bytes
    places: int = field(default=0, metadata=SETTLED)  # symbols of the longest row then

    noun: ClassVar[str] = "text"
    files: ClassVar[tuple[str, ...]] = (".txt",)
    suffix: ClassVar[str] = ".txt"
    tokens: ClassVar[bool] = True
    _drawn: ClassVar[bool] = False  # its texts are a model's, which may end before it begins

    def __post_init__(self) -> None:
        if not (0 <= (self.length or 0) <= LONGEST and 0 <= self.places <= LONGEST):
            raise ValueError(f"found texts of {self.length} bytes, {self.places} symbols; allowed: at most {LONGEST:,}")
        if self.unit == "window" and self.length is None:
            raise InputError("found windows without a length; allowed: unit: window beside a length, in bytes")

    @property
    def cut(self) -> Cut:
        return Cut(self.unit, self.length or 0)

    def picked(self, key: str, schema: pa.Schema) -> list[str]:
        return [text_column(key, schema, self.column, self.published[0])]

    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        (found,) = columns.columns
        return texts_of(found)

    def resolve(self, value: str | bytes) -> Self:
        text = self._bytes(value)
        return self if self._is_settled else self._settled(lambda: iter([self._kept(text)]))

    def settle(self, rows: Iterable[Row]) -> Self:
        """The longest text settles the length, all of them the symbols. How rows were found is then left out, so that
        equal rows make equal datasets.
        """
        if self._is_settled:
            return replace(super().settle(rows), column=None, unit="line")
        refused: list[DataError] = []

        def texts() -> Iterator[bytes]:
            for row in rows:
                try:
                    yield self._kept(self._bytes(row.value))
                except DataError as error:
                    refused.append(DataError(f"{row.where}: {error}")) if not refused else None

        made = self._settled(texts)
        if not made.length:
            raise refused[0] if refused else DataError("found no row with a value and a label; allowed: at least one")
        return replace(made, column=None, unit="line")

    @property
    def _is_settled(self) -> bool:
        return self.length is not None and (self.symbols == "bytes" or bool(self.learned))

    def _settled(self, texts: Callable[[], Iterator[bytes]]) -> Self:
        """By texts that may be walked more than once."""
        length = self.length or max(map(len, texts()), default=0)
        if self.symbols == "bytes" or not length:
            return replace(self, length=length)
        learned = learn_characters(texts()) if self.symbols == "characters" else learn_merges(texts(), self.vocabulary)
        encode = codec(self.symbols, learned).encode
        places = max((len(encode(text.decode())) for text in texts()), default=0)
        return replace(self, length=length if places else 0, learned=learned, places=places)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.places,) if self.learned else self.array_shape

    @property
    def space(self) -> Space:
        return Space(self.shape, 1 + len(self._codec.pieces) if self.learned else 256)

    @property
    def array_shape(self) -> tuple[int, ...]:
        assert self.length is not None, "resolve first"
        return (self.length,)

    @property
    def _codec(self) -> Codec:
        return codec(self.symbols, self.learned)

    def decode(self, value: str | bytes) -> tuple[np.ndarray, bytes]:
        text = self._bytes(value)
        kept = self._kept(text)
        if self.learned:
            self._codec.encode(kept.decode())  # which refuses what it has not learned
        return _padded(kept, self.array_shape), hashlib.sha256(text).digest()

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

    def _kept(self, text: bytes) -> bytes:
        """As many characters as fit."""
        most = self.length or LONGEST
        return text if len(text) <= most else text[:most].decode(errors="ignore").encode()

    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        import torch

        if not self.learned:
            return torch.from_numpy(arrays.astype(np.int64))
        tokens = np.zeros((len(arrays), self.places), np.int64)
        for row, text in zip(tokens, self.cells(arrays), strict=True):
            found = self._codec.encode(text.decode())
            row[: len(found)] = found
        return torch.from_numpy(tokens)

    def from_tensor(self, x: Tensor) -> np.ndarray:
        tokens = x.detach().cpu().numpy()
        if self.learned:
            drawn = [self._codec.text(row) for row in tokens.tolist()]
        else:
            drawn = [row.tobytes().split(b"\0", 1)[0] for row in tokens.astype(np.uint8)]
        found = [_padded(self._kept(_sound(text)), self.array_shape) for text in drawn]
        return np.array(found, np.uint8).reshape(-1, *self.array_shape)

    def cells(self, arrays: np.ndarray) -> list[bytes]:
        return [array.tobytes().rstrip(b"\0") for array in arrays]

    def looks(self, arrays: np.ndarray) -> list[Look]:
        from genai.look import Look

        return [Look(words=cell.decode()) for cell in self.cells(arrays)]

    def figures(self, real: np.ndarray, synthetic: np.ndarray) -> list[Figure]:
        from genai.modalities._letters import figures

        return figures(*([cell.decode() for cell in self.cells(side)] for side in (real, synthetic)))

    @property
    def published(self) -> tuple[str, ...]:
        return ("text",)

    def columns(self, arrays: np.ndarray, names: list[str]) -> dict[str, tuple[pa.Array, dict[str, Any]]]:
        import pyarrow as pa

        texts = pa.array([cell.decode() for cell in self.cells(arrays)], pa.string())
        return {"text": (texts, {"_type": "Value", "dtype": "string"})}

    def strict(self) -> Self:
        made = replace(self.plain(), longer="refuse")
        object.__setattr__(made, "_drawn", True)
        return made

    def plain(self) -> Self:
        return type(self)(length=self.length)


def _padded(text: bytes, shape: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape, np.uint8)
    array[: len(text)] = np.frombuffer(text, np.uint8)
    return array


def _sound(text: bytes) -> bytes:
    """What a model drew, as UTF-8 of the same length."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return _STRAY.sub("?", text.decode(errors="surrogateescape")).encode()
    return text
