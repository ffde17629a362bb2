"""Modalities: what a row is, and how it becomes a tensor and back, one file each.

A modality is a frozen dataclass; its fields are what the spec may say under `data.modality:`. Torch is
imported inside methods only.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from genai.errors import DataError, InputError
from genai.registry import rebuild
from genai.space import Space

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from torch import Tensor

    from genai.cut import Cut
    from genai.look import Figure, Look
    from genai.sources import Row


ARRAY_BYTES = 1 << 28  # of one row: more than the largest image has


class Modality(ABC):
    """Values of a source <-> arrays <-> tensors <-> columns of a published part.

    A *value* is a row as a source gives it: what is in the columns that `picked` names, or the bytes of a file. An
    *array* is its prepared form: bytes (NumPy, uint8) of one shape for the whole dataset, small enough to train from
    (images: height x width x channels), by which a row is known; what they mean is the modality's own business.
    """

    #: what a row is called in messages
    noun: ClassVar[str]
    #: endings, in small letters, of the files that hold one row each
    files: ClassVar[tuple[str, ...]] = ()
    #: how the name of a published cell ends
    suffix: ClassVar[str]
    #: whether its tensors are tokens; else numbers
    tokens: ClassVar[bool] = False
    #: how many axes a tensor has: 3 of a picture, 1 of a row of numbers without an order
    axes: ClassVar[int] = 3
    #: whether each row has a text that it is drawn under, in place of a class
    captions: ClassVar[bool] = False

    @property
    def bare(self) -> Modality:
        """What a row is without its caption."""
        return self

    @abstractmethod
    def picked(self, key: str, schema: pa.Schema) -> list[str]:
        """The columns of a table that hold a row's value; the label's column is not in `schema`. Raises DataError,
        with the file `key`, where they cannot be told.
        """

    @abstractmethod
    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        """The value of each row of the picked columns, in the order of `picked`; None where there is none."""

    @property
    def cut(self) -> Cut | None:
        """How files of text are cut into its rows; None where its rows are no texts."""
        return None

    @abstractmethod
    def resolve(self, value: Any) -> Self:
        """This modality with everything that the spec left open settled by one value."""

    def settle(self, rows: Iterable[Row]) -> Self:
        """This modality with everything that the spec left open settled by the rows of the source that have no error:
        by the first that can be used, unless a kind has to see them all, perhaps twice: `rows` may be walked again.
        What it settles must not depend on the order of the rows then. Raises DataError.
        """
        refused: DataError | None = None
        for row in rows:
            try:
                return self.resolve(row.value)
            except DataError as error:
                refused = refused or DataError(f"{row.where}: {error}")
        raise refused or DataError("found no row with a value and a label; allowed: at least one")

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one model tensor, channels first. Only of a resolved modality."""

    @property
    def space(self) -> Space:
        """What a family models. Only of a resolved modality."""
        return Space(self.shape)

    @property
    @abstractmethod
    def array_shape(self) -> tuple[int, ...]:
        """Shape of one prepared array (dtype is uint8). Only of a resolved modality."""

    @abstractmethod
    def decode(self, value: Any) -> tuple[np.ndarray, bytes]:
        """A value as its array, and the 32-byte SHA-256 of what the row *is* (decoded pixels in their own size and
        mode, not the file that carries them), which decides the row's split and its place in the training order.
        Raises DataError (without the place: the caller knows it).
        """

    @abstractmethod
    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        """(rows, *array_shape) uint8 -> (rows, *shape) of `space`."""

    @abstractmethod
    def from_tensor(self, x: Tensor) -> np.ndarray:
        """(rows, *shape) -> (rows, *array_shape) uint8; values beyond [-1, 1] are clipped."""

    def under(self, arrays: np.ndarray, labels: np.ndarray) -> Tensor:
        """What rows are drawn under, as a network takes it: here their classes, (rows,) int64."""
        import torch

        return torch.from_numpy(labels)

    def asked(self, labels: np.ndarray, prompts: Sequence[str] | None) -> Tensor:
        """What rows that are to be drawn are drawn under, as `under` has it of rows that there are."""
        import torch

        return torch.from_numpy(labels)

    def prompts(self, arrays: np.ndarray) -> list[str]:
        """The text that each row was drawn under; none where rows have no captions."""
        return [""] * len(arrays)

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Raises InputError where rows cannot be drawn under these texts: here, under any."""
        if prompts:
            raise InputError(f"found prompts for {self.noun}s that have no captions; allowed: none")

    def told(self, arrays: np.ndarray, prompts: Sequence[str] | None) -> np.ndarray:
        """Drawn arrays with the texts that they were drawn under, for kinds that hold them."""
        return arrays

    @abstractmethod
    def cells(self, arrays: np.ndarray) -> list[bytes]:
        """Each array as a file of its own (an image: PNG). Same bytes for the same array."""

    @abstractmethod
    def looks(self, arrays: np.ndarray) -> list[Look]:
        """Each array as a person takes it in."""

    def figures(self, real: np.ndarray, synthetic: np.ndarray) -> list[Figure]:
        """What is seen of many rows only, real beside synthetic."""
        return []

    @property
    @abstractmethod
    def published(self) -> tuple[str, ...]:
        """The names of the published columns. Only of a resolved modality."""

    @abstractmethod
    def columns(self, arrays: np.ndarray, names: list[str]) -> dict[str, tuple[pa.Array, dict[str, Any]]]:
        """The published columns, with the Hugging Face feature of each (`{"_type": "Image"}`); `names` are those of
        the rows, for kinds whose cells are files. `values` and `decode` make the same arrays of them.
        """

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """The Hugging Face feature of each published column. Only of a resolved modality."""
        import numpy as np

        none = np.empty((0, *self.array_shape), np.uint8)
        return {name: feature for name, (_, feature) in self.columns(none, []).items()}

    def strict(self) -> Self:
        """This modality, resolved, for values that are of its form already: others are refused, not bent."""
        return self

    def plain(self) -> Self:
        """What of it is needed to read published columns: said in each part."""
        return self


def stored(found: dict[str, Any]) -> Modality:
    """The resolved modality that `registry.describe` told. Raises as `rebuild` does, and ValueError where it told none,
    or its rows would be larger than any. (The bounds of the fields are not looked at: data may be what no job file may
    ask for.)
    """
    if not isinstance(found, dict):
        told = f"found {str(found)[:100]!r} as what its rows are; allowed: a modality with its fields"
        raise ValueError(told)  # noqa: TRY004  # a fault of stored bytes, as the others
    made: Modality = rebuild(sys.modules[__name__], found, Modality, bounded=False)  # type: ignore[type-abstract]
    if min(made.array_shape) < 1 or max(prod(made.array_shape), prod(made.space.shape)) > ARRAY_BYTES:
        raise ValueError(f"found rows of {made.array_shape}; allowed: at most {ARRAY_BYTES:,} bytes")
    return made
