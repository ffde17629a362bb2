"""A published dataset and real rows to mix it with."""

from pathlib import Path

import pytest

from tests.genai.augment.made import real_rows, sealed


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the module's datasets lie; not to be changed by a test."""
    return tmp_path_factory.mktemp("augment")


@pytest.fixture(scope="module")
def published(folder):
    """500 samples of three classes in six parts, the last one short."""
    return sealed(folder, 500, 90)


@pytest.fixture(scope="module")
def real(folder):
    """211 real rows, unevenly of the three classes."""
    return real_rows(folder / "real.parquet", ["cat"] * 120 + ["cow"] * 60 + ["dog"] * 31)
