"""The newest result of what is slow, and of what fails."""

import threading

import pytest

from genai.errors import StoreError
from jobs.web.kept import SILENT, Kept


def test_a_result_is_made_anew_only_when_it_is_due():
    """However often it is looked at."""
    now, made = [0.0], []
    kept = Kept(lambda: made.append(1) or len(made), 5.0, lambda: now[0])
    looks = [kept.look(), kept.look()]
    now[0] = 6.0

    assert [*looks, kept.look()] == [1, 1, 2]


def test_a_fault_leaves_what_was_known():
    """And is told until it is over."""
    now, faults = [0.0], [None, StoreError("away"), None]

    def make():
        if fault := faults.pop(0):
            raise fault
        return len(faults)

    kept = Kept(make, 1.0, lambda: now[0])
    seen = [(kept.look(), kept.trouble)]
    for now[0] in (2.0, 4.0):
        seen.append((kept.look(), kept.trouble))

    assert seen == [(2, ""), (2, "away"), (0, "")]


def test_who_looks_does_not_wait_for_a_store_that_hangs():
    """One thread asks it; others get what is known, and are told for how long it has been silent."""
    now, hangs, asked = [0.0], threading.Event(), []
    kept = Kept(lambda: asked.append(1) or hangs.wait(), 1.0, lambda: now[0])
    looks = [kept.look(0.0) for _ in range(3)]
    now[0] = SILENT + 1

    assert (looks, len(asked)) == ([None] * 3, 1)
    assert "11 s" in kept.trouble
    hangs.set()
    assert kept.look(30) is True


def test_a_mistake_of_ours_is_no_trouble_of_the_store():
    """It is raised where it is looked at."""
    kept = Kept(lambda: 1 // 0, 1.0)
    with pytest.raises(ZeroDivisionError):
        kept.look()
