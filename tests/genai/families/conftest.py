"""What the tests of several families share."""

import numpy as np
import pytest
import torch

from genai.testing.families import CLASSES, RECIPE


@pytest.fixture(scope="session")
def recipe():
    """Enough to see a loss fall."""
    return RECIPE


@pytest.fixture
def rows():
    """24 images of noise, (x, c)."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((24, 1, 8, 8), np.float32) * 2 - 1)
    return x, torch.arange(24) % len(CLASSES)
