"""systemd-analyze judges what we render."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given

from jobs.cron import Cron
from jobs.targets import systemd
from tests.jobs.targets.made import SCHEDULES, made

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = [
    "0 2 * * *",
    "*/15 0-6 * jan MON-FRI",
    "0 2 1,15 * 7",
    "30 */6 31 * *",
    "0 0 29 2 *",
    "0 2 */2 * *",
    "* * * * 0",
]


@pytest.fixture
def analyze():
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here: it comes with systemd")
    return lambda *words: subprocess.run([program, *words], capture_output=True, text=True, timeout=60)


@pytest.fixture
def verified(analyze, tmp_path):
    """`verified(files)`: what systemd says against units."""

    def judged(files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return analyze("verify", "--man=no", *(tmp_path / name for name in files)).stderr

    return judged


@pytest.mark.parametrize("said", TIMES)
def test_systemd_takes_it(verified, said):
    """Both units, without a word against them."""
    assert verified(systemd.render(made(cron=Cron.read(said), timeout=21600, address="http://head:8265"))) == ""


MISTAKES = {
    "a key that is none": ("Persistent=true", "Persistant=true"),
    "a time that is none": ("02:00:00 UTC", "25:00:00 UTC"),
    "a program that is not there": ("=/bin/sh ", "=/bin/ssh-that-is-none "),
    "a kind of service that is none": ("Type=oneshot", "Type=oneshoot"),
    "a signal that is none": ("SIGTERM", "SIGTREM"),
    "a quote that does not end": ('%%d)\\""', '%%d)\\"'),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_systemd_finds_mistakes(verified, mistake):
    """Each is one that a rendering could make."""
    files, (right, wrong) = systemd.render(made()), MISTAKES[mistake]
    assert any(right in text for text in files.values())
    assert verified({name: text.replace(right, wrong) for name, text in files.items()}) != ""


@pytest.mark.parametrize("said", TIMES)
def test_the_timer_has_the_times_of_the_cron_line(analyze, said):
    """By systemd's own reckoning, for each line of a calendar."""
    timer = systemd.render(made(cron=Cron.read(said)))["genai-digits.timer"]
    lines = re.findall("^OnCalendar=(.*)$", timer, re.MULTILINE)
    words = ("--base-time=2026-01-01 00:00:00 UTC", "--iterations=8")
    told = "".join(analyze("calendar", *words, line).stdout for line in lines)
    found = re.findall(r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): \w+ ([\d-]+ [\d:]+) UTC", told)
    expected = [f"{at:%Y-%m-%d %H:%M:%S}" for at in islice(CronSim(said, NEW_YEAR), 8)]
    assert expected == sorted(set(found))[:8]


def unquoted(text):
    """The word of a command line in double quotes, by systemd.service(5)."""
    assert text[0] == text[-1] == '"'
    letters = re.sub(r"\\(.)", lambda found: {"\\": "\\", '"': '"'}[found[1]], text[1:-1])
    assert not re.search(r'(?<!\\)(?:\\\\)*"', text[1:-1])
    halves = re.findall(r"%%|\$\$|[^%$]", letters, re.DOTALL)
    assert "".join(halves) == letters
    return "".join(half[0] for half in halves)


@given(SCHEDULES)
def test_systemd_starts_what_was_said(schedule):
    """Whatever the names: what comes out of its quotes, specifiers and variables is our line of sh."""
    service = systemd.render(schedule)["genai-digits.service"]
    (line,) = (line for line in service.split("\n") if line.startswith("ExecStart="))
    assert unquoted(line.removeprefix("ExecStart=/bin/sh -c ")) == schedule.script(schedule.today)


def test_systemd_takes_wild_names(verified):
    """As it reads them, there is nothing to say against them."""
    wild = made(folder="/my 'own' \"jobs\"", file="/100% $HOME ${x} \\n \\ %h %%/job.yaml")
    assert verified(systemd.render(wild)) == ""
