"""The crew of one process."""

import subprocess
import sys

import pytest

from genai.errors import InputError
from jobs.crew import TrainTask
from tests.jobs.scripted import job
from workers.local import LocalCrew


def test_it_does_without_ray():
    """Neither the crew nor the composition root imports Ray before a job needs it; and a driver that has others train,
    or prepare, imports no torch: that takes seconds.
    """
    code = """
import sys, workers.local, workers.__main__
assert not {"ray", "torch"} & set(sys.modules)
import workers.crew, workers.hand, workers.preparer
assert "torch" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_plain_ddp_needs_ray():
    """There is no group to average over."""
    task = TrainTask(job("train.reduction=ddp"), "1" * 16, "0" * 16)
    with pytest.raises(InputError, match=r"train\.reduction: found ddp without Ray"):
        LocalCrew().train(task, print)
