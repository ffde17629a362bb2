"""Runs on a cluster: a real `ray start --head`, met through its job server as a user does."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.lease import holder_of
from jobs.resolve import resolve
from tests.heads import head
from tests.processes import until

pytestmark = pytest.mark.ray

LONG = ("--set", "train.steps=200000", "--set", "train.checkpoint_every=50")
PATIENCE_SECONDS = 200
#: a client whose Python has no torch
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from jobs.cli import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head of three CPUs."""
    with head(tmp_path_factory.mktemp("head"), cpus=3) as found:
        yield found


@pytest.fixture
def submit(genai, cluster):
    """`submit(*options)`: type `genai submit` on the small job."""
    genai.job(output=str(genai.folder / "runs"))

    def typed(*args, code=0):
        return genai("submit", "tiny.yaml", "--address", cluster.address, *args, code=code, **cluster.environment)

    return typed


@pytest.fixture
def began(genai, cluster):
    """`began(*options)`: `genai submit --follow` as a process of a client without torch, once it trains."""
    started = []

    def typed(*args):
        line = [
            sys.executable,
            "-c",
            WITHOUT_TORCH,
            "submit",
            genai.job(output=str(genai.folder / "runs")),
            "--address",
            cluster.address,
            *args,
        ]
        process = subprocess.Popen(
            line, cwd=genai.folder, env={**os.environ, **cluster.environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        threading.Timer(PATIENCE_SECONDS, process.kill).start()
        started.append(process)
        process.said = until("train: step", process)
        return process

    yield typed
    for process in started:
        process.kill()
        process.communicate()


def target(genai, *overrides):
    return resolve(str(genai.folder / "tiny.yaml"), overrides=[word for word in overrides if word != "--set"])


def driver(genai, *overrides):
    """Who drives the run."""
    found = target(genai, *overrides)
    return holder_of(found.store, found.run_id)


@pytest.mark.soak
def test_a_run_whose_driver_is_lost_goes_on_when_it_is_submitted_again(genai, submit, began, cluster, finished):
    """The client, which has no torch, ends with the driver's own code; the dataset is that of a local run."""
    steps = ("--set", "train={steps: 600, batch: 64, validate_every: 300, checkpoint_every: 100}")
    process = began(*steps)
    os.kill(driver(genai, *steps).pid, signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGKILL, told
    assert "everything finished is safe. To go on: genai submit" in told
    shown = json.loads(submit(*steps, "--json").stdout)
    genai("run", "tiny.yaml", *steps, "--set", "output=here", "--crew", "local")
    alone = genai.json("status", "tiny.yaml", *steps, "--set", "output=here")
    assert shown["digest"] == alone["digest"]
    assert "train: 600 steps" in genai("logs", shown["run"]).stdout
    assert submit(*steps).stderr.endswith("complete already, nothing to do\n")


@pytest.mark.soak
def test_one_of_several_that_submit_at_once_begins_and_all_are_told(genai, submit):
    """The others find it at work; a stop ends it in order, from a word in the store and one to the cluster."""
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: submit(*LONG, "--detach").stderr, range(4)))
    assert sorted("submitted to" in text for text in told) == [False, False, False, True]
    assert sum("already" in text for text in told) == 3
    run = target(genai, *LONG).run_id
    while "prepare: " not in genai("logs", run).stdout:
        pass
    assert genai.json("status", run)["state"] == "at work"
    assert genai.json("stop", run)["stopped"] is True
    assert "stopped by SIGTERM; everything finished is safe" in genai("logs", run).stdout
    assert genai.json("stop", run)["was"] == "not at work"


@pytest.mark.soak
def test_a_run_that_waits_for_room_can_be_stopped(genai, submit, began, cluster):
    """It asks for what another has in hand, and ends at once; the other goes on."""
    other = began(*LONG, "--set", "train.workers.cpu=3")
    waiting = (*LONG, "--set", "name=waits", "--set", "train.workers.cpu=2")
    submit(*waiting, "--detach")
    while not driver(genai, *waiting):
        pass
    assert genai.json("stop", "tiny.yaml", *waiting, **cluster.environment)["stopped"] is True
    assert driver(genai, *LONG, "--set", "train.workers.cpu=3")
    genai("stop", "tiny.yaml", *LONG, "--set", "train.workers.cpu=3", **cluster.environment)
    _, told = other.communicate(timeout=60)
    assert other.returncode == 128 + signal.SIGTERM, told


@pytest.mark.soak
def test_the_commands_of_the_page_run(genai, cluster):
    """As they stand in docs/submit.md, one after another."""
    page = (Path(__file__).parents[2] / "docs/submit.md").read_text()
    (genai.folder / "job.yaml").write_text(re.search(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1])
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    script = "\n".join(blocks).replace("http://127.0.0.1:8265", cluster.address)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script], cwd=genai.folder, capture_output=True, text=True, timeout=300,
        env={**os.environ, **cluster.environment, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "500 samples in 5 parts" in done.stdout
    assert "generate: 10 of 10 parts" in done.stdout + done.stderr
    assert done.stdout.endswith("nobody is at work on it\n")


def test_what_the_cluster_can_never_give_is_said_before_anything_is_sent(submit):
    """With what is asked for and what is there."""
    told = submit("--set", "train.workers.gpu=1", code=2).stderr
    assert "train.workers: found 1 worker(s) of 1 CPU and 1 GPU; the cluster at http://127.0.0.1:" in told
    assert "has 3 CPU and 0 GPU on 1 machine(s), room for 0" in told
    assert "generate.workers: found" in submit("--set", "generate.workers.cpu=9", code=2).stderr


@pytest.mark.soak
def test_a_lost_head_leaves_all_that_is_finished(genai, tmp_path_factory):
    """Status and logs tell of it from the store alone, with the command that goes on; on another head it ends."""
    genai.job(output=str(genai.folder / "runs"))
    many = ("--set", "generate.part_rows=200", "--set", "generate.count=40000")
    with head(tmp_path_factory.mktemp("lost"), cpus=3) as cluster:
        genai("submit", "tiny.yaml", "--address", cluster.address, "--detach", *many, **cluster.environment)
        while genai.json("status", "tiny.yaml", *many, **cluster.environment)["stages"][2]["done"] < 3:
            pass
        cluster.kill()
        told = genai.json("status", "tiny.yaml", *many, **cluster.environment)
    assert told["state"] == "head lost"
    assert " of 200 parts are safe; go on with genai submit " in told["error"]
    assert "generate: " in genai("logs", "tiny.yaml", *many).stdout
    genai("run", "tiny.yaml", *many, "--crew", "local")


def test_addresses_that_lead_nowhere(genai):
    """Each is one line that says what is allowed."""
    genai.job(output=str(genai.folder / "runs"))

    def refused(address):
        return genai("submit", "tiny.yaml", "--address", address, code=2).stderr

    assert "found 'head:8265'; allowed: the address of a Ray dashboard, such as http://head:8265" in refused(
        "head:8265"
    )
    assert "no Ray job server answers at http://127.0.0.1:9" in refused("http://127.0.0.1:9")
