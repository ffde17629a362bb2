"""Samples of each kind that a part can hold: gray and coloured, labelled and not, and none at all."""

from dataclasses import dataclass

import numpy as np
import pytest

from genai.formats import About, Samples
from genai.modalities.image import Image

CLASSES = ("cat", "dog", "Ünïcørn")


@dataclass(frozen=True)
class Case:
    samples: Samples
    about: About


def make(rows: int = 50, mode: str = "L", classes: tuple[str, ...] = CLASSES, start: int = 100) -> Case:
    """`rows` images of 8x8, indices from `start`, classes in turn."""
    modality = Image(size=8, mode=mode)
    indices = np.arange(start, start + rows)
    arrays = np.random.default_rng(start).integers(0, 256, (rows, *modality.array_shape), dtype=np.uint8)
    labels = indices % len(classes) if classes else None
    about = About(modality, "c" * 64, 7, "k" * 16, "genai-jobs 0.1.0", classes, {"job": "animals"})
    return Case(Samples(indices, labels, arrays), about)


@pytest.fixture(scope="session")
def maker():
    """Makes cases of a test's own."""
    return make


@pytest.fixture(
    params=[{}, {"mode": "RGB"}, {"classes": ()}, {"rows": 0}, {"rows": 1, "start": 2**40}],
    ids=["gray", "colour", "unlabelled", "empty", "one far away"],
)
def case(request):
    return make(**request.param)
