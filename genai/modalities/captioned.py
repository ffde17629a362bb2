"""Rows with a caption: rows of any other kind, each with a text beside it that it is to be drawn under.

The caption is a column, or made from several by a template. It is UTF-8 in the prepared array, behind the row's own
bytes, padded with zeros; so it is published beside each sample, as the column `prompt`, and is a part of what a sample
is. Equal rows with other captions stand on the same side of the split: their content is that of the row alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import Ge, Le, doc

from genai.errors import DataError, InputError, listed
from genai.modalities import Modality
from genai.modalities.image import Image
from genai.space import Space
from genai.template import Template

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from genai.look import Figure, Look
    from genai.sources import Row

PROMPT = "prompt"


@dataclass(frozen=True)
class Captioned(Modality):
    """Rows of another kind under a text."""

    text: Annotated[str, doc("Column of the caption, or a template over columns: 'a {colour} {animal}'.")] = "caption"
    length: Annotated[int, Ge(1), Le(4096), doc("Bytes of a caption, at most.")] = 128
    of: Annotated[Modality, doc("What has the caption.")] = field(default_factory=Image)

    captions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.of.captions:
            raise InputError("found captions of rows that have captions; allowed: another kind")
        for name in ("noun", "suffix", "tokens", "axes"):
            object.__setattr__(self, name, getattr(self.of, name))
        _ = self._template

    @property
    def _template(self) -> Template:
        return Template(self.text)

    def picked(self, key: str, schema: pa.Schema) -> list[str]:
        import pyarrow as pa

        wanted = columns_of(self._template, key, schema, "the caption", "data.modality.text")

        return [*self.of.picked(key, pa.schema([f for f in schema if f.name not in wanted])), *wanted]

    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        template = self._template
        own = len(columns.columns) - len(template.columns)
        rows = self.of.values(columns.select(list(range(own))))
        return [
            None if row is None else (row, caption)
            for row, caption in zip(rows, captions_of(template, columns), strict=True)
        ]

    @property
    def bare(self) -> Modality:
        return self.of

    def resolve(self, value: tuple[Any, Any]) -> Self:
        return replace(self, of=self.of.resolve(value[0]))

    def settle(self, rows: Iterable[Row]) -> Self:
        return replace(self, of=self.of.settle(_Bare(rows)))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.of.shape

    @property
    def space(self) -> Space:
        return replace(self.of.space, caption=self.length)

    @property
    def array_shape(self) -> tuple[int, ...]:
        return (prod(self.of.array_shape) + self.length,)

    def decode(self, value: tuple[Any, Any]) -> tuple[np.ndarray, bytes]:
        row, caption = value
        array, content = self.of.decode(row)
        return np.concatenate([array.reshape(-1), self.encoded([caption])[0]]), content

    def encoded(self, captions: Sequence[Any]) -> np.ndarray:
        """Texts as (rows, length) uint8. Raises DataError where one is none, or longer."""
        made = np.zeros((len(captions), self.length), np.uint8)
        for row, caption in zip(made, captions, strict=True):
            data = self._checked(caption)
            row[: len(data)] = np.frombuffer(data, np.uint8)
        return made

    def _checked(self, caption: Any) -> bytes:
        found = "null" if caption is None else "no text in UTF-8" if not isinstance(caption, str) else ""
        data = b"" if found else caption.encode(errors="replace")
        if not found and (not data.strip() or b"\0" in data):
            found = "empty" if not data.strip() else "a text with a zero in it"
        if not found and len(data) > self.length:
            found = f"{len(data):,} bytes long"
        if found:
            allowed = f"a text of at most {self.length:,} bytes, as data.modality.length says"
            raise DataError(f"the caption is {found}; allowed: {allowed}")
        return data

    def _split(self, arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows' own arrays, and their captions."""
        return arrays[:, : -self.length].reshape(-1, *self.of.array_shape), arrays[:, -self.length :]

    def under(self, arrays: np.ndarray, labels: np.ndarray) -> Tensor:
        import torch

        return torch.from_numpy(self._split(arrays)[1].astype(np.int64))

    def asked(self, labels: np.ndarray, prompts: Sequence[str] | None) -> Tensor:
        import torch

        assert prompts is not None, "who draws knows the prompts"
        return torch.from_numpy(self.encoded(prompts).astype(np.int64))

    def prompts(self, arrays: np.ndarray) -> list[str]:
        return texts_of(self._split(arrays)[1])

    def check_prompts(self, prompts: Sequence[str]) -> None:
        if not prompts:
            raise InputError(f"found no prompts for {self.noun}s with captions; allowed: at least one")
        for number, prompt in enumerate(prompts):
            try:
                self._checked(prompt)
            except DataError as error:
                raise InputError(f"prompt {number}, {prompt[:100]!r}: {error}") from error

    def told(self, arrays: np.ndarray, prompts: Sequence[str] | None) -> np.ndarray:
        assert prompts is not None, "who draws knows the prompts"
        return np.concatenate([arrays[:, : -self.length], self.encoded(prompts)], axis=1)

    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        return self.of.to_tensor(np.ascontiguousarray(self._split(arrays)[0]))

    def from_tensor(self, x: Tensor) -> np.ndarray:
        own = self.of.from_tensor(x)
        return np.pad(own.reshape(len(own), -1), ((0, 0), (0, self.length)))

    def cells(self, arrays: np.ndarray) -> list[bytes]:
        return self.of.cells(np.ascontiguousarray(self._split(arrays)[0]))

    def looks(self, arrays: np.ndarray) -> list[Look]:
        return self.of.looks(np.ascontiguousarray(self._split(arrays)[0]))

    def figures(self, real: np.ndarray, synthetic: np.ndarray) -> list[Figure]:
        return self.of.figures(self._split(real)[0], self._split(synthetic)[0])

    @property
    def published(self) -> tuple[str, ...]:
        return (*self.of.published, PROMPT)

    def columns(self, arrays: np.ndarray, names: list[str]) -> dict[str, tuple[pa.Array, dict[str, Any]]]:
        import pyarrow as pa

        own, captions = self._split(arrays)
        made = self.of.columns(np.ascontiguousarray(own), names)
        return {**made, PROMPT: (pa.array(texts_of(captions), pa.string()), {"_type": "Value", "dtype": "string"})}

    def strict(self) -> Self:
        return replace(self, of=self.of.strict(), text=PROMPT)

    def plain(self) -> Self:
        return replace(self, of=self.of.plain(), text=PROMPT)


