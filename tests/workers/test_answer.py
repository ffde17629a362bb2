"""What a minting worker says of itself, for whoever waits for it."""

import time

from workers.answer import Answer, said

WAITS = "waits"


def test_who_only_waits_for_another_is_told_last_and_blamed_for_nothing():
    """The one shard at work is named, so that it is known what ended a worker that did not get on."""
    now = time.monotonic()
    found = said({"a": (WAITS, now - 90), "b": ("draws sample 3 of", now - 20)}, WAITS)
    assert found.doing == "draws sample 3 of b, for 20 s"
    assert (round(found.seconds), found.stores, found.shard) == (20, False, "b")


def test_of_several_at_work_none_is_blamed():
    """The youngest sign of progress counts for all of them."""
    now = time.monotonic()
    found = said({"a": ("stores", now - 90), "b": ("stores", now - 20)}, WAITS)
    assert (round(found.seconds), found.stores, found.shard) == (20, True, "")


def test_who_does_nothing_has_nothing_to_say():
    """And is never too late."""
    assert said({}, WAITS) == Answer(stores=True)
