"""Modalities whose values are files: in a table a column of bytes, or of `struct<bytes, path>`, which is what Hugging
Face datasets writes for images and recordings. The column is the one that has the modality's name, else the only one
that can hold files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from genai.errors import DataError, listed
from genai.modalities import Modality

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class OfFiles(Modality):
    """A row is a file."""

    #: name of the published column
    column: ClassVar[str]
    #: its Hugging Face feature
    feature: ClassVar[str]

    def picked(self, key: str, schema: pa.Schema) -> list[str]:
        able = [field.name for field in schema if self._holds(field.type)]
        if able.count(self.column) == 1:
            able = [self.column]
        if len(able) != 1 or schema.names.count(able[0]) != 1:
            columns = listed([f"{field.name} ({field.type})" for field in schema])
            raise DataError(
                f"{key}: found {len(able) or 'no'} columns that can hold {self.noun}s, the columns are {columns}; "
                f"allowed: one of binary or struct<bytes: binary, …>, or one of these named {self.column}; "
                "columns of numbers and texts are rows of data.modality: table"
            )
        return able

    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        from pyarrow import types

        (found,) = columns.columns
        if types.is_struct(found.type):
            found = found.flatten()[found.type.get_field_index("bytes")]  # null where the whole struct is
        return list(found.to_pylist())

    def _holds(self, kind: pa.DataType) -> bool:
        """Whether a column of this type may hold them."""
        return _holds_files(kind)

    @property
    def published(self) -> tuple[str, ...]:
        return (self.column,)

    def columns(self, arrays: np.ndarray, names: list[str]) -> dict[str, tuple[pa.Array, dict[str, Any]]]:
        import pyarrow as pa

        fields = [pa.array(self.cells(arrays), pa.binary()), pa.array(names, pa.string())]
        return {self.column: (pa.StructArray.from_arrays(fields, names=["bytes", "path"]), {"_type": self.feature})}


def _holds_files(kind: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _is_binary(field.type) for field in kind)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))
