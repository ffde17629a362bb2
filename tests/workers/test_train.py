"""Saved states of a training: which one a group goes on from."""

import pytest
import torch

from genai import weights
from genai.errors import StoreError, WorkerError
from genai.exchange import Alone
from genai.identity import sha256
from jobs.stores import open_store
from jobs.stores.file import FileStore
from workers.train import STATES, States


@pytest.fixture
def told():
    """What worker 0 told: the kind of each event, and its fields."""
    return []


@pytest.fixture
def states(tmp_path, told):
    """None yet."""
    return States(open_store(str(tmp_path)), "0" * 16, lambda kind, **fields: told.append((kind, fields)))


class Down(FileStore):
    """A store that takes only the puts of which `takes` says so, one after another."""

    takes = iter(())

    def put(self, key, data):
        if not next(self.takes):
            raise StoreError("the store is down")
        super().put(key, data)


def state(step):
    return weights.to_bytes({"w": torch.full((2,), float(step))}, {"step": step})


class Second:
    """Worker 1 of two, which hears from worker 0 what `told` is."""

    rank, size = 1, 2

    def __init__(self, told):
        self.told = told

    def gather(self, value):
        return [self.told, value]


class First(Alone):
    """Worker 0, which keeps what it says."""

    def gather(self, value):
        object.__setattr__(self, "said", value)
        return [value]


def test_without_a_state_training_begins_anew(states):
    """Nothing is saved, so there is nothing to go on from."""
    assert states.agreed(Alone()) is None


def test_the_last_states_are_kept(states, tmp_path):
    """Older ones are removed as new ones come; the newest is gone on from; the end clears all."""
    for step in (20, 100, 60_000):
        states.save(state(step))
    assert len(list(tmp_path.rglob("*.safetensors"))) == STATES
    assert states.agreed(Alone()) == state(60_000)
    states.clear()
    assert states.agreed(Alone()) is None


def test_a_damaged_state_is_passed_over(states, tmp_path, told):
    """Its bytes are not those that its name says, so the one before counts, and that is told."""
    states.save(state(20))
    states.save(state(40))
    newest = max(tmp_path.rglob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])
    assert states.agreed(Alone()) == state(20)
    (damaged, started) = told[2:]
    assert damaged[0] == "state_damaged"
    assert damaged[1]["state"] == newest.name
    assert "is damaged" in damaged[1]["error"]
    assert started == ("train_started", {"step": 20, "workers": 1, "worker": ""})


def test_a_state_that_nobody_can_read_is_passed_over(states, tmp_path):
    """Whole, as its name says, and yet no state; nor is what else lies there."""
    states.save(state(20))
    folder = max(tmp_path.rglob("*.safetensors")).parent
    (folder / f"000000040-{sha256(b'odd')[:16]}.safetensors").write_bytes(b"odd")
    (folder / "notes.txt").write_text("somebody's")
    assert states.agreed(Alone()) == state(20)
    states.clear()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_what_is_saved_late_removes_nothing_newer(states, tmp_path):
    """A worker that was given up wakes and ends its upload."""
    for step in (60, 80):
        states.save(state(step))
    states.save(state(40))
    assert sorted(path.name[:9] for path in tmp_path.rglob("*.safetensors")) == ["000000060", "000000080"]


def test_one_save_that_fails_is_borne_and_told(tmp_path, told):
    """The training itself is fine. Two in a row would lose two intervals: that is no progress any more."""
    store = Down(open_store(str(tmp_path)).uri)
    store.takes = iter([True, False, True, False, False])
    states = States(store, "0" * 16, lambda kind, **fields: told.append((kind, fields["step"])))
    for step in (20, 40, 60, 80):
        states.save(state(step))
    with pytest.raises(StoreError, match="the store is down"):
        states.save(state(100))
    assert told == [("state_saved", 20), ("state_unsaved", 40), ("state_saved", 60), ("state_unsaved", 80)]


def test_a_worker_that_cannot_read_the_agreed_state_asks_for_another_start(states, tmp_path):
    """Worker 0 read it a moment ago, so it is no fault of the training."""
    states.save(state(20))
    first = First()
    states.agreed(first)
    max(tmp_path.rglob("*.safetensors")).unlink()
    with pytest.raises(WorkerError, match="worker 1 cannot read the state of step 20"):
        states.agreed(Second(first.said))


def test_all_workers_go_on_from_the_state_that_worker_0_found(states):
    """Another one has arrived meanwhile; whoever saw it heeds worker 0 all the same."""
    states.save(state(20))
    first = First()
    assert states.agreed(first) == state(20)
    states.save(state(40))
    assert states.agreed(Second(first.said)) == state(20)
