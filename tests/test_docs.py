"""The commands that our pages show are run, one after another, as they stand there.

What belongs to the machine and not to us (the crontab, systemd, a cluster) is stood in for by a program that takes what
it is given and asks only whether the files are there; tests/schedules and tests/jobs/targets have the real ones.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.spec import load

ROOT = Path(__file__).parents[1]
PAGES = [pytest.param("docs/schedules.md"), pytest.param("docs/dates.md", marks=pytest.mark.soak)]
STAND_INS = {
    "crontab": 'if [ "$1" = - ]; then grep -q genai; else echo "# empty"; fi',
    "systemctl": 'for last; do :; done; test daemon-reload = "$last" || test -e ~/.config/systemd/user/"$last"',
    "kubectl": 'for last; do :; done; test -s "$last"',
    "systemd-analyze": 'shift; for file; do test -s "$file"; done',
}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_run(tmp_path, page):
    """With the job file that the page shows; each ends with 0, and says nothing of a fault."""
    (tmp_path / "job.yaml").write_text(blocks(page, "yaml")[0])
    (tmp_path / "rows/2026-11-24").mkdir(parents=True)  # docs/dates.md reads the rows of a day
    shutil.copy(ROOT / "examples/data/digits.parquet", tmp_path / "rows/2026-11-24")
    for folder in (".config/systemd/user", "airflow/dags", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name, script in STAND_INS.items():
        if name != "systemd-analyze" or not shutil.which(name):
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\nset -e\n{script}\n")
            (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    commands = blocks(page, "sh")
    assert commands
    for command in commands:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path), "PATH": path},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "error" not in done.stderr.lower(), done.stderr


def test_the_page_of_python_runs(tmp_path):
    """Its snippet, as a script of its own."""
    (tmp_path / "job.yaml").write_text(blocks("docs/python.md", "yaml")[0])
    (tmp_path / "snippet.py").write_text("\n".join(blocks("docs/python.md", "python")))
    done = subprocess.run([sys.executable, "snippet.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "run_done" in done.stdout


def made_as_shown(folder, page, files):
    """The commands of a page, run in a folder with these files."""
    for name, text in files.items():
        (folder / name).write_text(text)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "\n".join(blocks(page, "sh"))],
        cwd=folder, env={**os.environ, "HOME": str(folder), "PATH": path},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def test_the_page_of_filters_makes_one(tmp_path):
    """Its files, the inherited suite on them, and a job that draws again what they refuse; the first job is one."""
    filter_, suite = blocks("docs/filters.md", "python")
    molecules, job = blocks("docs/filters.md", "yaml")
    load("job.yaml", molecules)
    done = made_as_shown(tmp_path, "docs/filters.md", {"ink.py": filter_, "test_ink.py": suite, "job.yaml": job})
    assert "6 passed" in done.stdout
    assert "= 100 published + " in done.stdout
    assert "rejected (ink:Ink: too faint" in done.stdout


def test_the_page_of_families_makes_one(tmp_path):
    """Its files, the inherited suite on them, and a job with them."""
    family, suite = blocks("docs/families.md", "python")
    (job,) = blocks("docs/families.md", "yaml")
    done = made_as_shown(tmp_path, "docs/families.md", {"ppca.py": family, "test_ppca.py": suite, "job.yaml": job})
    assert "12 passed" in done.stdout
    assert "200 samples in 1 part" in done.stdout
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
