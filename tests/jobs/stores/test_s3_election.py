"""The election of `put_new`, step by step against a bucket on paper: no threads, no waiting, every order that matters.

A world is a bucket, a time, and racers that each stand before their next request. A scheduler says whose request is
carried out next and how it ends. What it may do is what `_s3_claims` assumes of the world: a request that its client
gave up comes late, but within LATE_SECONDS of its last packet; no packet is sent after `until`; clocks run at rates
that differ by 3 %; the server's clock is set forward by up to four minutes.
"""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genai.errors import StoreError
from jobs.stores import _s3_claims
from jobs.stores._s3_claims import Delete, Head, List, Pause, Put, Race, election
from jobs.stores._s3_patience import Unanswered

KEY = "runs/lease"
OUTCOMES = (
    "done",
    "done, answer lost",
    "never arrives",
    "refused",
    "comes late",
    "done, and comes again late",
    "killed",
)


BARE = ("done", "done, answer lost", "never arrives", "killed")  # those that differ for a step that writes nothing
WRITES = (1, 4, 6)  # the steps of a racer that is alone which write, or remove


class BrokenError(AssertionError):
    """Two winners, or bytes that are not the winner's."""


@dataclass
class World:
    """The bucket and the time. `holder` is the data of who was told that it won, until it deletes the key."""

    now: float = 1000.0
    server_ahead: float = 0.0
    objects: dict = field(default_factory=dict)  # key -> (data, writer, stamp)
    late: list = field(default_factory=list)  # (last moment, Put)
    holder: bytes | None = None

    def carry_out(self, step):
        if isinstance(step, Pause):
            self.pass_by(step.seconds)
        elif isinstance(step, Head):
            found = self.objects.get(step.key)
            return found and {"Metadata": {"writer": found[1]}}
        elif isinstance(step, List):
            return {key: found[2] for key, found in self.objects.items() if key.startswith(step.prefix)}
        elif isinstance(step, Delete):
            self.objects.pop(step.key, None)
        else:
            if step.key == KEY and self.holder not in (None, step.data):
                raise BrokenError(f"{step.data} over the winner's {self.holder}")
            stamp = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=int(self.now + self.server_ahead))
            self.objects[step.key] = (step.data, step.writer, stamp)
        return True

    def pass_by(self, seconds):
        """Time passes; what was to come late has come before its last moment."""
        then = self.now + seconds
        for moment, step in sorted(self.late, key=lambda one: one[0]):
            if moment <= then:
                self.now = max(self.now, moment)
                self.late.remove((moment, step))
                self.carry_out(step)
        self.now = then


class Racer:
    """A process: its clock, its memory, and the call of `put_new` that it is in. `calls` is how often it may call."""

    def __init__(self, world, name, rate=1.0, calls=1):
        self.world, self.data, self.rate, self.calls = world, name, rate, calls
        self.unsure, self.results, self.step = {}, [], None
        self._call()

    def _call(self):
        self.calls -= 1
        self.steps = election(Race(KEY, self.data, self.unsure, lambda: self.world.now * self.rate))
        self._go(lambda: next(self.steps))

    def _go(self, on):
        try:
            self.step = on()
        except StopIteration as end:
            self._end(end.value)
        except StoreError as error:
            self._end(error)

    def _end(self, result):
        self.step = None
        self.results.append(result)
        if result is True:
            if self.world.holder is not None or self.world.objects[KEY][0] != self.data:
                raise BrokenError(f"{self.data} was told that it won beside {self.world.holder}")
            self.world.holder = self.data
        elif result is False:
            assert KEY in self.world.objects
        elif self.calls:
            self._call()

    def move(self, outcome="done"):
        """Carry the request out, with one of OUTCOMES."""
        world, step = self.world, self.step
        if isinstance(step, Put) and world.now * self.rate > step.until:  # its client has sent nothing since
            outcome = "never arrives"
        if outcome not in BARE and not isinstance(step, Put):
            outcome = "never arrives"
        if outcome == "killed":
            self.step, self.calls = None, 0
            return
        answer = None
        if outcome.startswith("done"):
            answer = world.carry_out(step)
        if "late" in outcome and isinstance(step, Put):
            world.late.append((world.now + _s3_claims.LATE_SECONDS, step))
        if outcome == "done, and comes again late" and isinstance(step, Put):
            answer = False
        if isinstance(step, Pause) or outcome in ("done", "done, and comes again late"):
            self._go(lambda: self.steps.send(answer))
        else:
            kind = Unanswered if isinstance(step, Put) and outcome != "refused" else StoreError
            self._go(lambda: self.steps.throw(kind(outcome)))

    def finish(self):
        """Everything goes well from here on."""
        while self.step:
            self.move()


