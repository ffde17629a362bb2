"""The commands as a user types them, on a real run."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

COMMANDS = ["init", "validate", "plan", "preview", "run", "status", "list"]
COMMANDS += ["verify", "repair", "gc", "sample", "schema"]


def dataset(genai) -> Path:
    return next((genai.folder / "runs/tiny/datasets").iterdir())


def test_a_finished_run_is_known_without_torch_and_ray(finished):
    """Asked again, the run says that it is complete; the process that says so loads neither torch nor Ray."""
    run = "import sys; from jobs.cli import main\ntry: main(['run', 'tiny.yaml'])\n"
    code = run + "except SystemExit as e: print(e.code, {'torch', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=finished.folder, capture_output=True, text=True, check=True)

    assert "complete already" in done.stderr
    assert done.stdout.splitlines()[-1] == "0 set()"


def test_the_manifest_accounts_for_every_index(finished):
    """Planned is published; the parts' digests are those of the files, as hashlib reads them."""
    manifest = json.loads((dataset(finished) / "manifest.json").read_text())

    assert manifest["planned"] == manifest["published"] == 250
    assert sum(manifest["labels"].values()) == 250
    for part in manifest["parts"]:
        assert hashlib.sha256((dataset(finished) / part["name"]).read_bytes()).hexdigest() == part["sha256"]


def test_the_marker_names_the_manifest(finished):
    """`_SUCCESS` holds the digest of the manifest beside it."""
    marker = json.loads((dataset(finished) / "_SUCCESS").read_text())

    assert marker["manifest"] == hashlib.sha256((dataset(finished) / "manifest.json").read_bytes()).hexdigest()


def test_the_page_shows_every_class_and_needs_no_server(finished):
    """`report.html` has samples of ten classes and loads nothing from elsewhere."""
    page = (dataset(finished) / "report.html").read_text()

    assert page.count("data:image/png;base64,") >= 10 * (16 + 4)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)


def test_a_sample_drawn_again_has_the_published_pixels(finished, tmp_path):
    """`genai sample` draws one sample alone and finds it equal to the one in the part."""
    told = finished.json("sample", "tiny.yaml", "--index", "57", "-o", str(tmp_path / "x.png"))

    row = pq.read_table(dataset(finished) / "data/part-00001.parquet").slice(57 - 40, 1).to_pylist()[0]
    published = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
    assert told["equal"] is True
    assert (np.asarray(Image.open(tmp_path / "x.png")) == published).all()


@pytest.mark.parametrize("form", ["file", "id", "run", "dataset"])
def test_every_form_of_run_means_the_same(finished, form):
    """A job file, a run id, the path of a run and that of a dataset all lead to the same dataset."""
    run = next((finished.folder / "runs/tiny/runs").iterdir())
    forms = {"file": "tiny.yaml", "id": run.name, "run": str(run), "dataset": str(dataset(finished))}

    assert finished.json("status", forms[form])["dataset"] == str(dataset(finished))
    assert finished.json("verify", forms[form])["problems"] == []


def test_list_names_the_run(finished):
    """`genai list` shows the run with its state and its samples."""
    (run,) = finished.json("list")

    assert (run["state"], run["rows"]) == ("done", 250)


def test_verify_finds_each_kind_of_damage(finished, tmp_path):
    """A missing part, a shorter one, flipped bytes and a foreign file are each named; --deep is needed for bytes."""
    shutil.copytree(finished.folder / "runs", tmp_path / "runs")
    made = type(finished)(tmp_path)
    made.job()
    data = dataset(made) / "data"
    (data / "part-00000.parquet").unlink()
    (data / "part-00001.parquet").write_bytes(b"short")
    damaged = bytearray((data / "part-00002.parquet").read_bytes())
    damaged[100] ^= 1
    (data / "part-00002.parquet").write_bytes(damaged)
    (data / "part-99999.parquet").write_bytes(b"foreign")

    quick = json.loads(made("verify", "tiny.yaml", "--json", code=1).stdout)["problems"]
    deep = json.loads(made("verify", "tiny.yaml", "--deep", "--json", code=1).stdout)["problems"]

    assert [p["kind"] for p in quick] == ["missing", "size", "foreign"]
    assert [p["kind"] for p in deep] == ["missing", "size", "bytes", "foreign"]


def test_a_larger_count_keeps_every_old_part(genai, finished):
    """With the count doubled only new parts are made; another seed makes another dataset from the same checkpoint."""
    shutil.copytree(finished.folder, genai.folder, dirs_exist_ok=True)
    job = genai.job()
    first = genai.json("run", job, "--crew", "local")
    before = {p: p.stat().st_mtime_ns for p in (dataset(genai) / "data").iterdir()}
    larger = genai.json("run", job, "--crew", "local", "--set", "generate.count=500")
    other = genai.json("run", job, "--crew", "local", "--set", "seed=1")

    kept = [p for p in before if p.exists()]
    assert larger["dataset"] == first["dataset"]
    assert [p.stat().st_mtime_ns for p in kept] == [before[p] for p in kept]
    assert len(before) - len(kept) == 1, "only the short last part is superseded"
    assert other["dataset"] != first["dataset"]
    assert other["checkpoint"] == first["checkpoint"]
    assert len(list((genai.folder / "runs/tiny/checkpoints").iterdir())) == 1


def test_preview_draws_sixteen_samples_on_a_page(finished, tmp_path):
    """`genai preview` writes a page with sixteen pictures, from the checkpoint alone."""
    finished("preview", "tiny.yaml", "-o", str(tmp_path / "p.html"))

    assert (tmp_path / "p.html").read_text().count("data:image/png;base64,") == 16


def test_init_writes_a_job_that_validates_and_is_not_overwritten(genai):
    """The starter file is in order; a second `init` refuses to replace it."""
    genai("init", "job.yaml")
    genai("validate", "job.yaml")

    assert "there is a file already" in genai("init", "job.yaml", code=2).stderr


def test_plan_shows_what_is_left(finished):
    """`genai plan` of a doubled count counts the parts that are there."""
    stages = finished.json("plan", "tiny.yaml", "--set", "generate.count=500")["stages"]

    assert [stage["complete"] for stage in stages] == [True, True, False]
    assert (stages[2]["done"], stages[2]["parts"]) == (6, 13)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(genai, command):
    """`genai COMMAND --help` ends with a real command."""
    assert f"Example: genai {command}" in genai(command, "--help").stdout


def test_importing_the_cli_loads_nothing_heavy():
    """`import jobs.cli` takes neither torch, ray, boto3, pyarrow, numpy nor pydantic with it."""
    heavy = "{'torch', 'ray', 'boto3', 'pyarrow', 'numpy', 'pydantic', 'rich'}"
    code = f"import sys, jobs.cli; print({heavy} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.ray
@pytest.mark.soak
def test_a_run_on_ray_from_a_relative_folder_has_the_bytes_of_one_without_ray(genai, finished):
    """Typed in some folder with paths relative to it, on Ray with two training and two minting workers."""
    more = ("--set", "train.workers.count=2", "--set", "generate.workers={min: 1, max: 2}")
    told = genai.json("run", genai.job(), *more)

    assert told["digest"] == finished.json("run", "tiny.yaml")["digest"]
    assert told["path"].startswith(str(genai.folder))
