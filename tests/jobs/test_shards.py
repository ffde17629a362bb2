from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genai.errors import InputError
from jobs.shards import Plan, Shard, make

WEIGHTS = st.lists(st.integers(0, 7), max_size=6).filter(lambda w: not w or any(w)).map(tuple)
PLANS = st.builds(Plan, st.integers(1, 500), st.integers(1, 60), WEIGHTS)
CLASSES, ROWS = ("cat", "dog", "emu"), (6, 2, 4)


@given(PLANS)
def test_shards_cover_every_index_once(plan):
    """They join without a gap, none is empty, and none is larger than a part may be."""
    shards = list(plan)
    assert (shards[0].start, shards[-1].stop) == (0, plan.count)
    assert all(a.stop == b.start for a, b in pairwise(shards))
    assert all(0 < shard.rows <= plan.part_rows for shard in shards)
    assert [shard.number for shard in shards] == list(range(len(plan)))
    assert len({shard.name for shard in shards}) == len(plan)


@given(PLANS, st.integers(0, 500))
def test_a_larger_count_keeps_every_full_part(plan, more):
    """Name, range and classes; only a short last part is superseded, by one of another name."""
    larger = Plan(plan.count + more, plan.part_rows, plan.weights)
    full = plan.count // plan.part_rows
    assert list(larger)[:full] == list(plan)[:full]
    assert larger.labels(0, plan.count) == plan.labels(0, plan.count)
    changed = {shard.name for shard in plan} - {shard.name for shard in larger}
    assert len(changed) == (1 if more and plan.count % plan.part_rows else 0)


@given(PLANS, st.data())
def test_the_class_of_an_index_does_not_depend_on_where_one_looks(plan, data):
    """Any range gives what the whole gives there."""
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, 600)] * 2)))
    assert plan.labels(start, stop) == plan.labels(0, 600)[start:stop]


@given(PLANS)
def test_counts_by_class_are_those_of_the_labels(plan):
    """They are known without going through the indices."""
    labels = plan.labels(0, plan.count)
    assert plan.label_counts() == [labels.count(label) for label in range(len(plan.weights))]
    assert sum(plan.label_counts()) == (plan.count if plan.weights else 0)


@given(PLANS, st.integers(1, 4))
def test_whole_turns_meet_the_weights_exactly(plan, turns):
    """After each `sum(weights)` indices every class has its share to the sample."""
    whole = Plan(turns * sum(plan.weights), plan.part_rows, plan.weights)
    assert whole.label_counts() == [turns * weight for weight in plan.weights]


@given(WEIGHTS.filter(bool), st.integers(0, 100))
def test_between_turns_no_class_is_far_from_its_share(weights, count):
    """A class with the share s of C classes is off by at most (1 + s C) / 2: by one, where all weigh the same."""
    counts = Plan(count, 10, weights).label_counts() if count else [0] * len(weights)
    classes = sum(map(bool, weights))
    for found, weight in zip(counts, weights, strict=True):
        share = Fraction(weight, sum(weights))
        assert abs(found - share * count) <= (1 + share * classes) / 2


def test_a_plan_of_a_trillion_samples_answers_at_once():
    """Nothing is listed that is not asked for."""
    plan = Plan(10**12, 1000, (3, 1))
    assert len(plan) == 10**9
    assert plan.shard(10**9 - 1) == Shard(10**9 - 1, 10**12 - 1000, 10**12, "part-999999999.parquet")
    assert plan.label_counts() == [750_000_000_000, 250_000_000_000]
    assert plan.labels(10**12 - 4, 10**12) == plan.labels(0, 4)


def test_a_short_part_says_its_length():
    """So that the full part that supersedes it has another name."""
    assert [shard.name for shard in Plan(25, 10)] == [
        "part-00000.parquet",
        "part-00001.parquet",
        "part-00002.5-rows.parquet",
    ]