def settle(world, racers):
    """All end, whatever was late has come, and the bytes are the winner's."""
    for racer in racers:
        racer.finish()
    world.pass_by(1000)
    if world.holder is not None and world.objects[KEY][0] != world.holder:
        raise BrokenError(f"{world.objects[KEY][0]} in place of the winner's {world.holder}")


def winners(racers):
    return [racer for racer in racers if True in racer.results]


def two_switches():
    """One racer goes i steps, the other j, and again each to its end, with a fault at any step of either, and a pause
    of the whole world before it goes on.
    """
    for i, j, pause in itertools.product(range(8), range(1, 9), (0.0, 16.0, 62.0)):
        yield i, j, pause, None, "done"
        for fault in range(i + j):
            is_write = fault in WRITES if fault < i else fault - i in WRITES
            yield from ((i, j, pause, fault, outcome) for outcome in (OUTCOMES if is_write else BARE)[1:])


def play(i, j, pause, fault, outcome):
    world = World()
    racers = [Racer(world, b"first", calls=3), Racer(world, b"second", calls=3)]
    for number, racer in enumerate([0] * i + [1] * j):
        if racers[racer].step:
            racers[racer].move(outcome if number == fault else "done")
        if number == i - 1:
            world.pass_by(pause)
    world.pass_by(pause)
    settle(world, racers)
    return world, racers


def test_one_wins_in_every_order_with_two_switches_and_one_fault():
    """Kills at every step, lost answers, writes that come late: never two winners, never another's bytes; and unless
    one is killed there is a winner, who knows it once it has asked again.
    """
    for case in two_switches():
        world, racers = play(*case)
        assert KEY in world.objects, case
        assert len(winners(racers)) == 1 or "killed" in case, case


MOVES = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.sampled_from(["done"] * 12 + list(OUTCOMES))),
        st.tuples(st.just("pass"), st.sampled_from([0.5, 5.0, 16.0, 36.0, 62.0])),
        st.tuples(st.just("set the clock"), st.sampled_from([-240.0, 240.0])),
        st.tuples(st.just("give back"), st.none()),
    ),
    max_size=60,
)


def wander(moves, rates=(1.0, 1.0, 1.0)):
    """Three racers in any order, with any number of faults."""
    world = World()
    racers = [Racer(world, b"%d" % number, rate, calls=3) for number, rate in enumerate(rates)]
    for who, what in moves:
        if who == "pass":
            world.pass_by(what)
        elif who == "set the clock":
            world.server_ahead = max(0.0, what)
        elif who == "give back":
            if world.holder is not None:
                world.holder = world.objects.pop(KEY) and None
        elif racers[who].step:
            racers[who].move(what)
    settle(world, racers)
    return world, racers


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(moves=MOVES, rates=st.tuples(*[st.sampled_from([0.97, 1.0, 1.03])] * 3))
def test_whatever_happens_nobody_wins_beside_a_winner(moves, rates):
    """Three racers, any order, any number of faults, clocks that disagree, a key that is given back and won again."""
    wander(moves, rates)


@pytest.mark.parametrize(
    ("name", "value", "seconds", "ahead"), [("WATCH_SECONDS", 30.0, 31.0, 0.0), ("DEAD_SECONDS", 100.0, 0.0, 240.0)]
)
def test_a_shorter_time_would_have_two_winners(monkeypatch, name, value, seconds, ahead):
    """One stands before its write, the other takes it for dead: with our times it waits, with these it wins too."""

    def race():
        world = World()
        first, second = Racer(world, b"first"), Racer(world, b"second")
        for _ in range(4):
            first.move()
        world.server_ahead = ahead
        while not isinstance(second.step, Pause):
            second.move()
        world.pass_by(seconds)
        for _ in range(20):
            if second.step:
                second.move()
        settle(world, [first, second])
        return first, second

    first, second = race()
    assert (first.results, second.results) == ([True], [False])
    monkeypatch.setattr(_s3_claims, name, value)
    with pytest.raises(BrokenError):
        race()


def test_a_write_that_may_yet_come_keeps_its_claim():
    """The winner gives the key back at once, and still nobody writes it before the late try cannot come."""
    world = World()
    first, second = Racer(world, b"first"), Racer(world, b"second")
    while not (isinstance(first.step, Put) and first.step.key == KEY):
        first.move()
    first.move("done, and comes again late")
    first.finish()
    assert first.results == [True]
    world.holder = world.objects.pop(KEY) and None
    settle(world, [second])

    assert second.results in ([True], [False])
    assert world.objects[KEY][0] == (b"second" if second.results == [True] else b"first")
