"""Logical dates: what they stand for in a job file, and what they change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import SpecError
from jobs import layout
from jobs.dates import moment, span, written
from jobs.spec import JobSpec, load

JOB = """
name: nightly
output: out/{{ logical_date | %Y }}
data: {source: ["in/{{ window.start }}/*.parquet", "in/{{window.end|%Y/%m/%d}}.parquet"], label: "{{ logical_date }}"}
"""


def at(date: str | None, text: str = JOB, *overrides: str) -> JobSpec:
    """The job for a date."""
    return load("job.yaml", text, [*overrides, *([f"logical_date={date}"] if date else [])])


def faults(*args: str | None) -> str:
    with pytest.raises(SpecError) as caught:
        at(*args)
    return str(caught.value)


def test_sources_and_output_follow_from_the_window_that_ends_at_the_date():
    """A day before the date, where no other length is said; nothing else of the file is touched."""
    spec = at("2026-11-25")
    assert spec.data.source == ["in/2026-11-24/*.parquet", "in/2026/11/25.parquet"]
    assert spec.output == "out/2026"
    assert spec.data.label == "{{ logical_date }}"
    assert at("2026-11-25", JOB, "window=1w").data.source[0] == "in/2026-11-18/*.parquet"
    assert at("2026-11-25", JOB, "window=6h").data.source[0] == "in/2026-11-24T180000Z/*.parquet"


@pytest.mark.parametrize(
    "same", ["2026-11-25", "2026-11-25T00:00", "2026-11-25T00:00:00Z", "2026-11-25T01:00:00+01:00", "2026-W48-3"]
)
def test_a_date_has_one_form(same):
    """The same moment, however it is written, is the same run."""
    assert at(same).logical_date == "2026-11-25"
    assert layout.run_id(at(same)) == layout.run_id(at("2026-11-25"))


def test_each_date_has_a_run_and_samples_of_its_own():
    """And each seed, too; a run without a date keeps the seed as it is."""
    plain = "name: n\noutput: o\ndata: {source: s}\nseed: 7"
    nights = [at(f"2026-11-{day:02}", plain) for day in range(1, 31)]
    assert len({layout.run_id(spec) for spec in nights}) == 30
    assert len({spec.sampling_seed for spec in nights}) == 30
    assert at("2026-11-01", plain, "seed=8").sampling_seed != nights[0].sampling_seed
    assert at(None, plain).sampling_seed == 7
    assert {spec.train.seed for spec in nights} == {at(None, plain).train.seed}


def test_a_written_job_file_says_the_same():
    """What stood for a date is filled in, and the date is a field."""
    spec = at("2026-11-25T02:00Z")
    assert load("job.yaml", spec.to_yaml()) == spec


def test_what_stands_for_nothing_is_a_fault_at_its_place():
    """An unknown name, a form that no date has, and any of them in a run without a date."""
    assert "job.yaml:3:9: output: found {{ logical_date | %Y }} in a run without a date" in faults(None)
    assert "found {{ ds }}; allowed: {{ logical_date }}, {{ window.start }}" in faults(
        "2026-11-25", JOB, "output='{{ ds }}'"
    )
    assert "found {{ logical_date | %q }}; allowed:" in faults("2026-11-25", JOB, "output='{{ logical_date | %q }}'")


@pytest.mark.parametrize(
    "date", ["tomorrow", "2026-13-01", "2026-11-25T25:00", "25.11.2026", "''", "0", "[]", "0001-01-01", "9999-12-31"]
)
def test_what_is_no_date_is_a_fault(date):
    """Named by the option that it comes from."""
    assert faults(date, "name: n\noutput: o\ndata: {source: s}").startswith(
        f"--logical-date {date}: logical_date: found "
    )


@pytest.mark.parametrize("window", ["0d", "1", "d", "1y", "-1d", "1.5h", "10000d"])
def test_what_is_no_length_is_a_fault(window):
    """Lengths are whole numbers of minutes, hours, days or weeks."""
    assert "window: found" in faults("2026-11-25", "name: n\noutput: o\ndata: {source: s}", f"window='{window}'")


@given(st.datetimes(datetime(1900, 1, 1), datetime(8999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis adds the zone
def test_a_moment_comes_back(when):
    """To the second."""
    assert moment(written(when)) == when.replace(microsecond=0)


def test_lengths():
    """By their units."""
    assert [span(text) for text in ("30m", "6h", "1d", "2w")] == [
        timedelta(minutes=30), timedelta(hours=6), timedelta(days=1), timedelta(weeks=2),
    ]  # fmt: skip
