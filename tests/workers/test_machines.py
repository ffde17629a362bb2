"""Minting over several machines that come, are drained, and are lost."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.soak]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What came of it."""
    return told("machines", tmp_path_factory.mktemp("machines"))


def told(script, folder):
    """What a script beside this file says at its end."""
    words = [sys.executable, "-m", f"tests.workers.{script}", folder]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


def test_a_machine_that_is_drained_ends_what_it_has_in_hand_and_gets_nothing_more(found):
    """Two parts were in its hand when the notice came: both are its own, no other is, and none failed."""
    assert list(found["made"].values()).count(found["leaver"]) == 2
    assert found["failed_by_drain"] == []


def test_a_machine_that_is_added_gets_a_worker_and_one_that_is_lost_costs_no_part(found):
    """What it had in hand comes back, and is made elsewhere."""
    assert 1 <= len(found["failed"]) <= 2
    assert len(found["made"]) == found["parts"]
    assert found["comer"] not in found["made"].values()


def test_what_listens_for_the_notice_of_a_spot_machine_drains_its_node(found):
    """`workers/spot_notice.py`, as cluster.yaml starts it, against metadata that announce the end."""
    assert (found["noticed"], found["left"]) == (0, 1)


def test_an_autoscaler_brings_the_machines_that_are_waited_for_and_takes_them_away(tmp_path):
    """None before the run, one to train on, two to mint on, none when it is over; the checkpoint is the same."""
    found = told("autoscaled", tmp_path)
    assert found["machines"] == {"before": 0, "training": 1, "minting": 2, "after": 0}
    assert found["same"]
    assert found["done"] == found["parts"]
