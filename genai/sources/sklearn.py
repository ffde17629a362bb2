"""The datasets that scikit-learn carries: `sklearn://digits`, 1,797 digits of 8x8, and the tables `breast_cancer`,
`iris` and `wine`. The digits are pictures, and where rows of a table are wanted, 64 columns of whole numbers.

The 17 gray levels of a picture, 0 to 16, are spread over 0 to 255. Columns have their names in letters, digits and `_`;
the label's is `label`, with the names of the classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from genai.errors import DataError
from genai.modalities.image import Image
from genai.sources import Fragment, Row, Source
from genai.sources._columns import chosen, said

ROWS = {"breast_cancer": 569, "digits": 1797, "iris": 150, "wine": 178}
_LEVELS = 16


class SklearnSource(Source):
    """`sklearn://NAME`: one fragment, in memory."""

    scheme: ClassVar[str] = "sklearn"

    def fingerprint(self) -> list[tuple[str, int, str]]:
        self._check()
        return [(self.pattern, ROWS[self.pattern], f"scikit-learn {version('scikit-learn')}")]

    def fragments(self) -> list[Fragment]:
        self._check()
        if not self._is_pictures:
            chosen(f"sklearn://{self.pattern}", _table(self.pattern).schema, self._column, self.modality)
        return [Fragment(self.pattern, 0, ROWS[self.pattern])]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        rows = self._pictures() if self._is_pictures else self._rows()
        for number, (value, label, error) in enumerate(rows):
            yield Row(value, label, f"sklearn://{fragment.key} row {number}", error)

    def names(self) -> list[str] | None:
        if self._is_pictures or self.label is None:
            return None
        return [str(name) for name in _loaded(self.pattern).target_names]

    @property
    def _is_pictures(self) -> bool:
        return self.pattern == "digits" and isinstance(self.modality, Image)

    @property
    def _column(self) -> str:
        return self.label or "label"  # which is no value, also where nobody asks for it

    def _pictures(self) -> Iterator[tuple[Any, int | str | None, str | None]]:
        bunch = _loaded(self.pattern)
        images = np.rint(bunch.images * (255 / _LEVELS)).astype(np.uint8)
        for image, digit in zip(images, bunch.target, strict=True):
            yield image, None if self.label is None else int(digit), None

    def _rows(self) -> Iterator[tuple[Any, int | str | None, str | None]]:
        table = _table(self.pattern)
        value, label = chosen(f"sklearn://{self.pattern}", table.schema, self._column, self.modality)
        (batch,) = table.combine_chunks().to_batches()
        labels = batch.column(label) if self.label else None
        return said(batch.select(value), labels, self.names(), self.modality)

    def _check(self) -> None:
        if self.pattern not in ROWS:
            allowed = ", ".join(f"sklearn://{name}" for name in ROWS)
            raise DataError(f"found sklearn://{self.pattern}; allowed: {allowed}")
        if self.label not in {None, "label"}:
            raise DataError(f"sklearn://{self.pattern}: found no column {self.label!r}; allowed: label, or null")


def _loaded(name: str) -> Any:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")()


def _table(name: str) -> pa.Table:
    bunch = _loaded(name)
    columns = {
        re.sub(r"\W+", "_", str(column)).strip("_"): bunch.data[:, i] for i, column in enumerate(bunch.feature_names)
    }
    return pa.table({**columns, "label": pa.array(bunch.target, pa.int64())})
