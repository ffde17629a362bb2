"""Modalities: what a row is, and how it becomes a tensor and back, one file each.

A modality is a frozen dataclass; its fields are what the spec may say under `data.modality:`. Torch is
imported inside methods only.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from genai.registry import rebuild

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from torch import Tensor


ARRAY_BYTES = 1 << 28  # of one row: more than the largest image has


class Modality(ABC):
    """Rows <-> arrays <-> tensors <-> cells of a published part.

    A row's *array* is the prepared form: a NumPy array of one dtype and shape for the whole dataset, small
    enough to train from (images: uint8, height x width x channels).
    """

    #: name of the published column
    column: ClassVar[str]
    #: how the name of a published cell ends
    suffix: ClassVar[str]

    @abstractmethod
    def resolve(self, value: bytes | np.ndarray) -> Self:
        """This modality with everything that the spec left open settled by the first row of the source."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one model tensor, channels first. Only of a resolved modality."""

    @property
    @abstractmethod
    def array_shape(self) -> tuple[int, ...]:
        """Shape of one prepared array (dtype is uint8). Only of a resolved modality."""

    @abstractmethod
    def decode(self, value: bytes | np.ndarray) -> tuple[np.ndarray, bytes]:
        """A source value as its array, and the 32-byte SHA-256 of what the row *is* (decoded pixels in their
        own size and mode, not the file that carries them), which decides the row's split and its place in the
        training order. Raises DataError (without the place: the caller knows it).
        """

    @abstractmethod
    def to_tensor(self, arrays: np.ndarray) -> Tensor:
        """(rows, *array_shape) uint8 -> (rows, *shape) float32 in [-1, 1]."""

    @abstractmethod
    def from_tensor(self, x: Tensor) -> np.ndarray:
        """(rows, *shape) -> (rows, *array_shape) uint8; values beyond [-1, 1] are clipped."""

    @abstractmethod
    def cells(self, arrays: np.ndarray) -> list[bytes]:
        """Each array as the bytes that are published (an image: PNG). Same bytes for the same array."""

    @abstractmethod
    def arrow(self, cells: list[bytes], names: list[str]) -> tuple[pa.Array, dict[str, Any]]:
        """The published column and its Hugging Face feature (`{"_type": "Image"}`)."""


def stored(found: dict[str, Any]) -> Modality:
    """The resolved modality that `registry.describe` told. Raises what `rebuild` does, and ValueError where its rows
    would be larger than any. (The bounds of the fields are not looked at: data may be what no job file may ask for.)
    """
    made: Modality = rebuild(sys.modules[__name__], found, Modality, bounded=False)  # type: ignore[type-abstract]
    if min(made.array_shape) < 1 or prod(made.array_shape) > ARRAY_BYTES:
        raise ValueError(f"found rows of {made.array_shape}; allowed: at most {ARRAY_BYTES:,} bytes")
    return made
