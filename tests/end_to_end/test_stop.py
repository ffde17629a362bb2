"""Runs that are stopped, killed, or met by a second one: nothing is lost, nobody is left behind."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.processes import descendants
from tests.processes import until as until_said

ENOUGH = (
    "--set",
    "generate.count=200000",
    "--set",
    "generate.part_rows=200",
    "--set",
    "generate.workers={min: 1, max: 2}",
)


@pytest.fixture
def start(genai):
    """Start `genai run` on the small job, and give it when it says `until`."""
    started = []

    def begin(*args, until="generate: "):
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "run", genai.job(), *args],
            cwd=genai.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        process.said = until_said(until, process)
        return process

    yield begin
    for process in started:
        for pid, _ in [*descendants(process.pid)]:
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.communicate()


def pieces(process):
    """All processes of a run, the command's own first."""
    return [process.pid, *(pid for pid, _ in descendants(process.pid))]


def gone(pids, patience=200):
    """Those that are there still when there was time to end."""
    for _ in range(patience):
        pids = [pid for pid in pids if _lives(pid)]
        if not pids:
            break
        with suppress(subprocess.TimeoutExpired):  # to tail, one that is dead and not yet waited for is alive
            subprocess.run(["tail", "--pid", str(pids[0]), "-f", "/dev/null"], timeout=2, check=False)
    return pids


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.ray
@pytest.mark.soak
def test_a_run_on_ray_that_is_stopped_keeps_its_parts_and_leaves_nobody(genai, start):
    """SIGTERM: it says what is safe and what to type, ends with 143, and none of its processes stays."""
    process = start(*ENOUGH, until="generate: 1 of")
    below = pieces(process)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    told = process.said + told
    assert process.returncode == 143, told
    assert "stopped by SIGTERM; everything finished is safe" in told
    assert "parts safe; dropped while they were made" in told
    assert "To go on: genai run" in told
    assert gone(below) == []
    assert list((genai.folder / "runs/tiny/datasets").glob("*/data/part-*"))


@pytest.mark.ray
@pytest.mark.soak
def test_a_command_that_is_killed_takes_its_driver_and_its_ray_along(start):
    """Whatever ended it, nothing runs on."""
    process = start(*ENOUGH, until="generate: 1 of")
    below = pieces(process)
    assert len(below) > 4
    process.kill()
    process.wait()
    assert gone(below) == []


def test_a_second_stop_ends_at_once(start):
    """The driver is killed where it will not end in order; the store is as it was."""
    process = start("--crew", "local", *ENOUGH, until="generate: 1 of")
    (driver,) = [pid for pid, title in descendants(process.pid) if "-m workers" in title]
    os.kill(driver, signal.SIGSTOP)  # it heeds nothing
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert gone([driver]) == []


def test_a_stop_that_comes_by_several_ways_is_one_stop(start):
    """From the store, from a cluster, from a scheduler that signals every process of a job."""
    process = start("--crew", "local", *ENOUGH, until="generate: 1 of")
    (driver,) = [pid for pid, title in descendants(process.pid) if "-m workers" in title]
    with suppress(ProcessLookupError):
        while process.poll() is None:
            os.kill(driver, signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped by SIGTERM; everything finished is safe" in told


def test_a_second_run_of_a_job_says_who_is_at_work_and_exits_75(genai, start):
    """Nothing is done by it, and the first one's story is not disturbed."""
    process = start("--crew", "local", *ENOUGH, until="generate: 1 of")
    told = genai("run", "tiny.yaml", "--crew", "local", *ENOUGH, code=75).stderr
    assert "is at work on it; nothing was done" in told
    (driver,) = [pid for pid, title in descendants(process.pid) if "-m workers" in title]
    assert f"(process {driver})" in told
    assert "Traceback" not in told
    assert process.poll() is None
    (run,) = (genai.folder / "runs/tiny/runs").iterdir()
    events = [json.loads(line) for path in (run / "events").glob("*") for line in path.read_text().splitlines()]
    assert "run_failed" not in {event["kind"] for event in events}


@pytest.mark.soak
def test_two_runs_at_once_without_a_lease_seal_one_dataset(genai, finished, start):
    """On purpose: they write the same bytes, and both end well."""
    first = start("--crew", "local", "--no-lease", until="run tiny")
    second = genai.json("run", "tiny.yaml", "--crew", "local", "--no-lease")
    assert first.wait(120) == 0
    assert second["digest"] == finished.json("run", "tiny.yaml")["digest"]
    assert "0 problem(s)" in genai("verify", "tiny.yaml", "--deep").stdout
