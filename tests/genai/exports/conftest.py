"""A piece of real digits, as exports get it."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from genai.exports import Piece
from genai.formats import About, Samples
from genai.modalities.image import Image

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture(scope="session")
def piece():
    """Forty digits, with a split."""
    found = load_digits()
    arrays = (found.images[:40, :, :, None] * 15.9).astype(np.uint8)
    samples = Samples(np.arange(100, 140), found.target[:40].astype(np.int64), arrays)
    modality = Image(size=8, mode="L").resolve(arrays[0])
    return Piece(samples, About(modality, "c" * 64, 7, "k", "genai", CLASSES), "part-00001", "train")
