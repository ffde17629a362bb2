"""The image dataset that scikit-learn carries: `sklearn://digits`, 1,797 digits of 8x8.

Its 17 gray levels, 0 to 16, are spread over 0 to 255.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from genai.errors import DataError
from genai.sources import Fragment, Row, Source

ROWS = {"digits": 1797}
_LEVELS = 16


class SklearnSource(Source):
    """`sklearn://NAME`: one fragment, in memory."""

    scheme: ClassVar[str] = "sklearn"

    def fingerprint(self) -> list[tuple[str, int, str]]:
        self._check()
        return [(self.pattern, ROWS[self.pattern], f"scikit-learn {version('scikit-learn')}")]

    def fragments(self) -> list[Fragment]:
        self._check()
        return [Fragment(self.pattern, 0, ROWS[self.pattern])]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = np.rint(bunch.images * (255 / _LEVELS)).astype(np.uint8)
        for row, (image, digit) in enumerate(zip(images, bunch.target, strict=True)):
            yield Row(image, None if self.label is None else int(digit), f"sklearn://{fragment.key} row {row}")

    def _check(self) -> None:
        if self.pattern not in ROWS:
            allowed = ", ".join(f"sklearn://{name}" for name in ROWS)
            raise DataError(f"found sklearn://{self.pattern}; allowed: {allowed}")
        if self.label not in {None, "label"}:
            raise DataError(f"sklearn://{self.pattern}: found no column {self.label!r}; allowed: label, or null")
