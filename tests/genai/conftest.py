"""Rows that a test makes up, as a source of the real kind of protocol; real digits, and workers to train on them."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from genai.modalities.image import Image
from genai.order import Rows
from genai.recipe import Recipe
from genai.sources import Fragment, Row, Source
from genai.testing import exchanges
from genai.train import Trained, fit


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


@pytest.fixture(scope="session")
def together() -> Callable[..., list]:
    """`together(size, work)`: what `work(exchange)` gives on each of `size` workers that run at the same time."""
    return exchanges.together


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: what the tests' workers have, and quickest where there is little to compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Scikit-learn's 1,797 digits: uint8 (rows, 8, 8, 1), int64 (rows,)."""
    found = load_digits()
    return np.round(found.images * (255 / 16)).astype(np.uint8)[..., None], found.target.astype(np.int64)


@pytest.fixture(scope="session")
def train() -> Callable[..., Trained]:
    """`train(member, rows, recipe, **how)`: trained on 1,200 rows, validated and tested on others; on digits, unless
    the member has a modality.
    """

    def run(member: object, rows: tuple, recipe: Recipe, **how: object) -> Trained:
        arrays, labels = rows
        data = Rows(arrays[:1200], labels[:1200], recipe.batch, recipe.micro_batches, recipe.seed)
        validation, test = ((arrays[a:b], labels[a:b]) for a, b in ((1200, 1400), (1400, 1700)))
        modality = getattr(member, "modality", Image((8, 8), "L"))
        return fit(member.family, modality, 10, data, recipe, **{"validation": validation, "test": test, **how})

    return run
