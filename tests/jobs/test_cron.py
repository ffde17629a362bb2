from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import InputError
from jobs.cron import Cron

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def numbers(low, high):
    one = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda two: f"{min(two)}-{max(two)}")
    stepped = st.tuples(st.one_of(one, span, st.just("*")), st.integers(1, 99)).map(lambda two: f"{two[0]}/{two[1]}")
    return st.lists(st.one_of(one, span, stepped), min_size=1, max_size=3).map(",".join)


FIELD = [st.one_of(st.just("*"), numbers(*bounds)) for bounds in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 7))]


def starts(text, count=20):
    return list(islice(CronSim(text, NEW_YEAR), count))


@given(st.tuples(*FIELD).map(" ".join))
def test_what_all_read_alike_means_what_was_typed(said):
    """The text that schedulers are given has the starts of the one that was typed, or that was refused."""
    try:
        cron = Cron.read(said)
    except InputError as error:
        assert "a star with a step" in str(error)  # noqa: PT017  # one of two ways to go
        return
    assert starts(cron.text) == starts(said)
    assert Cron.of(cron.text) == cron  # which may be longer than what is typed


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("0 2 * * *", "0 2 * * *"),
        ("  00\t02 * *   * ", "0 2 * * *"),
        ("*/15 * * * *", "*/15 * * * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),  # Debian's cron takes no step without a range
        ("*/90 2 * * *", "0 2 * * *"),  # a step beyond the field
        ("0 2 * jan-mar mon,FRI", "0 2 * 1,2,3 1,5"),
        ("0 2 * * 7", "0 2 * * 0"),  # Kubernetes knows no 7
        ("0 2 * * 5-7", "0 2 * * 0,5,6"),
        ("0 2 1-31 * *", "0 2 * * *"),
        ("0 2 1-31 * MON", "0 2 * * *"),  # either: each day is one of the month
        ("0 2 */2 * *", "0 2 */2 * *"),
        ("0 2 1,15 * MON", "0 2 1,15 * 1"),
    ],
)
def test_one_way_to_say_it(said, text):
    """Names, Sunday's second number and what only some read become what all read."""
    assert Cron.read(said).text == text


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("0 2 * * *", "%Y-%m-%d"),
        ("59 23 1 * MON", "%Y-%m-%d"),
        ("15 */6 * * *", "%Y-%m-%dT%H:00Z"),
        ("0 2,14 * * *", "%Y-%m-%dT%H:00Z"),
        ("*/15 * * * *", "%Y-%m-%dT%H:%MZ"),
        ("0,30 2 * * *", "%Y-%m-%dT%H:%MZ"),
    ],
)
def test_a_date_is_no_finer_than_it_needs_to_be(said, form):
    """A start that is late, by less than the time between two, has the date of one that is not."""
    cron = Cron.read(said)
    assert cron.form == form
    times = list(islice(CronSim(cron.text, NEW_YEAR), 50))
    assert len({at.strftime(form) for at in times}) == len(times)
    late = timedelta(seconds=59)
    assert [(at + late).strftime(form) for at in times] == [at.strftime(form) for at in times]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("0 0 2 * * *", "found 6 fields; allowed: five"),
        ("0 2 * *", "found 4 fields"),
        ("", "found 0 fields"),
        ("@daily", "found 1 fields"),
        ("60 2 * * *", "found '60' as minute; allowed: 0-59"),
        ("0 24 * * *", "found '24' as hour; allowed: 0-23"),
        ("0 2 0 * *", "found '0' as day-of-month; allowed: 1-31"),
        ("0 2 30 2 *", "found '30' as day-of-month; allowed: 1-31, of a month that has it"),
        ("0 2 * 13 *", "found '13' as month; allowed: 1-12 or JAN-DEC"),
        ("0 2 * foo *", "found 'FOO' as month"),
        ("0 2 * * 8", "found '8' as day-of-week; allowed: 0-7 or SUN-SAT"),
        ("5-1 2 * * *", "found '5-1' as minute"),
        ("*/0 2 * * *", "found '*/0' as minute"),
        ("1, 2 * * *", "found '1,' as minute"),
        ("-1 2 * * *", "found '-1' as minute"),
        ("x 2 * * *", "found 'X' as minute"),
        ("٣ 2 * * *", "as minute"),
        ("0 2 L * *", "found 'L' as day-of-month"),
        ("0 2 LW * *", "found 'LW' as day-of-month"),
        ("0 2 * * 5L", "found '5L' as day-of-week"),
        ("0 2 * * MON#1", "found 'MON#1' as day-of-week"),
        ("0 2 * * ?", "found '?' as day-of-week"),
        ("0 2 */2 * MON", "a star with a step"),
        (f"{'0,' * 200}0 2 * * *", "found 409 letters; allowed: 200"),
        (f"0 2 {'9' * 5000} * *", "found 5,008 letters"),
        ("0 2 * * *\n0 3 * * *", "found 10 fields"),
    ],
)
def test_what_is_no_cron_line_is_one_message(said, message):
    """It names the option, what was found and what is allowed."""
    with pytest.raises(InputError) as error:
        Cron.read(said)
    told = str(error.value)
    assert told.startswith("--at ")
    assert message in told
    assert "\n" not in told
    assert len(told) < 600