@pytest.mark.parametrize(
    ("count", "labels", "counts"),
    [
        (10, None, [4, 3, 3]),
        (10, ["dog"], [0, 10, 0]),
        ({"per_class": 7}, None, [7, 7, 7]),
        ({"per_class": 7}, ["emu", "cat"], [7, 0, 7]),
        ({"match": "train"}, None, [6, 2, 4]),
        ({"match": "train"}, ["dog", "emu"], [0, 2, 4]),
        ({"balance": True}, None, [0, 4, 2]),
        ({"balance": True}, ["emu"], [0, 0, 2]),
    ],
)
def test_each_way_to_say_how_many(count, labels, counts):
    """A number, so many a class, as the training rows, or what they lack to the largest of all classes."""
    plan = make(count, CLASSES, ROWS, labels, 10)
    assert (plan.count, plan.label_counts()) == (sum(counts), counts)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=8), st.sampled_from(["match", "balance"]))
def test_totals_that_the_data_gives_are_met_in_each_class(rows, mode):
    """`match` repeats the numbers of the training rows, `balance` fills each up to the largest."""
    wanted = rows if mode == "match" else [max(rows) - n for n in rows]
    assume(any(wanted))
    plan = make({mode: True}, [str(i) for i in range(len(rows))], rows, None, 100)
    assert plan.label_counts() == wanted


def test_unlabelled_data_has_no_classes():
    """A number, or as many as there are rows; the one label that a network is given is zero."""
    plan = make(10, (), (40,), None, 4)
    assert (plan.weights, plan.label_counts(), plan.labels(3, 6)) == ((), [], [0, 0, 0])
    assert make({"match": "train"}, (), (40,), None, 4).count == 40


@pytest.mark.parametrize(
    ("count", "classes", "rows", "labels", "message"),
    [
        (10, CLASSES, ROWS, ["cow"], r"generate\.labels: found 'cow'; allowed: cat, dog, emu"),
        ({"per_class": 5}, (), (9,), None, r"generate\.count: {per_class: …}: no class is known"),
        ({"balance": True}, (), (9,), None, r"generate\.count: {balance: …}: no class is known"),
        (10, (), (9,), ["cat"], r"generate\.labels: no class is known"),
        ({"balance": True}, CLASSES, (3, 3, 3), None, r"{balance: true}: cat, dog, emu have 3 rows each, so"),
        ({"balance": True}, CLASSES, ROWS, ["cat"], r"{balance: true}: cat have 6 rows each"),
        ({"match": "train"}, CLASSES, (5, 0, 1), ["dog"], r"{match: train}: dog have 0 rows each"),
    ],
    ids=["class", "per_class", "balance", "labels", "balanced", "one balanced", "none to match"],
)
def test_what_cannot_be_had_is_said(count, classes, rows, labels, message):
    """An unknown class, classes of unlabelled data, nothing missing."""
    with pytest.raises(InputError, match=message):
        make(count, classes, rows, labels, 10)


@pytest.mark.parametrize(
    ("count", "labels", "found"),
    [
        ({"x": 1}, None, "found 'x'; allowed: a, b"),
        ({"a": 0}, None, "found no sample of any class"),
        ({"a": 1}, ["b"], "found classes beside"),
    ],
)
def test_numbers_by_class_have_to_be_of_classes_that_there_are(count, labels, found):
    """And of one at least."""
    with pytest.raises(InputError, match=found):
        make({"classes": count}, ("a", "b"), (0, 0), labels, 10)


def test_numbers_by_class_are_planned_as_they_are():
    """Interleaved, in the order of the classes."""
    plan = make({"classes": {"b": 4, "a": 2}}, ("a", "b"), (0, 0), None, 10)

    assert (plan.count, plan.weights, plan.label_counts()) == (6, (1, 2), [2, 4])


def test_a_number_a_row_is_one_of_each_class_where_classes_are_asked_for():
    """Three of each of 50 rows; and of each of two classes."""
    assert make({"per_row": 3}, (), (), None, 10, rows=50).count == 150
    plan = make({"per_row": 3}, ("a", "b", "c"), (0, 0, 0), ["a", "c"], 10, rows=50)

    assert (plan.count, plan.turns, plan.labels(0, 4)) == (300, 2, [0, 2, 0, 2])