def columns_of(template: Template, key: str, schema: pa.Schema, what: str, field: str) -> list[str]:
    """The columns of a template. Raises DataError, with the file `key` and the field of the job, where one is not there
    once.
    """
    odd = next((name for name in template.columns if schema.names.count(name) != 1), None)
    if odd is not None:
        found = "no" if odd not in schema.names else "more than one"
        raise DataError(
            f"{key}: found {found} column {odd!r} for {what}, the columns are {listed(schema.names)}; "
            f"set {field} to one of them, or a template"
        )
    return list(template.columns)


def captions_of(template: Template, columns: pa.Table | pa.RecordBatch) -> list[Any]:
    """The text of each row of a table whose last columns are the template's; None where one has nothing, bytes where
    one is no UTF-8.
    """
    from genai.modalities._strings import strings_of

    names = template.columns
    found = [[_said(value) for value in strings_of(column)] for column in columns.columns[-len(names) :]]
    return [_filled(template, dict(zip(names, cells, strict=True))) for cells in zip(*found, strict=True)]


def _said(value: Any) -> Any:
    """A cell as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, str | bytes) else str(value)


def _filled(template: Template, cells: dict[str, Any]) -> Any:
    odd = [cell for cell in cells.values() if not isinstance(cell, str)]
    return odd[0] if odd else template.fill(cells)


def texts_of(captions: np.ndarray) -> list[str]:
    """The texts of (rows, length) uint8, which zeros end."""
    return [bytes(row).rstrip(b"\0").decode(errors="replace") for row in captions]


class _Bare:
    """Rows without their captions, as often as somebody asks for them."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        return (replace(row, value=row.value[0]) for row in self._rows)
