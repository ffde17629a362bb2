"""Preparing on Ray, by one actor or by Ray Data: the bytes and the errors of one process."""

import signal
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from genai.errors import DataError, WorkerError
from jobs import layout
from jobs.crew import PrepareTask
from jobs.spec import load
from tests.jobs.crew_suite import silent
from tests.workers.struck import Struck
from workers import preparer
from workers.crew import RayCrew
from workers.local import LocalCrew

pytestmark = pytest.mark.ray

CREWS = {"local": LocalCrew, "one actor": RayCrew, "Ray Data": lambda: RayCrew(prepare_memory_bytes=0)}


def png(seed):
    found = BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 6), np.uint8)).save(found, "png")
    return found.getvalue()


def write(folder, images):
    """Two Parquet files of several row groups; a task for them."""
    folder.mkdir()
    for number in range(2):
        mine = images[number::2]
        table = pa.table({"image": mine, "label": ["ab"[sum(image) % 2] for image in mine]})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=40)
    text = f"""
name: rows
output: {folder / "out"}
data: {{source: "{folder}/*.parquet", modality: {{kind: image}}}}
"""
    return PrepareTask(load("job.yaml", text), "0" * 16)


def blocks(task):
    store = layout.job_store(task.spec)
    return {entry.key: store.get(entry.key) for entry in store.list("prepared/")}


@pytest.mark.parametrize("crew", ["one actor", "Ray Data"])
def test_every_way_of_preparing_leaves_the_same_bytes(crew, tmp_path):
    """Index and blocks are equal, although tasks read the fragments in any order."""
    images = [png(seed) for seed in range(150)] + [png(3)] * 2
    task, other = write(tmp_path / "a", images), write(tmp_path / "b", images)
    assert CREWS[crew]().prepare(task, print).to_json() == LocalCrew().prepare(other, print).to_json()
    assert blocks(task) == blocks(other) != {}


@pytest.mark.parametrize("crew", CREWS)
def test_a_corrupt_image_is_named_by_file_and_row(crew, tmp_path):
    """The error comes through Ray with its type and its words."""
    images = [png(seed) for seed in range(60)]
    images[31] = images[31][:-40]
    with pytest.raises(DataError) as caught:
        CREWS[crew]().prepare(write(tmp_path / "rows", images), print)
    assert type(caught.value) is DataError
    assert "1.parquet row 15" in str(caught.value)
    assert str(caught.value).endswith("data.on_bad_row: skip leaves such rows out")


@pytest.mark.parametrize("crew", CREWS)
def test_a_damaged_file_is_named(crew, tmp_path):
    """A page that cannot be decoded fails in a worker, and reads as if it had failed here."""
    task = write(tmp_path / "rows", [png(seed) for seed in range(60)])
    damaged = tmp_path / "rows/1.parquet"
    data = bytearray(damaged.read_bytes())
    data[40:400] = bytes(360)
    damaged.write_bytes(data)
    with pytest.raises(DataError) as caught:
        CREWS[crew]().prepare(task, print)
    assert "1.parquet" in str(caught.value)
    assert "UDF" not in str(caught.value)


@pytest.fixture
def struck(tmp_path, monkeypatch):
    """`struck(signals)`: a task whose actors send themselves these, one each."""
    monkeypatch.setattr(preparer, "Preparer", Struck)

    def of(signals):
        task = write(tmp_path / "struck", [png(seed) for seed in range(150)])
        folder = tmp_path / "struck/out/signals"
        folder.mkdir(parents=True)
        for number, one in enumerate(signals):
            (folder / f"{number}.{int(one)}").touch()
        return task

    return of


def test_an_actor_that_dies_or_is_silent_is_named_and_replaced(struck, tmp_path, monkeypatch):
    """Killed once and stopped once, it leaves the same bytes."""
    monkeypatch.setattr(preparer, "SILENT_SECONDS", 3.0)
    monkeypatch.setattr(preparer, "ASK_SECONDS", 0.5)
    other, told = write(tmp_path / "quiet", [png(seed) for seed in range(150)]), []
    task = struck([signal.SIGKILL, signal.SIGSTOP])
    prepared = RayCrew().prepare(task, lambda kind, **fields: told.append((kind, fields)))
    assert prepared.to_json() == LocalCrew().prepare(other, print).to_json()
    killed, stopped = [fields for kind, fields in told if kind == "worker_lost"]
    assert f"worker {killed['worker']} was lost: " in killed["error"]
    assert f"{stopped['worker']}, which prepares the rows, did not answer for " in stopped["error"]
    assert killed["worker"] != stopped["worker"]


@pytest.mark.soak
def test_an_actor_that_is_lost_every_time_ends_the_run(struck):
    """With the last loss in the error."""
    task = struck([signal.SIGKILL] * preparer.STARTS)
    with pytest.raises(WorkerError, match=r"begun 3 times; the last time, worker \S+/\d+ was lost"):
        RayCrew().prepare(task, silent)
