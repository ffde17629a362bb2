"""Who does the work, how many they are, and how often all of them are killed changes no bit of a dataset."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs import layout, ledger
from jobs.spec import load
from jobs.stores import open_store
from tests.digits import digits
from tests.processes import descendants

pytestmark = [pytest.mark.ray, pytest.mark.slow]

JOB = """\
name: tiny
output: {output}
data: {{source: {digits}}}
model: {{family: vae, backbone: dense, latent: 4, width: 16}}
train: {{steps: 300, batch: 64, validate_every: 150, checkpoint_every: 25, workers: {{count: {trainers}}}}}
generate: {{count: 250, part_rows: 10, batch: 10, workers: {{min: 1, max: {minters}}}}}
"""


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """A Ray of each run's own, which leaves nothing in the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def job(output, trainers=1, minters=1):
    """Write a job file where `genai run` does; its URI."""
    spec = load("job.yaml", JOB.format(output=output, digits=digits(), trainers=trainers, minters=minters))
    store, key = layout.job_store(spec), layout.run(layout.run_id(spec))
    store.put(key, spec.to_yaml().encode())
    return store.locate(key)


@contextmanager
def driver(uri, crew="ray"):
    """A driver at work; an iterator over its events."""
    command = [sys.executable, "-m", "workers", uri, "--crew", crew]
    with (
        Path(os.environ["HOME"], "words").open("ab") as words,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True, start_new_session=True) as process,
    ):
        try:
            yield process, map(json.loads, process.stdout)
        finally:
            kill_all(process)


def kill_all(process):
    """SIGKILL for the driver and each process below it, Ray's among them."""
    for number in [process.pid, *(child for child, _ in descendants(process.pid))]:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def finish(uri, crew="ray"):
    """Run to the end; the events."""
    with driver(uri, crew) as (process, events):
        told = list(events)
        assert process.wait(60) == 0, told[-1:]
    return told


def kill_at(uri, struck):
    """Run until an event of the kind `struck`, and kill everything; the first event of each kind by then."""
    first = {}
    with driver(uri) as (process, events):
        while struck not in first:
            event = next(events)
            first.setdefault(event["kind"], event)
        kill_all(process)
        assert not any(event["kind"] == "run_done" for event in events)
    return first


def published(output):
    """The parts of the one dataset below `output`, as its manifest and its files say they are."""
    store = open_store(output).child("tiny")
    (key,) = {entry.key.split("/")[1] for entry in store.list("datasets/") if entry.key.endswith("/_SUCCESS")}
    manifest = ledger.sealed(store, key)
    for part in manifest.parts:
        assert hashlib.sha256(store.get(layout.part(key, part.name))).hexdigest() == part.sha256
    return manifest.digest, manifest.checkpoint, [(part.name, part.sha256, part.content) for part in manifest.parts]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What one process makes, without Ray."""
    output = str(tmp_path_factory.mktemp("reference"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", output)
        finish(job(output), "local")
    digest, checkpoint, parts = published(output)
    assert len(parts) == 25
    return digest, checkpoint, parts


def test_killed_in_training_and_in_minting_it_goes_on(reference, tmp_path):
    """SIGKILL for the whole tree, twice: training goes on from its last state, minting makes what is missing; that by
    one process, after three.
    """
    output = str(tmp_path / "runs")
    uri = job(output, trainers=2, minters=3)
    saved = kill_at(uri, "state_saved")["state_saved"]
    assert 0 < saved["step"] <= kill_at(uri, "part_done")["train_started"]["step"] < 300
    told = finish(uri, "local")
    assert {event["stage"] for event in told if event["kind"] == "stage_reused"} == {"prepare", "train"}
    assert 0 < sum(event["kind"] == "part_done" for event in told) < 25
    assert published(output) == reference


@pytest.mark.s3
@pytest.mark.soak
@pytest.mark.parametrize(
    ("s3_server", "trainers", "minters"),
    [("moto", 2, 3), ("rclone", 1, 1)],
    indirect=["s3_server"],
)
def test_workers_and_object_storage_change_no_bit(trainers, minters, reference, s3_uri):
    """Several on Ray, on a server that heeds conditional writes, and one on a server that ignores them, publish what
    one process does in a folder.
    """
    finish(job(f"{s3_uri}/runs", trainers=trainers, minters=minters))
    assert published(f"{s3_uri}/runs") == reference
