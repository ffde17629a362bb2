"""Whatever a listener does, the run goes on: it is not waited for, and what it missed is known."""

import threading
from itertools import count

import pytest

from genai.errors import StoreError
from jobs.events import Event, EventLog, read
from jobs.listeners import Audience
from jobs.stores.memory import MemoryStore

_STORES = count()


class Ear:
    """Hears `train_step` and does with each event what it is told to."""

    kinds = frozenset({"train_step"})

    def __init__(self, do=lambda event: None, end=lambda: None):
        self.do, self.end, self.heard = do, end, []

    def __call__(self, event):
        self.do(event)
        self.heard.append(event.fields["step"])

    def close(self):
        self.end()
        self.heard.append("end")


@pytest.fixture
def store():
    return MemoryStore(f"memory://audience-{next(_STORES)}")


@pytest.fixture
def gate():
    """What hangs at it goes on when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def run(store, audience, steps=3):
    """A run of some steps; what its events say of listeners."""
    with EventLog(store, "r", audience) as events, audience.heard(events):
        events.note("run_started", run="r")
        for step in range(steps):
            events.note("train_step", step=step)
    told = list(read(store, "r"))
    assert [event.fields["step"] for event in told if event.kind == "train_step"] == list(range(steps))
    return [(event.kind, event.fields) for event in told if event.kind.startswith("listener_")]


def test_a_listener_hears_what_it_asks_for_in_order_and_then_the_end(store):
    """All of it, before the run's process may go."""
    ear, audience = Ear(), Audience(seconds=60)
    audience.add("ear", ear)

    assert run(store, audience) == []
    assert ear.heard == [0, 1, 2, "end"]


def test_each_listener_has_a_thread_of_its_own(store, gate):
    """One that hangs takes nothing from another."""
    ear, audience = Ear(), Audience(seconds=0.5)
    audience.add("deaf", Ear(lambda _: gate.wait()))
    audience.add("ear", ear)

    assert run(store, audience) == [("listener_dropped", {"listener": "deaf", "events": 3})]
    assert ear.heard == [0, 1, 2, "end"]


def test_what_finds_no_room_is_dropped_and_counted(store, gate):
    """A listener that hangs holds up nobody, however much is told; the count is exact."""
    audience = Audience(room=2, seconds=0.01)
    audience.add("deaf", Ear(lambda _: gate.wait()))

    assert run(store, audience, steps=500) == [("listener_dropped", {"listener": "deaf", "events": 500})]


def test_a_failure_is_noted_once_and_the_next_event_is_heard_all_the_same(store):
    """A service that is away now may be back for the run's end."""

    def fail(event):
        if event.fields["step"] < 2:
            raise StoreError(f"step {event.fields['step']}: busy")

    ear, audience = Ear(fail), Audience(seconds=60)
    audience.add("ear", ear)

    assert run(store, audience) == [("listener_failed", {"listener": "ear", "error": "step 0: busy"})]
    assert ear.heard == [2, "end"]


def test_a_failure_is_told_while_the_run_goes_on(store):
    """With the event that comes after it, not only at the end of a long night."""
    failed, told = threading.Event(), []

    def fail(event):
        failed.set() if event.fields["step"] else None
        raise StoreError("busy")

    audience = Audience(seconds=60)
    audience.add("ear", Ear(fail))
    with EventLog(store, "r", audience, lambda event: told.append(event.kind)) as events, audience.heard(events):
        events.note("train_step", step=0)
        events.note("train_step", step=1)
        assert failed.wait(60)
        events.note("stage_done", stage="train")
        during = list(told)

    assert during.count("listener_failed") == 1
    assert told.count("listener_failed") == 1


def test_what_a_library_raises_is_told_by_its_class_alone(store):
    """Its text may hold the address that it was sent to, with a key in it."""
    audience = Audience(seconds=60)
    audience.add("ear", Ear(lambda _: {}["https://user:canary@host/?key=canary"]))

    assert run(store, audience) == [("listener_failed", {"listener": "ear", "error": "KeyError"})]


def test_a_listener_that_fails_or_hangs_at_the_end_is_told_too(store, gate):
    """It has heard all, but nobody knows what became of it."""

    def fail():
        raise StoreError("cannot write the last")

    audience = Audience(seconds=0.5)
    audience.add("failing", Ear(end=fail))
    audience.add("hanging", Ear(end=gate.wait))

    assert run(store, audience) == [
        ("listener_failed", {"listener": "failing", "error": "cannot write the last"}),
        ("listener_failed", {"listener": "hanging", "error": "it has heard all, but did not come to its end"}),
    ]


def test_the_end_has_one_bound_for_all_listeners(store, gate):
    """A hundred that hang take no longer than one: each is asked before the first is waited for."""
    audience = Audience(room=3, seconds=0.5)
    ended = []
    for number in range(100):
        audience.add(f"deaf {number}", Ear(lambda _: gate.wait()))
    audience.add("ear", Ear(end=lambda: ended.append(1)))

    assert len(run(store, audience)) == 100
    assert ended == [1]


def test_a_run_that_ends_with_an_error_is_told_to_its_end(store):
    """And the error is the run's own."""

    def fail():
        raise RuntimeError("mine")

    ear, audience = Ear(), Audience(seconds=60)
    audience.add("ear", ear)
    with pytest.raises(RuntimeError, match="mine"), EventLog(store, "r", audience) as events, audience.heard(events):
        events.note("train_step", step=0) or fail()

    assert ear.heard == [0, "end"]


def test_one_that_comes_later_hears_what_is_told_then(store):
    """As the cluster's metrics do, when there is a cluster."""
    ear, audience = Ear(), Audience(seconds=60)
    with EventLog(store, "r", audience) as events, audience.heard(events):
        events.note("train_step", step=0)
        audience.add("ear", ear)
        events.note("train_step", step=1)

    assert ear.heard == [1, "end"]


def test_an_audience_that_no_run_is_told_to_says_nothing():
    """Before a run holds its lease there is no stream to note a failure in."""
    audience = Audience()
    audience.add("ear", Ear())
    audience(Event("train_step", 0.0, {"step": 0}))
