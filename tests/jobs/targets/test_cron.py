"""Debian's own crontab judges what we render; `make schedules` fetches it where there is none."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from genai.errors import InputError
from jobs.cron import Cron
from jobs.targets import cron
from tests.jobs.targets.made import SCHEDULES, made

ROOT = Path(__file__).parents[3]


@pytest.fixture
def crontab(tmp_path):
    """`crontab(text)`: what the real one says against it."""
    program = shutil.which("crontab") or shutil.which("crontab", path=ROOT / ".cron/usr/bin")
    if program is None:
        pytest.skip("no crontab here: Debian's package cron has it, `make schedules` fetches it")

    subprocess.run([program, "-l"], capture_output=True, timeout=60)  # the first one makes its folder, and ends with 1

    def judged(text):
        (tmp_path / "crontab").write_text(text)
        done = subprocess.run([program, "-n", tmp_path / "crontab"], capture_output=True, text=True, timeout=60)
        return "" if done.returncode == 0 else done.stderr

    return judged


def text(schedule):
    (rendered,) = cron.render(schedule).values()
    return rendered


def command(rendered):
    """What cron hands to sh, by crontab(5): up to the first `%` that has no backslash."""
    line = rendered.splitlines()[-1].split(maxsplit=5)[5]
    return line.replace(r"\%", "\0").partition("%")[0].replace("\0", "%")


@pytest.mark.parametrize("said", ["0 2 * * *", "*/15 0-6 * jan MON-FRI", "0 2 1,15 * 7"])
def test_crontab_takes_it(crontab, said):
    """Every line of it, with whatever we take as a time."""
    assert crontab(text(made(cron=Cron.read(said), timeout=21600, address="http://head:8265"))) == ""


MISTAKES = {
    "a minute that is none": ("0 2 * * *", "60 2 * * *"),
    "a month that is none": ("0 2 * * *", "0 2 * foo *"),
    "a weekday that is none": ("0 2 * * *", "0 2 * * 8"),
    "a step without a range": ("0 2 * * *", "5/10 2 * * *"),
    "a command that is too long": ("/jobs/job.yaml", f"/{'j' * 990}.yaml"),
    "no line break at the end": ("2>&1\n", "2>&1"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_crontab_finds_mistakes(crontab, mistake):
    """Each is one that a rendering could make."""
    rendered, (right, wrong) = text(made()), MISTAKES[mistake]
    assert right in rendered
    assert crontab(rendered.replace(right, wrong)) != ""


@given(SCHEDULES)
def test_cron_starts_what_was_said(schedule):
    """Whatever the names: what comes out of cron is our line of sh, and the words of the log."""
    try:
        rendered = text(schedule)
    except InputError as error:
        assert "backslash" in str(error) or "bytes" in str(error)  # noqa: PT017  # one of two ways to go
        return
    assert command(rendered).startswith(f"{schedule.script(schedule.today)} >> ")


def test_the_log_lies_where_it_was_said():
    """Or beside the runs, under the job's name."""
    assert text(made()).endswith(">> /jobs/digits.log 2>&1\n")
    assert text(made(log="/var/log/my job.log")).endswith(">> '/var/log/my job.log' 2>&1\n")


def test_a_line_that_cron_would_cut_is_refused():
    """It says how long it may be."""
    with pytest.raises(InputError, match=r"found a command of 1,1\d\d bytes; allowed: 998"):
        text(made(file=f"/{'j' * 990}.yaml"))


def test_a_backslash_is_refused():
    """Some crons read two as one."""
    with pytest.raises(InputError, match="found a backslash"):
        text(made(file="/jobs/a\\b.yaml"))
