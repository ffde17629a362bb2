"""Errors that are not provoked here, each with the reason, and with the test that meets it where there is one.

By the file, and by words of the message that tell it from the others of that file.
"""

from __future__ import annotations

RAY = "needs a real Ray"
ROOM = "needs a cluster that has no room for a quarter of an hour"
INNER = "is caught before a user could see it"
MOMENT = "needs a machine that stands still between two requests"

ELSEWHERE: dict[tuple[str, str], tuple[str, str]] = {
    ("jobs/events.py", "this is no event"): (INNER, ""),
    ("jobs/ledger.py", "this is no receipt"): (
        INNER, "tests/jobs/test_ledger.py::test_a_damaged_receipt_counts_as_none",
    ),
    ("jobs/stores/_s3_claims.py", "passed for dead"): (
        MOMENT, "tests/jobs/stores/test_s3.py::test_a_racer_that_passed_for_dead_is_no_winner",
    ),
    ("workers/crew.py", "the cluster has"): (
        RAY, "tests/workers/test_crew.py::test_more_than_the_cluster_has_is_refused_at_once",
    ),
    ("workers/pool.py", "in hand"): (
        RAY, "tests/workers/test_pool.py::test_a_killed_worker_gives_its_shards_back_and_is_replaced",
    ),
    ("workers/pool.py", "workers in a row could not start"): (RAY, ""),
    ("workers/pool.py", "no worker had a place"): (ROOM, ""),
    ("workers/seats.py", "training found no room"): (ROOM, ""),
}  # fmt: skip
