"""What `docs/tables.md` shows is run as it stands there, after the entries of its job were published."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import jobs.tables
from jobs.plugin import Plugin
from jobs.tables import Table
from tests.jobs.tables.conftest import indices, sealed

ROOT = Path(__file__).parents[3]
TABLE = Plugin("kind", jobs.tables, Table, "")


def blocks(language):
    text = (ROOT / "docs/tables.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def published(tmp_path):
    """A folder in which the page's job has run."""
    job = yaml.safe_load(blocks("yaml")[0])
    dataset = sealed(tmp_path / job["output"] / job["name"], job["generate"]["count"])
    for entry in job["publish"]:
        table = TABLE.read(entry).located(lambda path: str(tmp_path / path))
        table.add(dataset)
        assert indices(table) == list(range(250))
    return tmp_path


def test_the_page_s_snippets_run(published):
    """One after another, as one script."""
    (published / "snippets.py").write_text("\n".join(blocks("python")))
    done = subprocess.run(
        [sys.executable, "snippets.py"], cwd=published, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert re.search(r"2 .*83", done.stdout)
    assert (published / "lake/again/_delta_log").is_dir()


def test_the_page_s_commands_run(published):
    """With the settings that they make."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks("sh"))], cwd=published, env={**os.environ, "PATH": path},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "[('samples', 'digits')]\n"), done.stderr
