"""What the commands say of a store that anybody may have written to."""

import json
from itertools import count

import pytest

from jobs import view
from jobs.stores import open_store

RUN = "tiny-0123456789ab"
GOOD = {"state": "done", "began": 1.5, "ended": 2, "rows": 9, "dataset": "k", "more": [1]}
_STORES = count()


def stored(result):
    """An output with one run, and its result as it lies there."""
    store = open_store(f"memory://view-{next(_STORES)}/out")
    store.put(f"tiny/runs/{RUN}/job.yaml", b"")
    store.put(f"tiny/runs/{RUN}/result.json", result)
    return store


def test_a_result_is_told():
    """With its times as dates, and with what a later release may say."""
    (run,) = view.runs(stored(json.dumps(GOOD).encode()).uri)

    assert run == {"run": RUN, "job": "tiny", **GOOD, "ended": "1970-01-01 00:00 Z"}
    assert list(view.run_lines([run])) == [f"{RUN:<32} done        1970-01-01 00:00 Z            9 samples"]


@pytest.mark.parametrize(
    "changes",
    [
        {"state": 7},
        {"rows": "9"},
        {"rows": True},
        {"began": "now"},
        {"ended": [2]},
        {"ended": 1e300},
        {"ended": -1},
        {"error": None},
        {"dataset": ["k"]},
        {"run": "another"},
        {"job": {}},
    ],
    ids=json.dumps,
)
def test_a_result_with_a_field_of_another_kind_counts_as_none(changes):
    """The run is listed as one that was begun."""
    store = stored(json.dumps(GOOD | changes).encode())
    (run,) = view.runs(store.uri)

    assert view.result_of(store.child("tiny"), RUN) is None
    assert run == {"run": RUN, "job": "tiny", "state": "started", "ended": None}
    assert len(list(view.run_lines([run]))) == 1


@pytest.mark.parametrize("data", [b"", b"[]", b"\x80\x04K\x07.", b"[" * 100_000, b'{"ended": NaN}'])
def test_what_is_no_result_counts_as_none(data):
    """Cut off, of another shape, nested without end."""
    assert view.result_of(stored(data).child("tiny"), RUN) is None
