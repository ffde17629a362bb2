"""What listens to a run hears of it, and whatever becomes of the listener, the run is the same."""

import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from jobs.events import KINDS, read
from jobs.listeners.webhook import SIGNATURE
from jobs.stores import open_store
from tests.digits import digits
from tests.end_to_end.conftest import TINY
from tests.hook import TRICKLE, hook

PAGE = Path(__file__).parents[2] / "docs/watching.md"
SMALL = """\
name: tiny
output: {output}
data: {{source: {digits}}}
model: {{family: vae, backbone: dense, latent: 2, width: 4}}
train: {{steps: 4, batch: 64, validate_every: 2}}
generate: {{count: 40, part_rows: 20, batch: 20}}
notify: {{webhook: {{url_env: HOOK, secret_env: HOOK_SECRET}}, openlineage: true, tensorboard: curves}}
"""


def told(genai):
    """The events of the one run in the folder."""
    (run,) = (genai.folder / "runs/tiny/runs").iterdir()
    return list(read(open_store(str(genai.folder / "runs/tiny")), run.name))


def surroundings(genai, server, **more):
    """A home without OpenLineage's settings, and those of this test."""
    lineage = {"type": "file", "log_file_path": str(genai.folder / "lineage.jsonl"), "append": True}
    return {
        "HOME": str(genai.folder), "HOOK": server.url, "HOOK_SECRET": "secret",
        "OPENLINEAGE__TRANSPORT": json.dumps(lineage), **more,
    }  # fmt: skip


