"""Training over several machines, of which one is lost."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.soak]


def test_a_lost_machine_that_none_replaces_changes_no_bit(tmp_path):
    """It takes worker 0 along, which is named; training goes on with one worker less from the last state."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.workers.elastic", tmp_path], capture_output=True, text=True, timeout=280
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    told = found["told"]

    assert found["struck"] == found["alone"]
    assert [event["workers"] for event in told if event["kind"] == "train_started"] == [2, 1]
    assert [event["step"] >= 100 for event in told if event["kind"] == "train_again"] == [True]
    assert [event["stage"] for event in told if event["kind"] == "worker_lost"] == ["train"]
