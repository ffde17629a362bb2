"""Rows as a training script gets them: proportions, shares, epochs, samples."""

import multiprocessing
import socket
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import chain, islice, repeat

import numpy as np
import PIL.Image
import pytest
import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

from genai.augment import Augmented
from genai.errors import DataError, InputError
from genai.modalities.image import Image
from tests.genai.augment.made import CLASSES, REAL, of_classes, plain, read, real_rows, sealed

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # there are few cores


@pytest.mark.parametrize("workers", [0, 2, 3])
@pytest.mark.parametrize("world", [1, 2])
def test_ranks_and_workers_have_each_row_once(published, real, workers, world):
    """All real rows, the exact number of synthetic ones, none lost or doubled, each rank in proportion."""
    ranks = [Augmented(published, real, ratio=0.6, rank=rank, world=world) for rank in range(world)]
    shares = [read(DataLoader(rows, batch_size=16, num_workers=workers)) for rows in ranks]
    whole = plain(Augmented(published, real, ratio=0.6))
    synthetic = [sum(flag for _, _, flag in mine) for mine in shares]

    assert list(map(len, shares)) == list(map(len, ranks))
    assert sorted(chain(*shares)) == sorted(whole)
    assert len({number for number, _, _ in whole}) == len(whole) == 211 + 316
    assert sum(synthetic) == 316
    assert max(abs(n - len(mine) * 316 / 527) for n, mine in zip(synthetic, shares, strict=True)) <= 1


def test_who_reads_does_not_change_the_order(published, real):
    """The shares of two ranks, one after the other, are the sequence of one."""
    parts = [plain(Augmented(published, real, ratio=0.3, rank=rank, world=2)) for rank in range(2)]

    assert list(chain(*parts)) == plain(Augmented(published, real, ratio=0.3))


def test_any_prefix_of_a_workers_stream_has_the_proportion(published, real):
    """Within one row, in each of three workers."""
    rows = Augmented(published, real, ratio=0.6)
    found = read(DataLoader(rows, batch_size=1, num_workers=3))
    for worker in range(3):
        flags = [flag for _, _, flag in found[worker::3]]
        assert all(abs(sum(flags[:t]) - t * 316 / 527) <= 1 for t in range(len(flags)))


@pytest.mark.parametrize(
    ("how", "synthetic"),
    [
        ({"balance": True}, {"cow": 60, "dog": 89}),
        ({"ratio": {"dog": 0.8, "cow": 0.5}}, {"dog": 124, "cow": 60}),
        ({"ratio": 0}, {}),
    ],
)
def test_classes_get_what_they_are_short_of(published, real, how, synthetic):
    """By class, to the row, and the real rows as they are."""
    found = plain(Augmented(published, real, **how))

    assert of_classes(found, synthetic=True) == synthetic
    assert of_classes(found, synthetic=False) == {"cat": 120, "cow": 60, "dog": 31}


@pytest.mark.parametrize("how", [{"ratio": 1, "real": "nowhere.parquet"}, {}])
def test_synthetic_rows_may_be_alone(published, how):
    """At ratio 1, or without real rows: all there are, and nothing else is opened."""
    found = plain(Augmented(published, **how))

    assert sorted(found) == [(i, i % 3, True) for i in range(500)]


def test_each_epoch_moves_on_to_other_samples(published, real):
    """Three epochs of 211 see 500 samples all; each sees all real rows, in another order."""
    rows = Augmented(published, real, ratio=0.5)
    epochs = []
    for epoch in range(3):
        rows.set_epoch(epoch)
        epochs.append(plain(rows))
    reals = [[number for number, _, flag in found if not flag] for found in epochs]

    assert {number for found in epochs for number, _, flag in found if flag} == set(range(500))
    assert reals[0] != reals[1]
    assert sorted(reals[0]) == sorted(reals[1]) == list(range(REAL, REAL + 211))


def test_an_epoch_reaches_workers_that_persist(published, real):
    """Their third epoch is that of a dataset that was never read before."""
    rows = Augmented(published, real, ratio=0.5)
    loader = DataLoader(rows, batch_size=16, num_workers=2, persistent_workers=True)
    for epoch in (0, 5):
        rows.set_epoch(epoch)
        found = read(loader)
    fresh = Augmented(published, real, ratio=0.5)
    fresh.set_epoch(5)

    assert found == read(DataLoader(fresh, batch_size=16, num_workers=2))
    assert sorted(found) == sorted(plain(fresh))