def test_a_run_is_told_to_all_that_listen(genai):
    """The webhook gets the result, signed; lineage starts and completes; the curves are there; nothing failed."""
    with hook() as server:
        done = genai.json("run", genai.job(text=SMALL), "--crew", "local", **surroundings(genai, server))
    (received,) = server.received
    body = json.loads(received.body)
    (curves,) = (genai.folder / "curves").iterdir()

    assert {name: body[name] for name in ("kind", "run", "job", "digest", "rows", "path")} == {
        "kind": "run_done", "run": done["run"], "job": "tiny", "digest": done["digest"], "rows": 40,
        "path": done["path"],
    }  # fmt: skip
    assert received.headers[SIGNATURE] == f"sha256={hmac.new(b'secret', received.body, hashlib.sha256).hexdigest()}"
    lineage = [json.loads(line) for line in (genai.folder / "lineage.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in lineage] == ["START", "COMPLETE"]
    assert curves.name == done["run"]
    assert {"train/loss", "held_out/nelbo", "generate/rows"} <= set(
        EventAccumulator(str(curves)).Reload().Tags()["scalars"]
    )
    assert [event for event in told(genai) if event.kind.startswith("listener_")] == []


def test_listeners_that_hang_or_fail_change_nothing(genai, finished):
    """A webhook that trickles for ever, no lineage server, a folder that is a file: the same digest and exit code, each
    of the three named in the run's events and on the terminal.
    """
    (genai.folder / "curves").write_text("a file")
    notify = "notify: {{webhook: {{url_env: HOOK}}, openlineage: true, tensorboard: curves}}\n"
    with socket.socket() as bound, hook(TRICKLE) as server:
        bound.bind(("127.0.0.1", 0))
        nobody = json.dumps({"type": "http", "url": f"http://127.0.0.1:{bound.getsockname()[1]}"})
        around = surroundings(genai, server, OPENLINEAGE__TRANSPORT=nobody)
        done = genai("run", genai.job(text=TINY + notify), "--crew", "local", "--json", **around)
    result, before = json.loads(done.stdout), finished.json("run", "tiny.yaml")
    about = [event for event in told(genai) if event.kind.startswith("listener_")]

    assert len(server.received) == 1
    assert (result["digest"], result["run"]) == (before["digest"], before["run"])
    assert {event.fields["listener"] for event in about} == {"webhook", "openlineage", "tensorboard"}
    assert ("listener_dropped", {"listener": "webhook", "events": 1}) in [(one.kind, one.fields) for one in about]
    assert "webhook: too slow, 1 event not told" in done.stderr


def test_a_run_that_fails_is_told(genai):
    """By its error and exit code; the command then ends as it would have."""
    with hook() as server:
        around = surroundings(genai, server)
        job = genai.job(text=SMALL)
        genai(
            "run",
            job,
            "--crew",
            "local",
            "--set",
            "train.batch=9999",
            "--set",
            "train.micro_batches=1",
            code=2,
            **around,
        )
    (received,) = server.received
    body = json.loads(received.body)

    assert (body["kind"], body["exit_code"]) == ("run_failed", 2)
    assert "9,999" in body["error"] or "9999" in body["error"]
    lineage = [json.loads(line) for line in (genai.folder / "lineage.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in lineage] == ["START", "FAIL"]


def test_a_run_that_is_stopped_is_told(genai):
    """With the exit code of its signal; for lineage it is aborted, not failed."""
    with hook() as server:
        job = genai.job(text=SMALL.replace("count: 40", "count: 200000"))
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "run", job, "--crew", "local"], cwd=genai.folder, text=True,
            env={**os.environ, **surroundings(genai, server)}, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert any("generate: 1 of" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    (received,) = server.received
    body = json.loads(received.body)

    assert process.returncode == 143
    assert (body["kind"], body["exit_code"]) == ("run_failed", 143)
    assert [json.loads(line)["eventType"] for line in (genai.folder / "lineage.jsonl").read_text().splitlines()] == [
        "START", "ABORT",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["HOOK", "HOOK_SECRET"])
def test_what_is_missing_is_told_before_anything_begins(genai, name):
    """Exit code 2, the variable's name, and nothing written."""
    with hook() as server:
        around = surroundings(genai, server, **{name: ""})
        done = genai("run", genai.job(text=SMALL), "--crew", "local", code=2, **around)

    assert re.fullmatch(rf"error: notify\.webhook\.\w+: the environment variable {name} is not set.*\n", done.stderr)
    assert not (genai.folder / "runs").exists()


def test_a_driver_elsewhere_says_what_is_missing(genai):
    """A submitted run has the surroundings of its driver; one line of its events says why it ends."""
    job = genai.folder / "job.yaml"
    job.write_text(SMALL.format(output=genai.folder / "runs", digits=digits()))
    done = subprocess.run(
        [sys.executable, "-m", "workers", str(job), "--crew", "local"], capture_output=True, text=True, timeout=300,
        env={"PATH": "", "HOME": str(genai.folder)}, cwd=Path(__file__).parents[2],
    )  # fmt: skip

    assert done.returncode == 2
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == ["run_failed"]
    assert "the environment variable HOOK is not set" in done.stdout


def test_the_page_has_every_kind_of_event_and_every_metric():
    """Those of the code, and no other."""
    from workers import metrics

    page = PAGE.read_text()
    kinds = re.findall(r"^\| `(?!ray_)(\w+)` \|", page, re.MULTILINE)
    names = set(re.findall(r"`ray_(genai_\w+?)(?:_total|_bucket)?`", page))

    assert kinds == list(KINDS)
    assert names == {
        *metrics.GAUGES,
        *metrics.COUNTERS,
        *metrics.STAGE_GAUGES,
        *metrics.STAGE_COUNTERS,
        *metrics.SECONDS,
    }


def test_the_pages_receiver_tells_a_true_body_from_a_false_one():
    """Its snippet, run as it stands: a body of ours passes; a changed, an old, or an unsigned one does not."""
    from jobs.events import Event
    from jobs.listeners.webhook import Webhook

    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    made = {}
    exec(snippet, made)
    with hook() as server:
        Webhook("tiny-0123456789ab", "tiny", None, server.url, b"secret")(Event("run_done", 1000.0, {"rows": 40}))
    (received,) = server.received
    body, signature = received.body, received.headers[SIGNATURE]

    assert made["checked"](body, signature, b"secret", now=1010.0)["rows"] == 40
    for wrong in ((body + b" ", signature, b"secret"), (body, signature, b"other"), (body, "", b"secret")):
        with pytest.raises(ValueError, match="signature"):
            made["checked"](*wrong, now=1010.0)
    with pytest.raises(ValueError, match="old"):
        made["checked"](body, signature, b"secret", now=2000.0)
