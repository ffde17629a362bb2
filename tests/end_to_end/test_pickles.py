"""A store full of pickles: nothing of it is run, all of it is refused, and the job is made again to the same digest."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

from genai.blocks import Block, read_block, record_batch
from genai.checkpoint import CONFIG, MODEL, Checkpoint
from genai.errors import IntegrityError
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.prepared import Prepared
from genai.weights import facts, from_bytes, shapes
from jobs.events import Event
from jobs.ledger import Manifest, Receipt
from jobs.stores import open_store


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return os.system, (f"touch '{self.place}'",)


@pytest.fixture
def canary(tmp_path):
    """The file that must not be there in the end."""
    place = tmp_path / "ran"
    pickle.loads(pickle.dumps(Canary(place)))
    assert place.exists(), "the canary sings where it is unpickled"
    place.unlink()
    yield place
    assert not place.exists()


@pytest.fixture(params=[0, 2, 5], ids="protocol {}".format)
def pickled(request, canary):
    """A pickle that would run a command."""
    return pickle.dumps(Canary(canary), request.param)


@pytest.mark.parametrize(
    "read",
    [
        Prepared.from_json,
        Receipt.from_json,
        Manifest.from_json,
        Event.from_json,
        from_bytes,
        facts,
        shapes,
        Parquet().decode,
        lambda data: Checkpoint.from_files({CONFIG: data, MODEL: data}),
        lambda data: read_block(Block("x", 3, len(data), sha256(data)), data, (2, 2, 1)),
        lambda data: record_batch(Block("x", 3, len(data), sha256(data)), opened(data), 0, (2, 2, 1)),
    ],
    ids=["index", "receipt", "manifest", "event", "weights", "facts", "shapes", "part", "checkpoint", "block", "batch"],
)
def test_a_pickle_is_no_file_of_ours(read, pickled):
    """In place of each kind of file it is an IntegrityError, and is not run."""
    with pytest.raises(IntegrityError):
        read(pickled)


def opened(data):
    store = open_store("memory://pickles")
    store.put("x", data)
    return store.open


def test_a_store_full_of_pickles_is_a_store_with_nothing_in_it(finished, tmp_path, canary):
    """Every command answers without a traceback, and the run is made again, to the digest that it had."""
    digest = finished.json("run", "tiny.yaml")["digest"]
    shutil.copytree(finished.folder / "runs", tmp_path / "runs")
    made = type(finished)(tmp_path)
    job, data = made.job(), pickle.dumps(Canary(canary))
    (run,) = (tmp_path / "runs/tiny/runs").iterdir()
    (dataset,) = (tmp_path / "runs/tiny/datasets").iterdir()
    for path in (tmp_path / "runs").rglob("*"):
        if path.is_file():
            path.write_bytes(data)
    (checkpoint,) = (tmp_path / "runs/tiny/checkpoints").iterdir()
    for name in (f"000000020-{sha256(data)[:16]}", f"000000040-{sha256(b'x')[:16]}", "junk"):  # the first one fits
        (checkpoint / "state").mkdir(exist_ok=True)
        (checkpoint / "state" / f"{name}.safetensors").write_bytes(data)

    assert made.json("status", job)["state"] != "done"
    assert len(made.json("list")) == 1
    for command in (("status", run.name), ("verify", str(dataset)), ("sample", job, "--index", "1")):
        told = made(*command, code=2).stderr
        assert "Traceback" not in told
    assert made.json("run", job, "--crew", "local")["digest"] == digest
    assert json.loads(made("verify", job, "--deep", "--json").stdout)["problems"] == []