def test_a_worker_that_is_started_anew_reads_the_same(published, real):
    """By `spawn`, which hands it a pickle."""
    rows = Augmented(published, real, ratio=0.5)
    forked, spawned = (DataLoader(rows, 64, num_workers=1, multiprocessing_context=c) for c in ("fork", "spawn"))

    assert read(spawned) == read(forked)


@pytest.mark.parametrize("workers", [0, 3])
def test_the_number_of_batches_is_known(published, real, workers):
    """With the loader's batch size all batches but one are whole, whatever the workers are."""
    rows = Augmented(published, real, ratio=0.5, batch_size=32)
    loader = DataLoader(rows, batch_size=32, num_workers=workers)
    sizes = [len(labels) for _, labels, _ in loader]

    assert len(loader) == len(sizes) == 14
    assert sorted(sizes) == [422 % 32, *[32] * 13]


def test_even_ranks_have_equal_numbers(published, real):
    """Of 421 rows each of two ranks has 210, and the one left out is another one each epoch."""
    left = set()
    for epoch in range(4):
        ranks = [Augmented(published, real, ratio=0.4988, rank=r, world=2, even=True) for r in range(2)]
        for rows in ranks:
            rows.set_epoch(epoch)
        assert [len(rows) for rows in ranks] == [210, 210]
        whole = Augmented(published, real, ratio=0.4988)
        whole.set_epoch(epoch)
        left |= set(plain(whole)) - set(plain(ranks[0]) + plain(ranks[1]))
    assert len(left) > 1


def _member(rank, port, published, real):
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    rows = Augmented(published, real, ratio=0.4988)
    found = len(rows), read(DataLoader(rows, batch_size=16, num_workers=1))
    dist.destroy_process_group()
    return found


def test_ranks_are_those_of_torch_distributed(published, real):
    """Found where a process group is, as many rows each, so that no rank waits for a batch that never comes."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as members:
        found = list(members.map(_member, range(2), repeat(port), repeat(published), repeat(real)))

    assert [(length, len(rows)) for length, rows in found] == [(210, 210), (210, 210)]
    assert set(found[0][1]).isdisjoint(found[1][1])


def test_a_value_is_what_to_tensor_gives(published):
    """float32, channels first, in [0, 1]."""
    value, label, synthetic = next(iter(Augmented(published)))

    assert (value.dtype, tuple(value.shape), label in range(3), synthetic) == (torch.float32, (1, 2, 2), True, True)
    assert torch.equal(value * 255, (value * 255).round())


def test_a_transform_gets_a_picture(published, real):
    """As torchvision's datasets hand it: PIL, of the synthetic size and mode; what it returns is the value."""
    seen = []
    rows = Augmented(published, real, ratio=0.5, transform=lambda picture: seen.append(picture) or picture.size)

    assert {value for value, _, _ in rows} == {(2, 2)}
    assert {(isinstance(picture, PIL.Image.Image), picture.mode) for picture in seen} == {(True, "L")}


def test_the_flag_weighs_a_loss(published, real):
    """Batches carry it as a tensor of bools."""
    _, labels, synthetic = next(iter(DataLoader(Augmented(published, real, ratio=0.5), batch_size=8)))
    weights = torch.where(synthetic, 0.3, 1.0)

    assert (labels.dtype, synthetic.dtype) == (torch.int64, torch.bool)
    assert weights.sum().item() == pytest.approx(4 * 1.3)


def test_real_rows_of_another_size_and_mode_are_fitted(tmp_path):
    """Colour files of any size become 2x2 gray; a folder's names are the classes."""
    for number, name in enumerate(("cat/1.png", "dog/deep/2.jpg", "cow/3.webp")):
        (tmp_path / "real" / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (5 + number, 9), (50 * number,) * 3).save(tmp_path / "real" / name)
    rows = Augmented(sealed(tmp_path, 30), str(tmp_path / "real"), ratio=0.5)
    found = {(label, tuple(value.shape)) for value, label, synthetic in rows if not synthetic}

    assert found == {(CLASSES.index(name), (1, 2, 2)) for name in CLASSES}


