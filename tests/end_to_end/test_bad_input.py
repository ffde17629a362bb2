"""What a user can get wrong: one clear message, exit code 2, no traceback, and nothing harmed or half written."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

TEN_FAULTS = """\
name: Bad Name
sead: 3
output: runs
data: {source: "sklearn://digits", split: {train: 0.5, test: 0.1}, on_bad_row: ignore}
model: {family: vea}
train: {steps: -1, batch: many, precision: fp8, workers: {count: 0}}
generate: {count: none, part_rows: 0}
"""


def png(size: int = 8, mode: str = "L") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (size, size), 128).save(out, "PNG")
    return out.getvalue()


def parquet(path, images, labels) -> str:
    pq.write_table(pa.table({"image": pa.array(images, pa.binary()), "label": labels}), path)
    return f"data.source={path}"


def noisy(n: int) -> list[bytes]:
    """Images that differ from each other."""
    made = []
    for i in range(n):
        out = io.BytesIO()
        Image.frombytes("L", (8, 8), bytes((i * 37 + 11 * j) % 256 for j in range(64))).save(out, "PNG")
        made.append(out.getvalue())
    return made


def test_a_job_file_that_is_not_there(genai):
    """The path is named."""
    assert "nothing.yaml: no such job file" in genai("run", "nothing.yaml", code=2).stderr


def test_ten_faults_give_ten_messages(genai):
    """Every fault of a document is told at once, each with its line and column."""
    told = genai("validate", genai.job(text=TEN_FAULTS.replace("{", "{{").replace("}", "}}")), code=2).stderr

    lines = told.strip().splitlines()
    assert len(lines) >= 10
    assert all(line.startswith("tiny.yaml:") for line in lines)
    assert "did you mean" in told


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.source=nowhere/*.parquet", "found no file"),
        ("data={source: 'sklearn://digits', label: colour}", "found no column 'colour'; allowed: label"),
        ("output=/proc/nowhere", "no folder can be made there"),
    ],
)
def test_a_setting_that_cannot_be(genai, setting, message):
    """What was found and what is allowed; nothing is written."""
    told = genai("run", genai.job(), "--crew", "local", "--set", setting, code=2).stderr

    assert message in told
    assert not (genai.folder / "runs").exists()


def test_fewer_rows_than_a_batch(genai):
    """The number of rows is named, and what to set."""
    told = genai("run", genai.job(), "--crew", "local", "--set", "train.batch=5000", code=2).stderr

    assert "fewer than one batch of 5,000" in told


def test_a_corrupt_image_in_the_middle_is_named_by_file_and_row(genai):
    """`on_bad_row: fail` names it; `skip` leaves it out, counts it, and is bounded."""
    images = noisy(200)
    images[77] = images[77][:40]
    source = parquet(genai.folder / "rows.parquet", images, [i % 2 for i in range(200)])
    job = genai.job()
    small = ("--crew", "local", "--set", source, "--set", "train.batch=32", "--set", "train.steps=5")

    assert "rows.parquet row 77" in genai("run", job, *small, code=2).stderr
    skip = ("--set", "data.on_bad_row=skip")
    assert "1 of 200 rows" in genai("run", job, *small, *skip, "--set", "data.max_bad_rows=0.001", code=2).stderr
    genai("run", job, *small, *skip)


@pytest.mark.parametrize(
    ("odd", "message"), [(png(16), "data.modality.size"), (png(8, "RGB"), "data.modality.mode")], ids=["size", "mode"]
)
def test_images_of_mixed_size_or_mode(genai, odd, message):
    """The row is named, and the field that settles it."""
    source = parquet(genai.folder / "rows.parquet", [*noisy(99), odd], [i % 2 for i in range(100)])

    told = genai("run", genai.job(), "--crew", "local", "--set", source, code=2).stderr

    assert "rows.parquet row 99" in told
    assert message in told


def test_one_class_only(genai):
    """The class is named, and the way to unlabelled data."""
    source = parquet(genai.folder / "rows.parquet", noisy(100), ["cat"] * 100)

    told = genai("run", genai.job(), "--crew", "local", "--set", source, code=2).stderr

    assert "'cat'" in told
    assert "data.label: null" in told


@pytest.mark.s3
def test_wrong_keys_and_a_bucket_that_is_not_there(genai, rclone_s3, monkeypatch):
    """Each is one sentence that says what to check, without the secret."""
    uri = rclone_s3.use(monkeypatch)
    job = genai.job(output=uri)

    wrong = genai("run", job, "--crew", "local", code=2, AWS_SECRET_ACCESS_KEY="canary-of-the-tests").stderr
    missing = genai("run", genai.job(output="s3://not-there-at-all/x"), "--crew", "local", code=2).stderr

    assert "canary-of-the-tests" not in wrong
    assert "AWS_SECRET_ACCESS_KEY" in wrong
    assert "not-there-at-all" in missing


def test_a_run_that_is_not_there(genai):
    """A run id, and a path that is no run, each say what is allowed."""
    assert "genai list" in genai("status", "tiny-0123456789ab", code=2).stderr
    assert "a job file (*.yaml)" in genai("status", "some/where", code=2).stderr


@pytest.mark.parametrize("command", [("sample", "--index", "0"), ("preview",)], ids=["sample", "preview"])
def test_drawing_before_anything_was_trained(genai, command):
    """There is no checkpoint: it says so, and what makes one."""
    told = genai(command[0], genai.job(), *command[1:], code=2).stderr

    assert "no checkpoint yet; run the job first" in told
