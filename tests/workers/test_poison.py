"""Shards that end their worker every time, on a real Ray."""

import pytest

from genai.errors import Incomplete
from jobs.driver import drive
from jobs.events import EventLog
from jobs.survey import survey
from tests.jobs.scripted import job
from workers.crew import RayCrew

pytestmark = [pytest.mark.ray, pytest.mark.soak]

WAYS = {"raises": 15, "crashes": 35, "devours": 75, "loops": 95}  # in parts of ten


def poisoned(output):
    fields = "".join(f", {how}: {at}" for how, at in WAYS.items())
    return job(
        f'model={{family: "tests.poison:Poison", backbone: dense, latent: 4, width: 16{fields}}}',
        "generate.count=120",
        "generate.attempts=2",
        "generate.workers.patience=6",
        output=output,
    )


def go(spec, told):
    found = survey(spec)
    with EventLog(found.store, "r", told.append) as events:
        return drive(found, RayCrew(), events)


def test_poison_is_given_up_and_named_and_its_neighbours_are_made(output):
    """An exception, a segfault, memory that is not there, an endless loop: each of the four shards is tried twice, and
    the other eight are committed. The next run tries those four alone.
    """
    spec, told = poisoned(output), []
    with pytest.raises(Incomplete, match="8 of 12 parts are safe, 4 were given up after 2 tries each"):
        go(spec, told)
    errors = {e.fields["shard"]: e.fields["error"] for e in told if e.kind == "shard_quarantined"}
    assert "ZeroDivisionError: by this sample" in errors["part-00001.parquet"]
    assert "was lost" in errors["part-00003.parquet"]
    assert "MemoryError" in errors["part-00007.parquet"]
    assert "made no progress for 6 s: it draws sample 90 of part-00009.parquet" in errors["part-00009.parquet"]
    assert len(survey(spec).receipts) == 8
    charged = [e.fields["shard"] for e in told if e.kind == "shard_failed" and e.fields["tries"] == 2]
    assert sorted(charged) == sorted(errors)

    told.clear()
    with pytest.raises(Incomplete, match="8 of 12"):
        go(spec, told)
    assert {e.fields["shard"] for e in told if e.kind == "shard_failed"} == set(errors)
    assert not [e for e in told if e.kind == "part_done"]
