"""A short storm; the long one is `python benchmarks/storm.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = ["worker killed", "driver killed", "503", "lost_answer", "cut_response", "full_disk"]


@pytest.mark.ray
@pytest.mark.s3
@pytest.mark.soak
def test_the_dataset_of_a_storm_is_that_of_a_quiet_run():
    """A Ray of three nodes, an S3 server behind a wire that fails, workers and drivers that are killed: equal digests
    to those of one quiet process, and nobody left behind.
    """
    small = ["--faults", "14", "--seed", "3", "--steps", "120", "--count", "20000", "--quiet-crew", "local"]
    done = subprocess.run(
        [sys.executable, "benchmarks/storm.py", *small, "--kinds", *KINDS],
        cwd=ROOT, capture_output=True, text=True, timeout=900,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "digests equal: yes" in done.stdout
    assert "workers left behind          0" in done.stdout
