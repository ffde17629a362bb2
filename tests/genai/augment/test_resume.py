"""An epoch that was stopped goes on with the next sample."""

import json
from itertools import islice

import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from genai.augment import Augmented
from genai.errors import InputError
from tests.genai.augment.made import Noted, plain, read, real_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),  # there are few cores
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),  # torchdata 0.11 calls it
]


@pytest.fixture
def opened(published, real):
    """A way to make the same dataset anew, at epoch 2."""

    def make(**how):
        rows = Augmented(published, real, **{"ratio": 0.5, **how})
        rows.set_epoch(2)
        return rows

    return make


def kept(state):
    """A state as a checkpoint of the training may keep it."""
    return json.loads(json.dumps(state))


@pytest.mark.parametrize("given_", [0, 1, 200, 421, 422])
def test_a_stopped_iteration_goes_on_with_the_next_row(opened, given_):
    """Also in a new process's dataset, which begins at epoch 0; and the epoch after it is whole."""
    rows = opened()
    whole = plain(rows)
    list(islice(rows, given_))
    fresh = opened()
    fresh.set_epoch(0)
    fresh.load_state_dict(kept(rows.state_dict()))

    assert fresh.epoch == 2
    assert plain(fresh) == whole[given_:]
    fresh.set_epoch(3)
    assert len(plain(fresh)) == 422


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize(("drop_last", "batch_size"), [(False, 1), (True, 1), (False, 32)])
def test_a_plain_loader_goes_on_after_so_many_batches(opened, workers, drop_last, batch_size):
    """What its workers had read ahead is read again; the batches are those that were still to come, in their order."""
    how = {"batch_size": 32, "num_workers": workers, "drop_last": drop_last}
    whole = [labels_of(batch) for batch in DataLoader(opened(batch_size=batch_size), **how)]
    for batches in (1, 5, len(whole) - 1, len(whole)):
        rows = opened(batch_size=batch_size)
        rows.load_state_dict(kept(rows.state_after(batches, 32, workers, drop_last=drop_last)))
        assert [labels_of(batch) for batch in DataLoader(rows, **how)] == whole[batches:]


def labels_of(batch):
    return read([batch])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_keeps_the_place(opened, workers):
    """Torchdata asks each worker for its state; what comes after is what would have come."""
    loader = StatefulDataLoader(opened(), batch_size=32, num_workers=workers)
    batches = iter(loader)
    before = [labels_of(batch) for batch in islice(batches, 5)]
    state = loader.state_dict()
    after = [labels_of(batch) for batch in batches]
    fresh = StatefulDataLoader(opened(), batch_size=32, num_workers=workers)
    fresh.load_state_dict(state)

    assert [labels_of(batch) for batch in fresh] == after
    assert sorted(sum(before + after, [])) == sorted(plain(opened()))  # noqa: RUF017  # short


@given(st.integers(0, 40), st.integers(0, 40), st.data())
@settings(max_examples=30)
def test_a_resume_is_a_suffix(published, folder, cows, dogs, data):
    """Whatever the numbers, the buffer and the epoch are."""
    real = real_rows(folder / f"{cows}-{dogs}.parquet", ["cat"] + ["cow"] * cows + ["dog"] * dogs, group=7)
    how = {"ratio": data.draw(st.floats(0, 0.8)), "buffer": data.draw(st.integers(1, 50))}
    rows = Augmented(published, real, **how)
    rows.set_epoch(data.draw(st.integers(0, 9)))
    whole = plain(rows)
    given_ = data.draw(st.integers(0, len(whole)))
    rows.load_state_dict(rows.state_after(given_, 1))

    assert plain(rows) == whole[given_:]


def test_what_was_given_is_not_read_again(published, tmp_path):
    """The last rows of an epoch cost the images that they are, and the parts that they come from."""
    for number in range(60):
        (tmp_path / "cat").mkdir(exist_ok=True)
        PIL.Image.new("L", (2, 2), number).save(tmp_path / f"cat/{number}.png")
    files = {place: Noted(place) for place in (published, str(tmp_path))}
    rows = Augmented(published, str(tmp_path), ratio=0.5, buffer=8, open_files=files.__getitem__)
    rows.load_state_dict(rows.state_after(100, 1))
    for noted in files.values():
        noted.opened.clear()
    left = list(rows)

    assert len(left) == 20
    assert len(files[str(tmp_path)].opened) == 10
    assert len(set(files[published].opened)) == 1


def test_workers_positions_are_not_guessed(opened):
    """With workers the dataset cannot know what was used of what they read ahead: it says who does."""
    rows = opened()
    next(iter(DataLoader(rows, batch_size=8, num_workers=1)))

    with pytest.raises(InputError, match=r"allowed: state_after\(batches, batch_size, num_workers\), or torchdata"):
        rows.state_dict()


def test_states_go_through_torch_save(opened, tmp_path):
    """As a training keeps them, without pickled code."""
    torch.save({"rows": opened().state_after(3, 16)}, tmp_path / "state.pt")
    rows = opened()
    rows.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True)["rows"])

    assert plain(rows) == plain(opened())[48:]


@pytest.mark.parametrize(
    ("how", "loader", "says"),
    [
        ({"seed": 1}, {}, "the state is of other rows, or of another order of them; allowed: the dataset"),
        ({"ratio": 0.4}, {}, "the state is of other rows"),
        ({"rank": 0, "world": 2}, {}, "the state was taken with 1 ranks, here are 2"),
        ({}, {"num_workers": 2}, "the state was taken with 1 workers, here are 2; allowed: as many"),
    ],
)
def test_a_state_of_something_else_is_refused(opened, how, loader, says):
    """Rather than going on somewhere."""
    state = opened().state_after(3, 16)
    rows = opened(**how)
    with pytest.raises(InputError, match=says):
        go_on(rows, state, **loader)


def go_on(rows, state, **loader):
    rows.load_state_dict(state)
    batches = iter(DataLoader(rows, **loader))
    try:
        next(batches)
    except InputError:
        if loader:
            batches._shutdown_workers()  # or torch waits for them when garbage is collected
        raise


@pytest.mark.parametrize("state", [{}, {"version": 2}, {"epoch": -1}, None])
def test_what_is_no_state_is_refused(opened, state):
    """Whatever was in the file."""
    given_ = None if state is None else ({**opened().state_dict(), **state} if state else state)
    with pytest.raises(InputError, match="found no state of this kind"):
        opened().load_state_dict(given_)


def test_more_batches_than_an_epoch_has_are_refused(opened):
    """A count of another loader, most likely."""
    with pytest.raises(InputError, match="batches: found 28; allowed: 0 to 27, those of an epoch"):
        opened().state_after(28, 16)
