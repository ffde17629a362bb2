"""Saved states of a training: which one a group goes on from."""

import pytest
import torch

from genai import weights
from genai.exchange import Alone
from jobs.stores import open_store
from workers.train import STATES, States


@pytest.fixture
def states(tmp_path):
    """None yet."""
    return States(open_store(str(tmp_path)), "0" * 16)


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


def test_a_damaged_state_is_passed_over(states, tmp_path):
    """Its bytes are not those that its name says, so the one before counts."""
    states.save(state(20))
    states.save(state(40))
    newest = max(tmp_path.rglob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-1])
    assert states.agreed(Alone()) == state(20)


def test_all_workers_go_on_from_the_state_that_worker_0_found(states):
    """Another one has arrived meanwhile; whoever saw it heeds worker 0 all the same."""
    states.save(state(20))
    first = First()
    assert states.agreed(first) == state(20)
    states.save(state(40))
    assert states.agreed(Second(first.said)) == state(20)
