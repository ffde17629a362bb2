"""Seats for training workers: how many the cluster has now, and the wish for more.

A seat is a placement group for one worker. Those that Ray places are room that is really there, also where a machine
has just been lost and Ray does not know it yet; those that it cannot place are what an autoscaler sees.
"""

from __future__ import annotations

import time
from typing import Self

import ray
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)

from genai.errors import WorkerError
from jobs.crew import Note
from jobs.parts import TrainWorkers

SETTLE_SECONDS = 20.0  # for all to find a seat; Ray knows after about 15 that a machine is lost
ROOM_SECONDS = 900.0  # for the fewest to find one; machines in a cloud take minutes
TELL_SECONDS = 30.0
LOOK_SECONDS = 0.2


def needs(workers: TrainWorkers) -> dict[str, float]:
    """What Ray reserves for one worker."""
    return {"CPU": workers.cpu, **({"GPU": workers.gpu} if workers.gpu else {})}


class Seats:
    """So many seats, wished for until it is closed."""

    def __init__(self, number: int, each: dict[str, float]) -> None:
        self._groups = [placement_group([each]) for _ in range(number)]

    @property
    def taken(self) -> int:
        """How many have been placed."""
        return sum(placement_group_table(group)["state"] == "CREATED" for group in self._groups)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for group in self._groups:
            remove_placement_group(group)


class Wish:
    """The wish for those who found no seat, made once the others sit: it must not take theirs."""

    def __init__(self, workers: TrainWorkers, missing: int) -> None:
        self._missing, self._each = missing, needs(workers)
        self._seats: Seats | None = None

    @property
    def granted(self) -> bool:
        """Whether there is room for at least one more now; asked once the group is at work."""
        if self._missing and self._seats is None:
            self._seats = Seats(self._missing, self._each)
            return False
        return bool(self._seats and self._seats.taken)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._seats:
            self._seats.__exit__(*error)


def fit(each: dict[str, float]) -> int:
    """How many workers all machines together could hold, were they empty."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(min(int(has.get(name, 0) / need + 1e-9) for name, need in each.items()) for has in machines)


def room(workers: TrainWorkers, least: int, note: Note) -> int:
    """How many workers to train with: `count`, or all that the machines can hold; where so many do not find a seat
    soon, as many as do, and at least `least`.

    Raises WorkerError where those do not find one for ROOM_SECONDS.
    """
    began = told = time.monotonic()
    with Seats(workers.count, needs(workers)) as wished:
        while True:
            here, now = wished.taken, time.monotonic()
            if here >= min(workers.count, max(least, fit(needs(workers)))):
                return here
            if here >= least and now - began > SETTLE_SECONDS:
                return here
            if now - began > ROOM_SECONDS:
                raise WorkerError(f"training found no room for {ROOM_SECONDS:.0f} s: {_lack(workers, least, here)}")
            if now - told > TELL_SECONDS:
                told = now
                note("waiting", seconds=round(now - began, 1), on=_lack(workers, least, here))
            time.sleep(LOOK_SECONDS)


def _lack(workers: TrainWorkers, least: int, here: int) -> str:
    has = ray.cluster_resources()
    return (
        f"room for {least} training worker(s) of {workers.cpu:g} CPU and {workers.gpu:g} GPU; {here} have a place in a "
        f"cluster of {has.get('CPU', 0):g} CPU and {has.get('GPU', 0):g} GPU"
    )


def clear() -> None:
    """Remove every placement group of this driver, and with each whoever sits there, stopped or not.

    Ray Train's own outlive its controller where that is killed.
    """
    job = ray.get_runtime_context().get_job_id()
    for number, entry in placement_group_table().items():
        if number.endswith(job) and entry["state"] != "REMOVED":
            remove_placement_group(PlacementGroup(ray.PlacementGroupID.from_hex(number)))
