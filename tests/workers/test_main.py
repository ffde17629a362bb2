"""The composition root, as a process."""

import json
import signal
import subprocess
import sys

import pytest

from jobs import layout
from tests.digits import digits
from tests.jobs.scripted import job
from workers.__main__ import logical_cpus


def python(*arguments):
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_standard_output_is_events_alone():
    """What a library prints, by Python or below it, does not reach whoever reads the events."""
    code = """
import os
from jobs.events import Event
from workers.__main__ import _only_events
tell = _only_events()
print("from Python", flush=True)
os.system("echo from below")
tell(Event("run_started", 0.0))
"""
    with python("-c", code) as process:
        assert [json.loads(line)["kind"] for line in process.stdout] == ["run_started"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_driver_says_so_and_ends_with_its_code(number, code, tmp_path):
    """The stop is no failure of a shard to be tried again; what was made is in the store."""
    spec = job("generate.count=1000000", f"data.source={digits()}", output=str(tmp_path))
    store, key = layout.job_store(spec), layout.run(layout.run_id(spec))
    store.put(key, spec.to_yaml().encode())
    with python("-m", "workers", store.locate(key), "--crew", "local") as process:
        events = map(json.loads, process.stdout)
        assert any(event["kind"] == "part_done" for event in events)
        process.send_signal(number)
        *_, last = events
        assert process.wait(60) == code
    assert (last["kind"], last["exit_code"]) == ("run_failed", code)
    assert signal.Signals(number).name in last["error"]
    assert list(store.list("datasets/"))


@pytest.mark.parametrize(
    ("overrides", "least"),
    [([], 3), (["train.workers.count=2", "train.workers.cpu=8"], 18), (["generate.workers={max: 40, cpu: 0.5}"], 22)],
)
def test_a_ray_of_our_own_declares_enough_cpus(overrides, least):
    """For the larger stage, and two to spare for what Ray itself runs."""
    assert logical_cpus(job(*overrides)) >= least
