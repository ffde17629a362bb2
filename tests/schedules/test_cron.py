"""Ten nights by Debian's own cron, whose clock is put on from one night to the next.

It has its folders from a mount namespace of its own, so that it sees no other crontab of this machine, and its clock
from libfaketime. What it starts has the machine's clock, but for `date`, which tells cron's.
"""

import os
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genai.errors import LeaseHeld
from jobs.commands.schedule import command as schedule
from tests.processes import named
from tests.schedules.play import GENAI, NIGHTS, ROOT, check_ten_datasets, complete, drive, found, kill

pytestmark = pytest.mark.slow
CRON = ROOT / ".cron"
MISSED, KILLED, MET = NIGHTS[2], NIGHTS[4], NIGHTS[7]
MOUNTED = """\
set -e
mount -t tmpfs none /var/spool
mkdir -p -m 1730 /var/spool/cron/crontabs
install -m 600 "$1" /var/spool/cron/crontabs/root
mount -t tmpfs none /etc/cron.d
mount -t tmpfs none /run
mount --bind "$3/etc/pam.d/cron" /etc/pam.d/other
exec env $4 "$2" -f -L 15
"""


def faketime():
    places = [*CRON.glob("usr/lib/*/faketime/libfaketime.so.1"), *Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
    return next(iter(places), None)


@pytest.fixture
def clock(tmp_path):
    """A clock of its own: `clock.put(moment)`; its environment gives it to a process."""

    class Clock:
        file = tmp_path / "offset"
        environment = (f"LD_PRELOAD={faketime()}", f"FAKETIME_TIMESTAMP_FILE={file}", "FAKETIME_NO_CACHE=1", "TZ=UTC")

        def put(self, moment):
            self.file.write_text(
                f"{datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() - time.time():+.3f}\n"
            )

    return Clock()


@pytest.fixture
def cron(tmp_path, clock, codes):
    """`cron(crontab)` starts it; then each `night(date)` is two in the morning."""
    program = shutil.which("cron", path=CRON / "usr/sbin") or shutil.which("cron", path="/usr/sbin")
    if not program or not faketime() or os.geteuid() != 0:
        pytest.skip("needs root, Debian's cron and libfaketime")
    started = []

    def start(crontab):
        shown = tmp_path / "bin/date"
        shown.parent.mkdir()
        shown.write_text(f'#!/bin/sh\nexec env {" ".join(clock.environment)} /bin/date "$@"\n')
        shown.chmod(0o755)
        installed = tmp_path / "installed"
        begun = f"@reboot echo begun 0 > '{codes.pipe}'"
        installed.write_text(f"PATH={shown.parent}:/usr/bin:/bin\n{crontab}{begun}\n")
        words = ["unshare", "--mount", "sh", "-c", MOUNTED, "sh", installed, program, CRON, " ".join(clock.environment)]
        clock.put("2026-10-31 12:00")
        log = (tmp_path / "cron.log").open("w")
        started.append(subprocess.Popen(words, stdout=log, stderr=log))
        assert codes.next() == ("begun", 0)

        def night(date):
            clock.put(f"{date} 02:00:01")
            os.kill(started[0].pid, signal.SIGCHLD)  # it looks at its clock

        return night

    yield start
    for process in started:
        for pid in named("genai", process.pid):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()


def test_ten_nights(cron, codes, folder):
    """One is missed, one killed half way, one meets another run: ten datasets in the end, each made once."""
    words = ["job.yaml", "--target", "cron", "--at", "0 2 * * *", "--crew", "local", "--genai", str(codes.program)]
    schedule([*words, "-o", "made"], standalone_mode=False)
    night = cron((folder / "made/genai-nightly.crontab").read_text())
    log = folder / "nightly.log"

    for date in NIGHTS[:2]:
        night(date)
        assert codes.next() == (date, 0)
    # MISSED: the machine is off
    night(NIGHTS[3])
    assert codes.next() == (NIGHTS[3], 0)

    with subprocess.Popen(["tail", "-n", "0", "-F", log], text=True, stdout=subprocess.PIPE) as lines:
        night(KILLED)
        for line in lines.stdout:
            if line.startswith("generate: ") and "of" in line.split() and not line.startswith("generate: 0 "):
                break
        kill(KILLED)
        assert codes.next() == (KILLED, 137)
        lines.terminate()
    assert 0 < len(found(KILLED).receipts) < 300

    for date in NIGHTS[5:7]:
        night(date)
        assert codes.next() == (date, 0)

    parts = iter(range(300))

    def meet(event):
        if event.kind == "part_done" and next(parts) == 100:
            night(MET)
            assert codes.next() == (MET, LeaseHeld.exit_code)

    drive(MET, meet)
    for date in NIGHTS[8:]:
        night(date)
        assert codes.next() == (date, 0)
    assert complete() == [date for date in NIGHTS if date not in (MISSED, KILLED)]

    made_up = [GENAI, "backfill", "job.yaml", "--from", NIGHTS[0], "--to", NIGHTS[-1], "--crew", "local"]
    subprocess.run(made_up, check=True, timeout=600)
    check_ten_datasets()
