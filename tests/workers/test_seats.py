"""Room for training workers on a real Ray."""

import pytest
import ray

from genai.errors import WorkerError
from jobs.parts import TrainWorkers
from workers import seats

pytestmark = pytest.mark.ray


def test_as_many_as_there_is_room_for_train(monkeypatch):
    """Three of the five that are asked for find a seat in a cluster of four CPUs where one is taken."""
    monkeypatch.setattr(seats, "SETTLE_SECONDS", 2.0)
    while ray.available_resources().get("CPU") != 4:  # until those who were let go by the tests before are gone
        pass
    with seats.Seats(1, {"CPU": 1.0}) as taken:
        while not taken.taken:
            pass
        assert seats.room(TrainWorkers(count=5), 1, print) == 3


def test_training_without_room_ends_with_what_it_asks_for(monkeypatch):
    """And with what the cluster has."""
    monkeypatch.setattr(seats, "ROOM_SECONDS", 1.0)
    words = (
        r"^training found no room for 1 s: room for 2 training worker\(s\) of 1000 CPU and 0 GPU; 0 have a place in a "
        r"cluster of 4 CPU and 4 GPU$"
    )
    with pytest.raises(WorkerError, match=words):
        seats.room(TrainWorkers(count=2, cpu=1000), 2, print)
