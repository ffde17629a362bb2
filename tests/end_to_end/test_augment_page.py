"""docs/augment.md as a reader follows it, and the classifier of examples/downstream on a tiny dataset."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/augment.md").read_text()
#: Hugging Face datasets sleeps five seconds at the end of each streamed iterable
AT_ONCE = "import datasets\ndatasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0.2"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def script(folder, code, **environment):
    """What a script of its own prints, which runs to its end."""
    (folder / "snippet.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "snippet.py"], cwd=folder, capture_output=True, text=True, timeout=200,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "hf"), **environment},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory, finished):
    """A folder where the page's job has run, on 300 real rows."""
    made = type(finished)(tmp_path_factory.mktemp("augment"))
    digits = pq.read_table(ROOT / "examples/data/digits.parquet")
    pq.write_table(digits.slice(0, 300), made.folder / "real.parquet")
    pq.write_table(digits.slice(300, 200), made.folder / "test.parquet")
    (made.folder / "job.yaml").write_text(blocks("yaml")[0])
    made("run", "job.yaml", "--crew", "local")
    return made.folder


def test_the_page_s_snippets_run(made, moto_s3):
    """One after another, as one script; what is exact on the page is so."""
    client = moto_s3.client()
    client.create_bucket(Bucket="samples")
    for path in (made / "real.parquet", *(made / "runs/digits/datasets").rglob("*")):
        if path.is_file():
            client.upload_file(str(path), "samples", str(path.relative_to(made)))
    snippets = [block for block in blocks("python") if "import ray" not in block]
    tail = "print(exact['synthetic'][:].count(False), len(exact))"
    told = script(made, "\n".join([AT_ONCE, *snippets, tail]), **moto_s3.environment)

    assert "1000 ('0', '1', '2'" in told
    assert "[300, 300]" in told
    assert "536 rows are left" in told
    assert told.endswith("300 428\n")


@pytest.mark.ray
@pytest.mark.soak
def test_the_page_s_ray_data_runs(made):
    """Over a Ray of its own: all real rows, and as many synthetic ones."""
    start = "import tests.own_ray\nimport ray\nray.init('local', num_cpus=2, include_dashboard=False)\n"
    where = next((made / "runs/digits/datasets").iterdir())
    ray_data = next(block for block in blocks("python") if "import ray" in block)
    count = "\ntaken = [bool(row['synthetic']) for row in mixed.take_all()]\nprint(len(taken), sum(taken))"
    told = script(made, f"{start}folder = {str(where)!r}\n{ray_data}{count}", RAY_AUTH_MODE="disabled", HOME=str(made))

    assert told.endswith("600 300\n")


@pytest.mark.soak
def test_the_classifier_of_the_examples_runs(made):
    """Four ways, each with its spread, whatever the figures are."""
    folder = next((made / "runs/digits/datasets").iterdir())
    command = [ROOT / "examples/downstream/train_classifier.py", folder, "real.parquet", "--test", "test.parquet"]
    done = subprocess.run(
        [sys.executable, *map(str, command), "--seeds", "2", "--steps", "30", "--batch", "32"],
        cwd=made, capture_output=True, text=True, timeout=200, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = re.findall(r"^(.+?) +(\d+) rows an epoch +(\d+\.\d\d) % ± \d+\.\d\d$", done.stdout, re.MULTILINE)

    assert [(name, rows) for name, rows, _ in lines] == [
        ("real rows alone", "300"), ("shifts and rotations", "300"), ("published dataset", "600"), ("both", "600"),
    ], done.stderr  # fmt: skip
    assert float(lines[0][2]) > 25
