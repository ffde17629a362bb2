"""How many synthetic rows an epoch takes, and which."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.augment.quotas import ENDLESS, Choice, Quota, Supply, wanted
from genai.errors import InputError
from jobs.shards import Plan

NAMES = ("cat", "cow", "dog")
WEIGHTS = st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any)


def supply(count=90, weights=(1, 1, 1), classes=NAMES):
    return Supply("place", classes, tuple(weights), count, "mint more")


def asked(ratio=None, real=(60, 30, 10), *, balance=False, **how):
    quotas = wanted(supply(**how), sum(real), lambda: list(real), ratio, balance=balance)
    return {quota.label: quota.rows for quota in quotas}


@given(WEIGHTS, st.integers(1, 200))
def test_the_class_of_an_index_is_that_of_the_plan(weights, count):
    """Who publishes and who reads or draws mean the same sample by an index."""
    plan, found = Plan(count, 10, tuple(weights)), supply(count, weights)

    assert found.labels(np.arange(count)).tolist() == plan.labels(0, count)
    assert [found.there(label) for label in range(3)] == plan.label_counts()


@given(WEIGHTS, st.integers(1, 200))
def test_the_numbers_of_a_class_and_its_indices_are_inverse(weights, count):
    """The n-th of a class has n of them below it."""
    found = supply(count, weights)
    for label in range(3):
        index = found.index(label, np.arange(found.there(label)))
        assert (found.labels(index) == label).all()
        assert found.before(label, index).tolist() == list(range(found.there(label)))


@st.composite
def choices(draw):
    found = supply(draw(st.integers(1, 120)), draw(WEIGHTS))
    label = st.sampled_from([None, *(c for c in range(3) if found.there(c))])
    labels = draw(st.sets(label, min_size=1))
    labels = {None} if None in labels else labels
    quotas = tuple(Quota(c, draw(st.integers(1, found.there(c))), found.there(c)) for c in sorted(labels, key=str))
    return found, quotas


@given(choices(), st.integers(0, 30), st.lists(st.integers(1, 20), min_size=1, max_size=20))
def test_an_epoch_takes_its_quotas_wherever_the_blocks_end(choice, epoch, sizes):
    """Counted by arithmetic or row by row, and listed in another way: each once, so many of each class."""
    found, quotas = choice
    made = Choice(found, quotas, epoch)
    stops = np.minimum(np.cumsum([*sizes, found.count]), found.count)
    starts = np.array([0, *stops[:-1]])
    taken = [(start + made.taken(start, stop)).tolist() for start, stop in zip(starts, stops, strict=True)]
    indices = [index for block in taken for index in block]
    listed = [found.index(quota.label, made.numbers(i)).tolist() for i, quota in enumerate(quotas)]

    assert made.counts(starts, stops).tolist() == list(map(len, taken))
    assert indices == sorted(index for quota in listed for index in quota)
    assert len(set(indices)) == sum(quota.rows for quota in quotas)


@given(choices())
def test_all_samples_get_their_turn(choice):
    """After as many epochs as it takes each was taken, and none much oftener than another."""
    found, quotas = choice
    epochs = max(-(-quota.there // quota.rows) for quota in quotas)
    times = Counter(i for e in range(epochs) for i in Choice(found, quotas, e).taken(0, found.count).tolist())

    for quota in quotas:
        mine = [times[i] for i in found.index(quota.label, np.arange(quota.there)).tolist()]
        assert min(mine) >= 1
        assert max(mine) - min(mine) <= 1


@pytest.mark.parametrize(
    ("how", "quotas"),
    [
        ({"ratio": 0}, {}),
        ({"ratio": 1}, {None: 90}),
        ({"ratio": 0.25}, {None: 33}),
        ({"ratio": np.float32(0.25)}, {None: 33}),
        ({"ratio": 0.1, "real": (5, 0, 0)}, {None: 1}),
        ({"ratio": {"dog": 0.5, "cow": 0.4, "cat": 0}}, {2: 10, 1: 20}),
        ({"balance": True, "real": (30, 12, 0)}, {1: 18, 2: 30}),
        ({"balance": True, "real": (7, 7, 7)}, {}),
        ({"ratio": 0.5, "count": ENDLESS}, {None: 100}),
    ],
)
def test_a_share_is_a_number_of_rows(how, quotas):
    """To the nearest row; of all real rows, of those of a class, or up to the largest class."""
    assert asked(**how) == quotas


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0, 0.999))
def test_too_few_samples_say_which_ratio_they_are_enough_for(count, real, ratio):
    """And it is one that they are enough for."""
    try:
        asked(ratio, (real, 0, 0), count=count)
    except InputError as error:
        largest = float(str(error).partition("at most ")[2].partition(",")[0])
        assert largest < ratio
        asked(largest, (real, 0, 0), count=count)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({}, "found neither ratio nor balance; allowed: ratio=0.5"),
        ({"ratio": 0.5, "balance": True}, "found ratio beside balance"),
        ({"ratio": 1.5}, "ratio: found 1.5; allowed: a number from 0 to 1"),
        ({"ratio": -0.1}, "ratio: found -0.1"),
        ({"ratio": float("nan")}, "ratio: found nan"),
        ({"ratio": "half"}, "ratio: found 'half'; allowed: a number from 0 to 1, or one for each class"),
        ({"ratio": True}, "ratio: found True"),
        ({"ratio": 0.6}, "0.6 beside 100 real rows takes 150 synthetic ones, 90 are there; .* at most 0.4736, or mint"),
        ({"ratio": {"horse": 0.5}}, "ratio: found the class 'horse', place has cat, cow, dog"),
        ({"ratio": {"dog": 1}}, "ratio: found 1 for 'dog'; allowed for one class: from 0 up to, not with, 1"),
        ({"ratio": {"dog": 0.5}, "real": (9, 9, 0)}, "ratio: found no real row of dog"),
        ({"ratio": {"cat": 0.5}}, r"place: found too few synthetic rows of cat \(30 of 60\); mint more"),
        ({"balance": True, "weights": (1, 1, 0)}, r"too few synthetic rows of dog \(0 of 50\)"),
        ({"balance": True, "weights": (), "classes": ()}, "place: found no classes; allowed: ratio="),
        ({"ratio": 1, "count": ENDLESS}, "ratio 1 takes all samples, and there is no last one"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused(how, says):
    """In one sentence, with what is allowed."""
    with pytest.raises(InputError, match=says):
        asked(**how)
