"""The curves, read back by TensorBoard's own reader."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genai.errors import GenaiError
from jobs.events import Event
from jobs.listeners import asked
from jobs.listeners.tensorboard import SEGMENT_SECONDS, Curves
from jobs.stores import open_store

RUN = "tiny-0123456789ab"


def step(number, at, **more):
    told = {"loss": 1 / number, "lr": 1e-3, "rows_per_second": None if number == 1 else 640.0}
    return Event("train_step", at, {"step": number, "steps": 50, **told, **more})


def curves(folder):
    """What TensorBoard shows of a folder: by name, the steps and values."""
    shown = EventAccumulator(str(folder)).Reload()
    return {name: [(s.step, pytest.approx(s.value), s.wall_time) for s in shown.Scalars(name)]
            for name in shown.Tags()["scalars"]}  # fmt: skip


@pytest.mark.parametrize("form", ["{}", "file://{}"], ids=["path", "URI"])
def test_training_and_minting_are_curves(spec, tmp_path, form):
    """By step and with the time of the events; a folder of its own for each run."""
    ((_, listener),) = asked(spec(f"tensorboard: '{form.format(tmp_path / 'tb')}'"))
    listener(step(1, 100.0))
    listener(step(2, 101.0))
    listener(Event("train_validated", 101.5, {"step": 2, "steps": 50, "nelbo": 45.5, "note": "x", "odd": float("inf")}))
    listener(Event("stage_started", 110.0, {"stage": "generate", "parts": 2, "done": 0}))
    listener(Event("part_done", 112.0, {"done": 1, "parts": 2, "rows": 40}))
    listener(Event("part_done", 114.0, {"done": 2, "parts": 2, "rows": 20}))
    listener.close()
    (folder,) = (tmp_path / "tb").iterdir()

    assert folder.name.startswith("tiny-")
    assert curves(folder) == {
        "train/loss": [(1, 1.0, 100.0), (2, 0.5, 101.0)],
        "train/learning_rate": [(1, 1e-3, 100.0), (2, 1e-3, 101.0)],
        "train/rows_per_second": [(2, 640.0, 101.0)],
        "held_out/nelbo": [(2, 45.5, 101.5)],
        "generate/rows": [(1, 40.0, 112.0), (2, 60.0, 114.0)],
        "generate/rows_per_second": [(1, 20.0, 112.0), (2, 15.0, 114.0)],
    }


def test_a_long_run_is_seen_while_it_goes_on_and_after_a_new_start(tmp_path):
    """Files are written whole every half minute, and a later driver's come after them; TensorBoard reads all, in
    order.
    """
    first = Curves(open_store(str(tmp_path)), RUN)
    for number in range(1, 5):
        first(step(number, 1000 + number * SEGMENT_SECONDS))
    seen = [number for number, _, _ in curves(tmp_path / RUN)["train/loss"]]
    first.close()
    second = Curves(open_store(str(tmp_path)), RUN)
    second(step(5, 2000.0))
    second.close()

    assert seen == [1, 2, 3, 4][: len(seen)]
    assert len(seen) >= 2
    assert [number for number, _, _ in curves(tmp_path / RUN)["train/loss"]] == [1, 2, 3, 4, 5]


@pytest.mark.s3
def test_curves_go_to_a_bucket_as_well(tmp_path, moto_s3, monkeypatch):
    """By the run's own store, whose files a person fetches as they are."""
    store = open_store(moto_s3.use(monkeypatch))
    listener = Curves(store, RUN)
    listener(step(1, 100.0))
    listener.close()
    (entry,) = store.list()
    (tmp_path / entry.key.rpartition("/")[2]).write_bytes(store.get(entry.key))

    assert entry.key.startswith(f"{RUN}/events.out.tfevents.")
    assert curves(tmp_path)["train/loss"] == [(1, 1.0, 100.0)]


def test_nothing_told_is_nothing_written(tmp_path):
    """A run that was complete leaves no empty file."""
    Curves(open_store(str(tmp_path)), RUN).close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error_that_is_told(tmp_path):
    """The audience notes it once; the next file is tried all the same."""
    (tmp_path / "tb").write_text("a file")
    listener = Curves(open_store(str(tmp_path / "tb")), RUN)
    listener(step(1, 100.0))
    with pytest.raises(GenaiError, match="tb"):
        listener.close()
