"""Ten nights of one job, whoever starts it: who is asked, and what must be there in the end.

The program that a scheduler is told to start is genai itself; around it stands one line of sh that says in a pipe with
which code it ended, since no cron tells.
"""

import json
import os
import select
import shlex
import signal
import sys
from datetime import date, timedelta
from pathlib import Path

from jobs import layout
from jobs.driver import run
from jobs.events import EventLog
from jobs.lease import Leases, keep
from jobs.resolve import job
from jobs.survey import survey
from tests.processes import named
from workers.local import LocalCrew

ROOT = Path(__file__).parents[2]
GENAI = str(Path(sys.executable).with_name("genai"))
NIGHTS = [str(date(2026, 11, 1) + timedelta(days=n)) for n in range(10)]
ROWS = 15_000
JOB = f"""\
name: nightly
output: runs
data: {{source: "sklearn://digits"}}
model: {{family: vae, backbone: dense, latent: 4, width: 16}}
train: {{steps: 20, batch: 16, micro_batches: 2}}
generate: {{count: {ROWS}, part_rows: 50, batch: 50}}
"""
PATIENCE = 180  # seconds


class Codes:
    """With which code each start ended, as it comes."""

    def __init__(self, folder):
        self.pipe, self.program = folder / "codes", folder / "genai of the tests"
        os.mkfifo(self.pipe)
        words = (shlex.quote(str(word)) for word in (GENAI, self.pipe))
        self.program.write_text('#!/bin/sh\n{} "$@"\ncode=$?\necho "$* $code" > {}\nexit $code\n'.format(*words))
        self.program.chmod(0o755)
        self._end = os.open(self.pipe, os.O_RDWR)  # so that it has an end whenever a start writes

    def next(self):
        """The date and the code of the start that ends next."""
        assert select.select([self._end], [], [], PATIENCE)[0], "nothing was started, or it does not end"
        words = os.read(self._end, 4096).decode().split()
        return words[-2], int(words[-1])

    def close(self):
        os.close(self._end)


def found(night):
    return survey(job("job.yaml", [f"logical_date={night}"]))


def drive(night, listen):
    """A run of our own for a night, by the driver in this process, and under its lease."""
    at = found(night)
    run_id = layout.run_id(at.spec)
    with keep(Leases(at.store, run_id)) as leases:
        leases.take(run_id)
        at.store.put(layout.run(run_id), at.spec.to_yaml().encode())
        with EventLog(at.store, run_id, listen) as events:
            run(at, LocalCrew(), events, leases=leases)


def kill(night):
    """What genai runs for a night ends as it would with its machine; the line of sh around it lives to tell."""
    for pid in named(f"--logical-date {night}"):
        if not Path(f"/proc/{pid}/cmdline").read_text().startswith("/bin/sh\0"):
            os.kill(pid, signal.SIGKILL)


def complete():
    """The nights that have their dataset."""
    return [night for night in NIGHTS if found(night).complete]


def check_ten_datasets():
    """Each there once, whole, and another than the others'."""
    assert complete() == NIGHTS
    store = found(NIGHTS[0]).store
    keys = [entry.key for entry in store.list()]
    results = [json.loads(store.get(key)) for key in keys if key.endswith("/result.json")]
    assert sorted(result["logical_date"] for result in results) == NIGHTS
    assert [result["rows"] for result in results] == [ROWS] * 10
    assert len({result["dataset"] for result in results}) == len({result["digest"] for result in results}) == 10
    assert sorted(key for key in keys if key.endswith("_SUCCESS") and key.startswith("datasets/")) == sorted(
        f"datasets/{result['dataset']}/_SUCCESS" for result in results
    )
    assert len([key for key in keys if key.endswith("model.safetensors")]) == 1
