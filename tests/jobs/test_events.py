import itertools
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import IntegrityError, StoreError
from jobs.events import KINDS, SEGMENT_EVENTS, SEGMENT_SECONDS, Event, EventLog, read
from jobs.stores.memory import MemoryStore

VALUES = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(st.characters(codec="utf-8"))
NAMES = st.text("abcdefgh", min_size=2, max_size=6)
_STORES = count()


class Failing(MemoryStore):
    """A memory store whose puts fail while it is `down`; `puts` counts the attempts."""

    def __init__(self) -> None:
        super().__init__(f"memory://events-{next(_STORES)}")
        self.down, self.puts = False, 0

    def put(self, key: str, data: bytes) -> None:
        self.puts += 1
        if self.down:
            raise StoreError("503: slow down")
        super().put(key, data)


@pytest.fixture
def store() -> Failing:
    """An empty store, up yet."""
    return Failing()


def steps(store, run="r") -> list[int]:
    return [event.fields["step"] for event in read(store, run)]


@given(st.sampled_from(sorted(KINDS)), st.floats(0, 1e10), st.dictionaries(NAMES, VALUES, max_size=4))
def test_an_event_comes_back(kind, at, fields):
    """On one line, to the millisecond, whatever it says."""
    line = Event(kind, at, fields).to_json()
    assert "\n" not in line
    assert Event.from_json(line) == Event(kind, round(at, 3), fields)


def test_what_is_no_text_is_told_nevertheless(store):
    """A file name of other bytes comes with a question mark, and ends no run."""
    with EventLog(store, "r") as events:
        events.note("shard_failed", error="cannot read caf\udce9.png")
    assert [event.fields["error"] for event in read(store, "r")] == ["cannot read caf?.png"]


def test_listeners_hear_each_event_at_once_and_in_order(store):
    """Before it is written anywhere; the console needs no store."""
    heard = []
    events = EventLog(store, "r", heard.append, lambda event: heard.append(event.kind), clock=lambda: 7.0)
    events.note("train_step", step=1)
    assert heard == [Event("train_step", 7.0, {"step": 1}), "train_step"]
    assert store.puts == 0


def numbers(store):
    """Of the segments, in order."""
    names = [e.key.rpartition("/")[2] for e in store.list("runs/r/events/")]
    return [int(name.partition("-")[0]) for name in names if name.endswith(".jsonl")]


def test_events_are_written_in_segments_and_read_in_order(store):
    """By number, by time, and what is left at the end; small numbers of objects, whatever is told."""
    with EventLog(store, "r", clock=lambda: 0.0) as events:
        for step in range(2 * SEGMENT_EVENTS + 3):
            events.note("train_step", step=step)
    assert numbers(store) == [0, 1, 2]
    assert steps(store) == list(range(2 * SEGMENT_EVENTS + 3))


def test_a_quiet_run_is_seen_soon(store):
    """An event that comes some seconds after the last segment takes the waiting ones with it."""
    now = [0.0]
    events = EventLog(store, "r", clock=lambda: now[0])
    events.note("train_step", step=1)
    assert steps(store) == []
    now[0] = SEGMENT_SECONDS
    events.note("train_step", step=2)
    assert steps(store) == [1, 2]


def test_a_run_that_is_started_again_goes_on_counting(store):
    """No segment is written over, also where somebody has removed one or put a file of his own there."""
    for step in range(3):
        with EventLog(store, "r", clock=lambda: 0.0) as events:
            events.note("train_step", step=step)
    store.delete(next(e.key for e in store.list("runs/r/events/000001-")))
    store.put("runs/r/events/notes.txt", b"mine")
    with EventLog(store, "r", clock=lambda: 0.0) as events:
        events.note("train_step", step=3)
    assert steps(store) == [0, 2, 3]
    assert numbers(store) == [0, 2, 3]


def test_two_drivers_at_once_do_not_write_over_each_other(store):
    """Both began where the other did; what each told is kept."""
    one, other = EventLog(store, "r"), EventLog(store, "r")
    for step, events in enumerate((one, other)):
        events.note("train_step", step=step)
        events.flush()
    assert sorted(steps(store)) == [0, 1]
    assert numbers(store) == [0, 0]


def test_a_store_that_fails_keeps_the_events(store):
    """They wait, in order, for the next segment; the run is not disturbed."""
    events = EventLog(store, "r", clock=lambda: 0.0)
    store.down = True
    for step in range(SEGMENT_EVENTS + 10):
        events.note("train_step", step=step)
    events.flush()
    assert steps(store) == []
    store.down = False
    events.flush()
    assert steps(store) == list(range(SEGMENT_EVENTS + 10))


def test_a_store_that_fails_is_not_asked_at_every_event(store):
    """Each attempt may take its whole time of retries."""
    events = EventLog(store, "r", clock=lambda: 0.0)
    store.down = True
    for step in range(3 * SEGMENT_EVENTS + 100):
        events.note("train_step", step=step)
    assert store.puts == 3


def test_the_end_of_a_run_writes_what_is_left_also_after_an_error(store):
    """The last events are those that say why."""
    with pytest.raises(RuntimeError), EventLog(store, "r") as events:  # noqa: PT012  # the log is what is tested
        events.note("run_failed", error="x")
        raise RuntimeError
    assert [event.kind for event in read(store, "r")] == ["run_failed"]


def test_runs_do_not_mix(store):
    """Each run has a stream of its own, also where one's id starts with the other's."""
    for run, step in (("r", 1), ("r-2", 2)):
        with EventLog(store, run) as events:
            events.note("train_step", step=step)
    assert (steps(store, "r"), steps(store, "r-2"), steps(store, "r-3")) == ([1], [2], [])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"kind": "run_done"}',
        b'{"kind": 7, "at": 1}',
        b'{"kind": "run_done", "at": "1"}',
        b'{"kind": "run_done", "at": true}',
        b'{"kind": "run_done", "at": NaN}',
        b'{"kind": "run_done", "at": 1e999}',
        b'{"kind": "run_done", "at": -1}',
        b'{"kind": "run_done", "at": 253402300800}',
        b'{"kind": "run_done", "at": ' + b"1" * 5000 + b"}",
        b'{"kind": "run_done", "at": 1, "x": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"kind": "run_done", "at": 1, "x": ' + b"[" * 100_000,
        b"\xff\xfe{\0",
        b"{\0\0\0\x11\x11\x11\x11",
        b"\0{\xd8",
    ],
    ids=itertools.count(),
)
def test_a_line_that_is_no_event_is_told_so(line):
    """Cut off, of other types, out of all calendars, nested too deeply to be printed, or in another encoding."""
    with pytest.raises(IntegrityError, match="this is no event"):
        Event.from_json(line)


def test_a_damaged_line_costs_no_other(store):
    """The rest of the stream is read: events tell, and the ledger knows."""
    with EventLog(store, "r", clock=lambda: 0.0) as events:
        for step in range(3):
            events.note("train_step", step=step)
    (name,) = (entry.key for entry in store.list("runs/r/events/"))
    lines = store.get(name).splitlines(keepends=True)
    store.put(name, lines[0] + lines[1][:20] + b"\n" + b"\x80\x04K\x07.\n" + lines[2])
    assert steps(store) == [0, 2]
