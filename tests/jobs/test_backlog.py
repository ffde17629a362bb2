"""The backlog's bookkeeping, by a clock that stands still unless it is moved."""

import pytest

from genai.errors import InputError, StoreError, WorkerError
from jobs.backlog import OUTAGE_SECONDS, Backlog
from jobs.crew import Failed
from jobs.policy import Quarantine, Retry, Stop
from jobs.shards import Plan
from tests.jobs.scripted import Clock

SHARDS = list(Plan(100, 10))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def backlog(clock):
    """Ten shards of three attempts each."""
    return Backlog(iter(SHARDS), 3, clock)


def begin(backlog, number=1):
    """Take so many shards and begin them."""
    taken = [backlog.take() for _ in range(number)]
    for shard in taken:
        backlog.begun(shard)
    return taken


def fail(backlog, shard, error=None, *, shared=False):
    return backlog.failed(Failed(shard, error or WorkerError("lost"), shared=shared))


def finish(backlog, clock, number, seconds):
    """So many shards that take so long each."""
    for _ in range(number):
        (shard,) = begin(backlog)
        clock.sleep(seconds)
        assert backlog.finished(shard)


def test_who_was_lost_with_others_is_not_charged_and_then_tried_alone(backlog):
    """Nobody knows which of them it was; from then on it is known."""
    one, other = begin(backlog, 2)
    assert fail(backlog, one, shared=True) == fail(backlog, other, shared=True) == Retry(0.0)
    assert not backlog.tries
    assert begin(backlog, 2) == [one, other]
    assert backlog.alone(one)
    assert backlog.alone(other)
    assert backlog.finished(other)
    assert isinstance(fail(backlog, one), Retry)
    assert backlog.tries == {one.number: 1}


def test_who_is_known_to_have_ended_its_worker_is_charged_and_tried_alone(backlog):
    """Also where it was lost with others, who are not."""
    one, other = begin(backlog, 2)
    assert isinstance(fail(backlog, one), Retry)
    assert fail(backlog, other, shared=True) == Retry(0.0)
    assert backlog.tries == {one.number: 1}
    assert backlog.alone(one)


def test_being_lost_with_others_is_forgiven_once(backlog, clock):
    """Whatever happens, a shard is tried a bounded number of times."""
    (shard,) = begin(backlog)
    decisions = [fail(backlog, shard, shared=True)]
    while isinstance(decisions[-1], Retry):
        clock.sleep(60)
        begin(backlog)
        decisions.append(fail(backlog, shard, shared=True))
    assert [type(decision) for decision in decisions] == [Retry, Retry, Retry, Quarantine]


def test_an_outage_of_the_store_charges_no_shard_and_begins_nothing_new(backlog, clock):
    """Where several shards fail by the store and none gets through; the first part that does ends it."""
    one, other = begin(backlog, 2)
    fail(backlog, one, StoreError("503"))
    fail(backlog, other, StoreError("503"))
    for _ in range(10):
        clock.sleep(60)
        again = begin(backlog, 2)
        assert set(again) == {one, other}
        assert all(isinstance(fail(backlog, shard, StoreError("503")), Retry) for shard in again)
    assert backlog.take() is None
    clock.sleep(60)
    (shard,) = begin(backlog)
    assert backlog.finished(shard)
    clock.sleep(60)
    assert backlog.take() in (one, other)
    assert backlog.take() == SHARDS[2]
    assert max(backlog.tries.values()) == 1


def test_an_outage_that_does_not_end_stops_the_run(backlog, clock):
    """After the stated time without a single part."""
    one, other = begin(backlog, 2)
    fail(backlog, one, StoreError("503"))
    fail(backlog, other, StoreError("503"))
    clock.sleep(OUTAGE_SECONDS + 1)
    (shard,) = begin(backlog)
    assert fail(backlog, shard, StoreError("503")) == Stop()


def test_one_shard_that_the_store_refuses_is_charged(backlog, clock):
    """Where the store takes the others, it is this shard's matter."""
    (shard,) = begin(backlog)
    decisions = [fail(backlog, shard, StoreError("odd"))]
    while isinstance(decisions[-1], Retry):
        clock.sleep(60)
        begin(backlog)
        decisions.append(fail(backlog, shard, StoreError("odd")))
    assert len(decisions) == 3


def test_bad_input_stops(backlog):
    """No other shard can do better."""
    (shard,) = begin(backlog)
    assert fail(backlog, shard, InputError("x")) == Stop()


def test_a_straggler_is_who_takes_far_longer_than_the_others(backlog, clock):
    """Known when some have been done, and doubled once."""
    (slow,) = begin(backlog)
    assert backlog.straggler() is None
    finish(backlog, clock, 3, 10.0)
    assert backlog.straggler() == slow
    backlog.begun(slow)
    assert backlog.straggler() is None


def test_nobody_is_a_straggler_who_takes_the_usual_time(backlog, clock):
    """Nor a little more, where parts take parts of a second."""
    finish(backlog, clock, 5, 0.1)
    begin(backlog)
    clock.sleep(1.0)
    assert backlog.straggler() is None


@pytest.mark.parametrize("first_fails", [False, True])
def test_of_two_tries_the_first_part_counts(backlog, clock, first_fails):
    """The other's end is not heard, whatever it is; one that fails while the other runs decides nothing."""
    finish(backlog, clock, 3, 1.0)
    (slow,) = begin(backlog)
    backlog.begun(slow)
    if first_fails:
        assert fail(backlog, slow) is None
        assert backlog.finished(slow)
    else:
        assert backlog.finished(slow)
        assert fail(backlog, slow) is None
    assert not backlog.finished(slow)
    assert not backlog.tries
    assert slow.number not in backlog.running


def test_a_shard_is_left_until_it_is_done_or_given_up(clock):
    """Running, waiting and fresh ones count."""
    backlog = Backlog(iter(SHARDS[:1]), 1, clock)
    assert backlog.left()
    (shard,) = begin(backlog)
    assert backlog.left()
    assert fail(backlog, shard) == Quarantine()
    backlog.give_up(shard, WorkerError("lost"))
    assert not backlog.left()
