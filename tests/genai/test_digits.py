"""The digits that the project carries for its quick start."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genai.modalities.image import Image
from genai.prepare import Terms, gather
from genai.sources import open_source
from jobs.stores import open_store

DATA = Path(__file__).parents[2] / "examples/data"
MNIST = Path(os.environ.get("GENAI_TEST_DATA", Path(__file__).parents[3] / "shared/data")) / "mnist/train.parquet"


def test_the_readme_states_the_digest_of_the_file():
    """Who changes the file has to say so."""
    assert hashlib.sha256((DATA / "digits.parquet").read_bytes()).hexdigest() in (DATA / "README.md").read_text()


def test_a_thousand_of_each_class_fall_on_all_sides(tmp_path):
    """10,000 digits of 28x28, whose splits have about their shares of each class."""
    source = open_source(str(DATA / "digits.parquet"), "label", open_store)
    prepared = gather([source], [], Image(), Terms({"train": 0.8, "validation": 0.1, "test": 0.1}), lambda *_: None)
    assert prepared.classes == tuple("0123456789")
    assert prepared.modality.shape == (1, 28, 28)
    counts = [split.labels for split in prepared.splits.values()]
    assert [sum(labels) for labels in zip(*counts, strict=True)] == [1000] * 10
    assert all(750 < train < 850 for train in counts[0])


@pytest.mark.skipif(not MNIST.exists(), reason=f"set GENAI_TEST_DATA: there is no {MNIST}")
def test_the_script_cuts_the_same_file(tmp_path):
    """The file is what the script in the repository makes of MNIST."""
    script = shutil.copy(DATA / "cut_digits.py", tmp_path)
    subprocess.run([sys.executable, script, MNIST], check=True, timeout=120, capture_output=True)
    assert (tmp_path / "digits.parquet").read_bytes() == (DATA / "digits.parquet").read_bytes()
