"""Hostile files of every kind, read in a process of their own: what each takes, and what it is told."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.genai import hostile_audio, hostile_images, hostile_tables, hostile_texts

ROOT = Path(__file__).parents[2]
MEGABYTES = 100  # beyond the file itself, whatever it claims
CASES = {
    **{f"image: {name}": case for name, case in hostile_images.CASES.items()},
    **{f"clip: {name}": case for name, case in hostile_images.CLIPS.items()},
    **{f"sound: {name}": case for name, case in hostile_audio.CASES.items()},
    **{f"source: {name}": case for name, case in hostile_tables.SOURCES.items()},
    **{f"part: {name}": case for name, case in hostile_tables.PARTS.items()},
    **{f"block: {name}": case for name, case in hostile_tables.BLOCKS.items()},
    **{f"csv: {name}": case for name, case in hostile_texts.CSV.items()},
    **{f"jsonl: {name}": case for name, case in hostile_texts.JSONL.items()},
    **{f"lines: {name}": case for name, case in hostile_texts.LINES.items()},
    **{f"paragraphs: {name}": case for name, case in hostile_texts.PARAGRAPHS.items()},
    **{f"windows: {name}": case for name, case in hostile_texts.WINDOWS.items()},
}
#: what may be real takes what it takes: images of 20 MB, and parts of a quarter of a gigabyte
LARGE = {"source: a value of 20 MB for 40 rows": 600, "part: images of 60 MB of nothing, each a page": 900}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What reading each file took, and the refusal."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, (make, _) in CASES.items():
        (folder / name).write_bytes(make())
    command = [sys.executable, "-m", "tests.genai.hostile", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused_in_bounded_memory(told, name):
    """One sentence says what was found; what the file claims is not taken on its word."""
    found, says = told[name], CASES[name][1]

    assert found["mb"] < LARGE.get(name, MEGABYTES)
    assert bool(found["told"]) is bool(says)
    assert re.search(says, found["told"]), found["told"]
    assert len(found["told"]) < 1000
