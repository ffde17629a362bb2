"""The lease: one holder, who is followed when gone, by a clock that nobody has to trust."""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genai.errors import LeaseHeld, StoreError
from jobs import layout, lease
from jobs.lease import STALE_SECONDS, Holder, Leases, holders, keep
from jobs.stores import open_store
from jobs.stores.memory import MemoryStore

NAME = "digits-0123456789ab"
_NUMBERS = itertools.count()


@dataclass
class Clock:
    """Goes on only while somebody sleeps; `then` is what happens meanwhile."""

    now: float = 0.0
    then: object = None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.then:
            self.then(self.now)


@pytest.fixture
def store():
    return open_store(f"memory://lease-{next(_NUMBERS)}")


def elsewhere(store, run="there", **more):
    """Leases of a process on a machine that cannot be asked."""
    made = Leases(store, run, **more)
    made._me = replace(made._me, host="elsewhere", machine="another boot")
    return made


def test_a_second_run_here_is_told_at_once_who_holds_it(store):
    """Run, machine and process are named; no time passes."""
    Leases(store, "one").take(NAME)
    clock = Clock()
    with pytest.raises(LeaseHeld, match=r"run one on .* \(process \d+\) is at work on it; nothing was done") as caught:
        Leases(store, "two", clock=clock).take(NAME)
    assert (caught.value.exit_code, clock.now) == (75, 0.0)


def test_a_released_lease_is_free(store):
    """The next one has it at once, and the marks of the past are cleared away."""
    for run in ("one", "two", "three"):
        leases = Leases(store, run, clock=(clock := Clock()))
        leases.take(NAME)
        leases.release()
        assert clock.now == 0.0
    assert [entry.key for entry in store.list("leases/")] == [layout.lease(NAME, 2)]


def test_a_holder_elsewhere_who_beats_is_held(store):
    """One beat is enough to know that it lives."""
    other = elsewhere(store)
    other.take(NAME)
    clock = Clock(then=lambda now: other.renew() if now >= 5 else None)
    with pytest.raises(LeaseHeld, match="run there on elsewhere"):
        Leases(store, "here", clock=clock).take(NAME)
    assert clock.now < STALE_SECONDS / 2


def test_a_holder_elsewhere_without_a_beat_is_followed(store):
    """After the stated time of one's own clock, not before; and the one that wakes late learns of it and stops."""
    other = elsewhere(store)
    other.take(NAME)
    clock = Clock()
    (mine := Leases(store, "here", clock=clock)).take(NAME)
    assert STALE_SECONDS <= clock.now < STALE_SECONDS + 2
    other.check()
    other.renew()
    with pytest.raises(LeaseHeld, match=r"run here on .* took this run for dead"):
        other.check()
    mine.renew()
    mine.check()


def test_a_process_that_is_gone_is_followed_at_once(store):
    """On its own machine nobody waits for the beats of the dead."""
    code = "from jobs.lease import Holder; import sys; sys.stdout.buffer.write(Holder.here('gone').to_json())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert Holder.from_json(told).run == "gone"
    store.put(layout.lease(NAME, 0), told)
    Leases(store, "here", clock=(clock := Clock())).take(NAME)
    assert clock.now == 0.0


def test_a_stopped_process_here_counts_as_dead_after_the_same_time(store):
    """It has its number still, but no beat."""
    with subprocess.Popen(["sleep", "60"]) as process:
        process.send_signal(19)
        while lease._seen(process.pid)[0] != "T":
            pass
        gone = replace(Holder.here("stopped"), pid=process.pid, born=lease._seen(process.pid)[1])
        store.put(layout.lease(NAME, 0), gone.to_json())
        Leases(store, "here", clock=(clock := Clock())).take(NAME)
        process.kill()
    assert clock.now >= STALE_SECONDS


def test_one_may_wait_for_a_lease(store):
    """Told who holds it, until it is let go."""
    (other := Leases(store, "one")).take(NAME)
    told = []
    clock = Clock(then=lambda now: other.release() if now > 3 else None)
    Leases(store, "two", clock=clock).take(NAME, told.append)
    assert {holder.run for holder in told} == {"one"}


def test_without_leases_nobody_is_kept_out(store):
    """`on=False` writes nothing and minds nothing."""
    Leases(store, "one").take(NAME)
    (free := Leases(store, "two", on=False)).take(NAME)
    free.renew()
    free.check()
    assert len(list(store.list("leases/"))) == 1


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"run": 1}', b"[" * 100_000, b'{"pid": "x"}'])
def test_what_is_no_lease_holds_nothing(store, data):
    """Whatever somebody left there, the next epoch can be had."""
    store.put(layout.lease(NAME, 6), data)
    Leases(store, "here").take(NAME)
    assert json.loads(store.get(layout.lease(NAME, 7)))["run"] == "here"


def test_of_many_racers_one_wins(store):
    """Threads that begin together."""
    start, won = threading.Barrier(16), []

    def race(number):
        leases = Leases(store, f"run-{number}")
        start.wait()
        try:
            leases.take(NAME)
        except LeaseHeld:
            return
        won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_store_that_fails_does_not_end_a_holder(store, monkeypatch):
    """It beats again when the store is back."""
    (mine := Leases(store, "here")).take(NAME)

    def fail(*_):
        raise StoreError("503")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "put", fail)
        mine.renew()
    mine.renew()
    mine.check()
    assert json.loads(store.get(layout.lease(NAME, 0)))["beat"] == 2


def test_leases_are_kept_and_let_go(store):
    """`keep` ends with all of them free."""
    with keep(Leases(store, "one")) as leases:
        leases.take(NAME)
        leases.take("0123456789abcdef")
        assert {name: holder.run for name, holder in holders(store).items()} == {NAME: "one", "0123456789abcdef": "one"}
    assert holders(store) == {}


def test_live_holders_elsewhere_are_told_from_dead_ones(store):
    """By their beats, which are waited for together."""
    live, dead = elsewhere(store, "live"), elsewhere(store, "dead")
    live.take(NAME)
    dead.take("0123456789abcdef")
    clock = Clock(then=lambda _: live.renew())
    assert [holder.run for holder in holders(store, clock).values()] == ["live"]
    assert clock.now < STALE_SECONDS + 2


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["take", "renew", "release", "sleep"])), max_size=40))
def test_two_who_hold_a_lease_cannot_both_have_beaten(steps):
    """Whatever three runs elsewhere do, in any order: of all who think that they hold it, only the highest epoch passes
    a beat and a check.
    """
    store = open_store(f"memory://lease-{next(_NUMBERS)}")
    runs = [elsewhere(store, str(number), clock=Clock()) for number in range(3)]
    for number, step in steps:
        run = runs[number]
        if step == "take":
            with contextlib.suppress(LeaseHeld):
                run.take(NAME)
        elif step == "sleep":
            run._clock.sleep(STALE_SECONDS)
        else:
            getattr(run, step)()
    believers = [run for run in runs if run._held]
    for run in believers:
        run.renew()
    assert sum(not run._lost for run in believers) <= 1
