"""Dated runs as a schedule makes them: backfilled, checked for freshness, bounded in time, stopped."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import jobs
from genai.errors import DeadlinePassed, InputError
from tests.end_to_end.conftest import Genai
from tests.processes import until

NIGHTLY = """\
name: nightly
output: out
model: {{family: vae, checkpoint: "{checkpoint}"}}
generate: {{count: 100, part_rows: 40, batch: 32}}
"""
ENDLESS = ("--set", "train.steps=1000000", "--crew", "local")


@pytest.fixture(scope="module")
def nightly(finished, tmp_path_factory):
    """A folder with a job that pins the checkpoint of the finished run: a night takes a second."""
    made = Genai(tmp_path_factory.mktemp("nightly"))
    checkpoint = next((finished.folder / "runs/tiny/checkpoints").iterdir())
    (made.folder / "job.yaml").write_text(NIGHTLY.format(checkpoint=checkpoint))
    return made


def nights(genai, first, last, *args, code=0):
    told = genai("backfill", "job.yaml", "--from", first, "--to", last, "--crew", "local", "--json", *args, code=code)
    return json.loads(told.stdout)


def test_a_backfill_makes_each_date_once(nightly):
    """Its own dataset for each, of its own samples; what is complete is skipped when the next backfill overlaps, and
    has its card.
    """
    first = nights(nightly, "2026-11-01", "2026-11-02", "--max-parallel", "2")
    made = Path(next(run["path"] for run in nightly.json("list", "--output", "out") if run["run"] == first[1]["run"]))
    (made / "README.md").unlink()
    again = nights(nightly, "2026-11-02", "2026-11-03")
    assert [night["state"] for night in first] == ["done"] * 2
    assert [night["state"] for night in again] == ["complete already", "done"]
    assert (made / "README.md").is_file()
    runs = nightly.json("list", "--output", "out")
    assert sorted(run["logical_date"] for run in runs) == [f"2026-11-0{day}" for day in (1, 2, 3)]
    assert len({run["digest"] for run in runs}) == len({run["dataset"] for run in runs}) == 3
    assert {run["checkpoint"] for run in runs} == {runs[0]["checkpoint"]}
    assert "for 2026-11-01" in nightly("list", "--output", "out").stdout


def test_a_date_that_fails_keeps_no_other_from_running(nightly, finished):
    """The exit code is that of the failure, and its error is told."""
    whole = next((finished.folder / "runs/tiny/checkpoints").iterdir())
    (nightly.folder / "by-date").mkdir()
    (nightly.folder / "by-date/2026-10-02").symlink_to(whole)
    found = nights(nightly, "2026-10-01", "2026-10-02", "--set", "model.checkpoint=by-date/{{ logical_date }}", code=2)
    assert [night["state"] for night in found] == ["failed", "done"]
    assert "there is no config.json with its model.safetensors at" in found[0]["why"]


def test_freshness_is_an_exit_code(nightly):
    """Of the newest run of the job that was done, whatever date it was for."""
    nights(nightly, "2026-09-01", "2026-09-01")
    assert nightly("status", "job.yaml", "--max-age", "26h").stderr == ""
    told = nightly("status", "job.yaml", "--max-age", "0", code=1).stderr
    assert "h ago; allowed: within 0 h (--max-age)" in told
    assert (
        "no run was done yet" in nightly("status", "job.yaml", "--set", "name=other", "--max-age", "1h", code=1).stderr
    )


def test_a_run_out_of_time_ends_in_order(genai):
    """With exit code 124, its steps told, and the command that goes on."""
    told = genai("run", genai.job(), *ENDLESS, "--timeout", "4s", code=124).stderr
    assert "stopped by its deadline (--timeout); everything finished is safe" in told
    assert "To go on: genai run" in told


def test_a_run_is_stopped_by_its_name(genai):
    """From another shell, by what the store says of who drives it."""
    line = [sys.executable, "-m", "jobs", "run", genai.job(), *ENDLESS]
    with subprocess.Popen(line, cwd=genai.folder, text=True, stderr=subprocess.PIPE) as process:
        until("train: step", process)
        shown = genai.json("status", "tiny.yaml", *ENDLESS[:2])
        assert shown["state"] == "at work"
        assert genai.json("stop", shown["run"])["stopped"] is True
        process.communicate(timeout=60)
        assert process.returncode == 143
    assert "stopped by SIGTERM" in genai("logs", shown["run"]).stdout
    assert "nobody is at work on it" in genai("stop", shown["run"]).stdout


@pytest.mark.soak
def test_the_commands_are_functions(nightly, monkeypatch):
    """With the results of `--json`, the errors of the exit codes, and the events as they come."""
    monkeypatch.chdir(nightly.folder)
    heard = []
    done = jobs.run("job.yaml", logical_date="2026-08-01", crew="local", listener=heard.append)
    assert (done["rows"], heard[-1].kind) == (100, "run_done")
    assert jobs.status("job.yaml", logical_date="2026-08-01")["state"] == "done"
    spec = jobs.load("job.yaml", (nightly.folder / "job.yaml").read_text())
    assert [stage["complete"] for stage in jobs.plan(spec, logical_date="2026-08-01")["stages"]] == [True, True]
    assert jobs.run(spec, logical_date="2026-08-01", crew="local")["digest"] == done["digest"]
    with pytest.raises(DeadlinePassed) as caught:
        jobs.run(spec, overrides=["generate.count=10000000"], crew="local", timeout=6)
    assert caught.value.exit_code == 124
    with pytest.raises(InputError, match="allowed: the address of a Ray dashboard"):
        jobs.submit(spec, "head:8265", overrides=["generate.count=7"])