def test_the_caller_may_say_how_rows_are_fitted(tmp_path, published):
    """Another size for both sides, with the synthetic mode."""
    rows = Augmented(published, modality=Image(size=(4, 6), fit="stretch"))

    assert next(iter(rows))[0].shape == (1, 4, 6)


def test_unlabelled_rows_have_the_label_minus_one(tmp_path):
    """A dataset without classes, with real rows whose labels do not count."""
    real = real_rows(tmp_path / "real.parquet", ["any"] * 10)
    found = plain(Augmented(sealed(tmp_path, 40, weights=()), real, ratio=0.5))

    assert Counter((label, flag) for _, label, flag in found) == {(-1, True): 10, (-1, False): 10}


def test_files_of_classes_are_shuffled_through_each_other(tmp_path):
    """Rows that have a file each are permuted one by one, though the folder lists class after class."""
    for name in CLASSES:
        for number in range(100):
            path = tmp_path / "real" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.new("L", (2, 2), number).save(path)
    rows = Augmented(sealed(tmp_path, 30), str(tmp_path / "real"), ratio=0, buffer=20)

    assert len({label for _, label, _ in islice(rows, 20)}) == 3
    assert Counter(label for _, label, _ in rows) == {0: 100, 1: 100, 2: 100}


def test_digits_of_scikit_learn_are_real_rows(tmp_path):
    """Any source of a job is one here."""
    data = load_digits()
    rows = Augmented(sealed(tmp_path, 30, weights=()), "sklearn://digits", ratio=0, modality=Image(size=(8, 8)))
    values = sorted(value.numpy().tobytes() for value, _, _ in rows)
    images = (np.rint(data.images * (255 / 16)).astype(np.float32) / 255)[:, None]

    assert values == sorted(image.tobytes() for image in images)


def test_a_real_label_that_is_no_class_is_refused(tmp_path, published):
    """It names the row, the label and the classes; by balance before anything is read for training."""
    real = real_rows(tmp_path / "real.parquet", ["cat"] * 9 + ["horse"])
    says = r"real.parquet row 9: found the label 'horse', the published dataset has cat, cow, dog"

    with pytest.raises(DataError, match=says):
        list(Augmented(published, real, ratio=0.5))
    with pytest.raises(InputError, match=says):
        Augmented(published, real, balance=True)


def test_a_real_row_that_cannot_be_read_names_its_place(tmp_path, published):
    """File and row, also out of a worker."""
    real = real_rows(tmp_path / "real.parquet", ["cat"] * 9 + [None])
    (tmp_path / "images/cat").mkdir(parents=True)
    (tmp_path / "images/cat/1.png").write_bytes(b"no image")

    assert "/real.parquet row 9: the label is null" in refusal(
        DataLoader(Augmented(published, real, ratio=0.5), num_workers=1)
    )
    assert "/images/cat/1.png: not a usable image" in refusal(
        DataLoader(Augmented(published, str(tmp_path / "images"), ratio=0.5), num_workers=1)
    )


def refusal(loader):
    """What a loader of one worker raises. Its traceback is a cycle that holds the worker until garbage is collected,
    and then torch waits five seconds for it.
    """
    batches = iter(loader)
    try:
        for _ in batches:
            pass
    except DataError as error:
        batches._shutdown_workers()
        return str(error)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"buffer": 0}, "buffer: found 0; allowed: 1 to"),
        ({"seed": -1}, "seed: found -1"),
        ({"rank": 2, "world": 2}, "rank: found 2; allowed: 0 to 1"),
        ({"rank": 0}, "found rank without world"),
        ({"batch_size": 0}, "batch_size: found 0"),
        ({"real": None}, "found a ratio, or balance, without real rows"),
        ({"real": "missing.parquet"}, "found no file"),
        ({"real": "gopher://x"}, "nothing installed here opens gopher://; allowed: a folder, file://"),
        ({"label": None, "ratio": {"cat": 0.5}}, "found real rows without labels; allowed: ratio=, one number"),
    ],
)
def test_what_cannot_be_is_refused(published, real, how, says):
    """Before anything is read."""
    with pytest.raises(InputError, match=says):
        Augmented(published, **{"real": real, "ratio": 0.5, **how})
