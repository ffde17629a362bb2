import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai import errors
from genai.errors import DataError, GenaiError, InputError, Refused, SpecError, StoreError, StoreRefused, WorkerError
from jobs.policy import FIRST_DELAY, LONGEST_DELAY, Quarantine, Retry, Stop, decide

WORLDS_FAULTS = [StoreError("503"), WorkerError("lost"), errors.IntegrityError("bits"), OSError("disk"), MemoryError()]
BAD_INPUT = [InputError("x"), DataError("row 3"), StoreRefused("no bucket"), SpecError(("x",))]


@pytest.mark.parametrize("error", BAD_INPUT, ids=repr)
@pytest.mark.parametrize("tries", [1, 3])
def test_bad_input_stops_the_run(error, tries):
    """It is as bad for every other shard, whichever try this is."""
    assert decide(error, 0, tries, 3) == Stop()


@pytest.mark.parametrize("error", WORLDS_FAULTS, ids=repr)
def test_all_else_is_tried_again_then_given_up(error):
    """As often as the job allows, the first try included."""
    found = [type(decide(error, 5, tries, 3)) for tries in (1, 2, 3, 4)]
    assert found == [Retry, Retry, Quarantine, Quarantine]


def test_what_filters_refuse_is_tried_once():
    """Another try would draw the same; the other shards go on."""
    assert decide(Refused("sample 3"), 0, 1, 3) == Quarantine()


def test_a_single_attempt_is_no_retry():
    """`attempts: 1` gives a shard up at its first failure."""
    assert decide(WorkerError("lost"), 0, 1, 1) == Quarantine()


@given(st.integers(0, 10**9), st.integers(1, 100))
def test_delays_grow_to_a_bound_with_jitter(shard, tries):
    """From half a second, doubled each time, at most thirty; each shortened by up to a half."""
    delay = decide(StoreError("503"), shard, tries, 1000).delay
    whole = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (tries - 1))
    assert whole / 2 <= delay <= whole


def test_shards_do_not_come_back_together():
    """The jitter differs by shard, and is the same every time."""
    delays = [decide(StoreError("503"), shard, 1, 3).delay for shard in range(100)]
    assert len(set(delays)) == 100
    assert delays == [decide(StoreError("503"), shard, 1, 3).delay for shard in range(100)]


def test_every_error_of_ours_is_decided():
    """Those with exit code 2, and they alone, are the user's to mend."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GenaiError)]
    assert len(kinds) > 10
    for kind in kinds:
        assert isinstance(decide(kind(("x",)), 0, 1, 3), Stop) == (kind.exit_code == 2)
