"""What the events say, in figures; and what they cannot say, whoever has written them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.events import KINDS, Event, read
from jobs.stores import open_store
from jobs.web import seen
from jobs.web.rates import DRAWN, MARKS, Rate, Series
from jobs.web.told import Told
from tests.jobs.web.conftest import KEY, begin


def told(*events):
    made = Told()
    for event in events:
        made.add(event)
    return made


def event(kind, at=10.0, **fields):
    return Event(kind, at, fields)


@pytest.fixture(scope="module")
def half():
    """Six of ten parts."""
    store = open_store("memory://told")
    begin(store, "run", parts=10, done=6)
    return told(*read(store, "run"))


def test_progress_is_told_by_stage(half):
    """How much is done, how fast, and for how long still."""
    train, generate = half.stages["train"], half.stages["generate"]

    assert (train.state, train.share, train.seconds, train.workers) == ("done", 1.0, 90.0, 4)
    assert (generate.state, generate.done, generate.total, generate.share) == ("running", 6, 10, 0.6)
    assert (generate.rate.now, generate.left) == (50.0, 4.0)
    assert half.dataset == KEY


def test_the_time_that_a_training_takes_to_begin_is_no_step_s():
    """What is left is told from the second word on: 20 steps in 4 s, 60 to go."""
    begun = event("train_started", at=0.0, step=0, workers=1)
    steps = [event("train_step", at=at, step=step, steps=100) for step, at in ((20, 100.0), (40, 104.0))]

    assert told(begun, steps[0]).stages["train"].left is None
    assert told(begun, *steps).stages["train"].left == 12.0


def test_progress_is_told_by_worker(half):
    """Each with its parts and its rows, from the beginning of its first part on."""
    (first, second), more = seen.worker_lines(half)

    assert (first.name, first.parts, first.rows, first.heard) == ("hand-0", 3, 150, "1970-01-12 13:48:16 UTC")
    assert (second.name, second.parts, second.rate) == ("hand-1", 3, 30.0)
    assert more == 0


def test_a_worker_is_heard_of_after_its_stage_is_over(half):
    """As it is when it has made no part, and failed."""
    failed = event("shard_failed", at=12.0, stage="generate", shard="part-00001.parquet", worker="w", error="nan")
    after = told(failed, event("stage_started", stage="publish images", key=KEY, parts=1))

    assert [line.heard for line in seen.worker_lines(after)[0]] == ["1970-01-01 00:00:12 UTC"]


@pytest.mark.parametrize(
    ("amount", "text"), [(0.0, "0.00"), (0.00042, "0.00042"), (0.029, "0.029"), (1234.5, "1,234.50")]
)
def test_what_a_run_costs_is_told_to_the_digits_that_say_something(amount, text):
    """A minute of a cheap machine is not for nothing."""
    assert seen.money(amount) == text


def test_work_is_that_of_all_workers(half):
    """Four that train for 90 s; two that mint, one for 5 s and one for 5 s."""
    assert half.seconds == 4 * 90 + 5 + 5


def test_a_shard_that_is_made_after_all_is_given_up_no_more():
    """It is listed as long as nobody has made it."""
    given_up = event("shard_quarantined", stage="generate", shard="part-00003.parquet", error="nan")
    made = event("part_done", part="part-00003.parquet", rows=1, done=1, parts=2, worker="w", seconds={})

    assert told(given_up).quarantined == {"part-00003.parquet": "nan"}
    assert told(given_up, event("run_started"), made).quarantined == {}


def test_a_second_try_begins_anew_and_keeps_the_work_of_the_first():
    """Its stages are those of the new try; the hours of both are paid."""
    begun = event("stage_started", at=0.0, stage="generate", key=KEY, parts=2, done=0)
    part = event("part_done", at=8.0, part="part-00000.parquet", done=1, parts=2, worker="w", seconds={"draw": 8})
    failed = event("run_failed", at=9.0, error="x", exit_code=143)
    again = told(event("run_started", at=0.0), begun, part, failed, event("run_started", at=1000.0))

    assert (again.tries, again.stages, again.end, again.seconds) == (2, {}, None, 8.0)


def test_a_rate_is_bounded_however_long_it_goes_on():
    """A year of parts; what is drawn adds up to what came."""
    rate = Rate(0.0)
    for minute in range(1, 20_000):
        rate.add(minute * 60.0, 60, minute)

    assert len(rate.counted.points) <= MARKS + 1
    assert 2 < len(rate.points) <= DRAWN
    assert [y for _, y in rate.points] == pytest.approx([1.0] * len(rate.points))
    assert rate.now == pytest.approx(1.0)


def test_parts_that_come_together_are_drawn_as_the_rate_that_they_are():
    """Two workers, a part of 50 each at every tenth second: ten a second from the first to the last, no peaks."""
    rate = Rate(0.0)
    for at in range(10, 210, 10):
        rate.add(at, 50, at // 5 - 1)
        rate.add(at + 0.01, 50, at // 5)

    assert [y for _, y in rate.points] == pytest.approx([10.0] * len(rate.points), rel=0.01)
    assert rate.points[-1][0] == pytest.approx(200.01 / 60)


def test_a_series_is_thinned():
    """Its points stay in order, from the whole of it."""
    series = Series(most=100)
    for x in range(100_000):
        series.add(x, 1.0)

    xs = [x for x, _ in series.points]
    assert len(xs) <= 101
    assert xs == sorted(xs)
    assert xs[-1] > 90_000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["stage", "key", "part", "parts", "done", "of", "rows", "step", "steps", "loss", "workers", "worker",
          "seconds", "error", "shard", "exit_code", "on", "place", "rows_per_second"]  # fmt: skip


@given(
    st.lists(
        st.builds(
            Event,
            st.sampled_from([*KINDS, "unheard"]),
            st.floats(0, 2.5e11),
            st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8),
        ),
        max_size=12,
    )
)
def test_whatever_an_event_says_can_be_told(events):
    """A field of another kind counts as not there: no event breaks the page."""
    made = told(*events)

    assert seen.stage_lines(made, ["prepare", "train"])
    assert seen.worker_lines(made)[1] == 0
    assert len(seen.charts(made)) + len(seen.failures(made)) >= 0
    assert made.seconds >= 0
