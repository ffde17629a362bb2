"""Who of a group is to blame, by a clock that only the tests move."""

import pytest

from workers.watch import BEAT_SECONDS, DONE, SHORTEST_START_SECONDS, START_SECONDS, WAITING, Pulse, Watch

PATIENCE = 30.0


class Scene:
    """Two workers at step 7 and their watch. Time passes in beats."""

    def __init__(self):
        self.watch, self.at = Watch(2, PATIENCE), 0.0
        self.pulses = [Pulse(0, "one/11"), Pulse(1, "two/22")]
        self.watch.tick(0.0)
        for pulse in self.pulses:
            pulse.stepped(7)
        self.beat(0, 1)

    def beat(self, *ranks):
        for rank in ranks:
            self.watch.heard(self.pulses[rank].now())

    def pass_(self, seconds, *beating, getting_on=()):
        end = self.at + seconds
        while self.at < end:
            self.at += BEAT_SECONDS
            for rank in getting_on:
                self.pulses[rank]("measuring")
            self.watch.tick(self.at)
            self.beat(*beating)

    @property
    def blamed(self):
        return [suspect.rank for suspect in self.watch.suspects()]


@pytest.fixture
def scene():
    return Scene()


@pytest.mark.parametrize("doing", ["computing", WAITING, "saving"])
def test_who_does_not_beat_is_silent_whatever_it_did(scene, doing):
    """A stopped process says nothing, so it is named with its last words and with those who wait for it."""
    scene.pulses[1](doing)
    scene.pulses[0](WAITING)
    scene.beat(0, 1)
    scene.pass_(PATIENCE, 0)
    assert scene.blamed == []
    scene.pass_(BEAT_SECONDS, 0)
    (suspect,) = scene.watch.suspects()
    assert (suspect.rank, suspect.worker) == (1, "two/22")
    assert suspect.why == f"worker 1, two/22, was silent for 32 s (step 8, {doing}); worker 0, one/11 had to wait"


def test_who_beats_and_does_not_get_on_is_stuck(scene):
    """A deadlock or a dead GPU: the thread that beats lives, the work does not."""
    scene.pulses[0]("computing")
    scene.pulses[1](WAITING)
    scene.pass_(PATIENCE + 2 * BEAT_SECONDS, 0, 1)
    assert scene.blamed == [0]
    assert "one/11, did not get on for 32 s (step 8, computing); worker 1" in scene.watch.suspects()[0].why
    assert scene.watch.waiting() == "worker 0, one/11, step 8, computing for 32 s"


def test_whoever_gets_on_may_take_as_long_as_it_likes(scene):
    """A validation of an hour is no fault while its batches go by."""
    scene.pulses[1](WAITING)
    scene.pass_(3600, 0, 1, getting_on=[0])
    assert scene.blamed == []


def test_moving_bytes_have_time_by_their_number(scene):
    """A state of a gigabyte may take minutes to a slow store, and not for ever."""
    scene.pulses[0]("saving", 1 << 30)
    scene.pulses[1](WAITING)
    scene.pass_(256 + PATIENCE, 0, 1)
    assert scene.blamed == []
    scene.pass_(2 * BEAT_SECONDS, 0, 1)
    assert scene.blamed == [0]


def test_all_who_wait_for_one_another_are_stuck(scene):
    """The network between them is gone: nobody computes."""
    for pulse in scene.pulses:
        pulse(WAITING)
    scene.pass_(PATIENCE + 2 * BEAT_SECONDS, 0, 1)
    assert scene.blamed == [0, 1]


def test_who_is_done_is_not_missed(scene):
    """It leaves while worker 0 still stores the checkpoint."""
    scene.pulses[1](DONE)
    scene.beat(1)
    scene.pass_(3600, 0, getting_on=[0])
    assert scene.blamed == []


def test_seconds_in_which_nobody_listened_do_not_count(scene):
    """A driver that was stopped for an hour finds nobody silent when it wakes."""
    scene.at += 3600
    scene.watch.tick(scene.at)
    assert scene.blamed == []


@pytest.mark.parametrize(("first", "limit"), [((), START_SECONDS), ((0,), PATIENCE)])
def test_who_never_comes_is_missed(first, limit):
    """A start takes long on a busy machine; but where one has come, the other is due."""
    scene = Scene()
    scene.watch = Watch(2, PATIENCE)
    scene.watch.tick(0.0)
    scene.beat(*first)
    scene.pass_(limit, *first)
    assert scene.blamed == []
    scene.pass_(BEAT_SECONDS, *first)
    assert scene.blamed == ([1] if first else [-1])


def test_the_first_step_may_take_longer():
    """Until then libraries are loaded and kernels are chosen."""
    scene = Scene()
    scene.pulses = [Pulse(0, "one/11"), Pulse(1, "two/22")]
    scene.pulses[0]("computing")
    scene.watch = Watch(2, PATIENCE)
    scene.watch.tick(0.0)
    scene.pass_(START_SECONDS, 0, 1)
    assert scene.blamed == []


@pytest.mark.parametrize(
    ("took", "limit"), [(0, START_SECONDS), (4, SHORTEST_START_SECONDS), (30, 90), (200, START_SECONDS)]
)
def test_a_start_shows_how_long_the_next_may_take(took, limit):
    """So that a worker that is stopped while it starts is missed in a minute, where starts are quick."""
    scene = Scene()
    scene.watch = Watch(1, PATIENCE)
    scene.watch.tick(0.0)
    scene.pass_(took)
    scene.pulses[0].steps = int(took > 0)
    scene.beat(0)
    scene.pass_(1000, 0)
    assert scene.watch.next_start == limit
