"""Rows that a test makes up, as a source of the real kind of protocol."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from genai.sources import Fragment, Row, Source


class Listed(Source):
    """Rows given as (value, label) in fragments, each fragment a file of its own name."""

    def __init__(self, files: dict[str, list], names: list[str] | None = None) -> None:
        super().__init__(None, "", "label")
        self.rows, self.declared = files, names

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(key, len(rows), "1") for key, rows in self.rows.items()]

    def fragments(self) -> list[Fragment]:
        return [Fragment(key, 0, len(rows)) for key, rows in self.rows.items()]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        for number, (value, label) in enumerate(self.rows[fragment.key]):
            yield Row(value, label, f"{fragment.key} row {number}")

    def names(self) -> list[str] | None:
        return self.declared


@pytest.fixture(scope="session")
def listed() -> type[Listed]:
    """A source of rows that the test lists."""
    return Listed


@pytest.fixture(scope="session")
def pictures() -> Callable[..., list]:
    """`count` different 2x2 images, in turn of each of the labels."""

    def make(count: int, labels: tuple = ("a", "b"), start: int = 0) -> list:
        values = np.arange(start, start + count, dtype="<u4").view(np.uint8).reshape(count, 2, 2)
        return [(value, labels[i % len(labels)]) for i, value in enumerate(values)]

    return make
