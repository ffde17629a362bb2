"""Errors that are not provoked here, each with the reason, and with the test that meets it where there is one.

By the file, and by words of the message that tell it from the others of that file.
"""

from __future__ import annotations

RAY = "needs a real Ray"
INNER = "is caught before a user could see it"
MOMENT = "needs a machine that stands still between two requests"

ELSEWHERE: dict[tuple[str, str], tuple[str, str]] = {
    ("genai/modalities/audio.py", "samples long; allowed here"): (
        INNER, "tests/genai/modalities/test_audio.py::test_what_is_published_must_be_of_the_length_of_the_rows",
    ),
    ("genai/augment/published.py", "found a dataset of"): (
        "needs a published dataset of other rows",
        "tests/end_to_end/test_text.py::test_texts_are_not_mixed_with_real_ones_yet",
    ),
    ("genai/checkpoint.py", "without its files"): (
        "needs a program of the user's own",
        "tests/jobs/test_pretrained.py::test_a_checkpoint_without_its_files_says_so",
    ),
    ("genai/families/gpt.py", "samples of numbers"): (
        INNER, "tests/genai/families/test_gpt.py::test_numbers_are_refused",
    ),
    ("genai/train.py", "no weights that fit"): (
        INNER, "tests/genai/test_train.py::test_weights_of_which_none_fits_are_refused",
    ),
    ("jobs/events.py", "this is no event"): (
        INNER, "tests/jobs/test_events.py::test_a_line_that_is_no_event_is_told_so",
    ),
    ("jobs/ledger.py", "this is no receipt"): (
        INNER, "tests/jobs/test_ledger.py::test_a_damaged_receipt_counts_as_none",
    ),
    ("jobs/show.py", "there is none"): (
        INNER, "tests/jobs/test_show.py::test_only_pictures_leave_a_part",
    ),
    ("jobs/stores/_s3_claims.py", "passed for dead"): (
        MOMENT, "tests/jobs/stores/test_s3.py::test_a_racer_that_passed_for_dead_is_no_winner",
    ),
    ("workers/crew.py", "the cluster has"): (
        RAY, "tests/workers/test_crew.py::test_more_than_the_cluster_has_is_refused_at_once",
    ),
    ("workers/pool.py", "in hand"): (
        RAY, "tests/workers/test_pool.py::test_it_grows_replaces_the_killed_and_lets_them_go_without_work",
    ),
    ("workers/pool.py", "workers in a row could not start"): (
        RAY, "tests/workers/test_pool.py::test_workers_that_never_start_end_the_run",
    ),
    ("workers/pool.py", "no worker had a place"): (
        RAY, "tests/workers/test_pool.py::test_workers_that_find_no_place_end_the_run",
    ),
    ("workers/preparer.py", "preparing the rows was begun"): (
        RAY, "tests/workers/test_prepare.py::test_an_actor_that_is_lost_every_time_ends_the_run",
    ),
    ("workers/seats.py", "training found no room"): (
        RAY, "tests/workers/test_seats.py::test_training_without_room_ends_with_what_it_asks_for",
    ),
}  # fmt: skip
