"""What `docs/sources.md` shows is run as it stands there: its settings, its Python, its commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from genai import sources
from genai.registry import names
from tests.genai.augment.made import real_rows, sealed

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/sources.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """With the page's job, rows of three classes, and a published dataset."""
    (tmp_path / "rows").mkdir()
    real_rows(tmp_path / "rows/a.parquet", ["cat"] * 30 + ["cow"] * 20 + ["dog"] * 10)
    sealed(tmp_path / "runs/pets", 120)
    (tmp_path / "job.yaml").write_text(blocks("yaml")[0])
    (tmp_path / "snippets.py").write_text("\n".join(blocks("python")))
    return tmp_path


def test_the_page_s_snippets_and_commands_run(folder):
    """Each kind has the sixty rows, the table twenty more; each is mixed with the published ones."""
    shown = blocks("sh")
    settings = next(block for block in shown if "export" in block)
    commands = [block for block in shown if block != settings]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join([settings, "python snippets.py", *commands])],
        cwd=folder, capture_output=True, text=True, timeout=280,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "hf")},
    )  # fmt: skip

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert re.findall(r"(\d+) rows in the source", done.stdout) == ["60", "60", "60", "80", "80"]
    assert re.findall(r"(\d+) \('cat', 'cow', 'dog'\)", done.stdout) == ["120", "120", "160"]


def test_every_kind_is_on_the_page():
    """Each in the table, by what tells it."""
    told = {
        "files": "photos", "parquet": "rows/*.parquet", "huggingface": "pets", "webdataset": "tars/*.tar",
        "iceberg": "iceberg://lake/pets.rows", "sklearn": "sklearn://digits",
            "text": "verses/*.txt", "csv": "rows.csv", "jsonl": "rows.jsonl",
    }  # fmt: skip

    assert set(told) == set(names(sources))
    assert all(f"\n| `{uri}` |" in PAGE for uri in told.values())
