"""Tables of all sorts, friendly and hostile."""

import io
import json
import random
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from genai import modalities
from genai.errors import DataError
from genai.modalities.table import Table
from genai.registry import describe
from genai.sources import Row


def rows(**columns):
    names = list(columns)
    return [Row(dict(zip(names, cells, strict=True)), None, "") for cells in zip(*columns.values(), strict=True)]


def settled(table=Table(), **columns):  # noqa: B008  # frozen
    return table.settle(rows(**columns))


def kinds(table):
    return {column.name: column.kind for column in table.fitted}


def column(table, name="x"):
    return next(column for column in table.fitted if column.name == name)


def back(table, *values):
    """The values of the column x after a tensor, as they are published."""
    arrays = np.stack([table.decode({"x": value})[0] for value in values])
    made = table.from_tensor(table.to_tensor(arrays))
    return table.columns(made, [])["x"][0].to_pylist()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5], "number"), (["1", "-2.5e3", ""], "number"), (["007", "123"], "category"), (["1", "x"], "category"),
        ([True, False], "boolean"), (["True", "false"], "boolean"), ([0, 1], "number"), ([1, "x"], "category"),
        ([date(2026, 1, 2), date(2026, 1, 3)], "date"), (["2026-01-02", "2026-01-03"], "date"),
        (["2026-01-02", "2026-01-03T10:00"], "datetime"), ([datetime(2026, 1, 2), date(2026, 1, 3)], "datetime"),  # noqa: DTZ001
        (["2026-01-02T03:04:05Z", "2026-01-03 03:04:05+02:00"], "datetime"), (["2026-13-02", "2026-01-03"], "category"),
        ([2**60, 2**61], "category"), (["1e300", "2"], "number"), (["nan", "1"], "category"),
    ],
)  # fmt: skip
def test_a_columns_kind_follows_from_its_values(values, kind):
    """Typed, or written as text, as CSV has all of them; a code that starts with zero is none of a number."""
    assert column(settled(x=values)).kind == kind


def test_what_a_column_is_can_be_said():
    """Numbers that are names of something are categories then, and texts are read as they are said."""
    table = Table(kinds={"zip": "category", "age": "number"})
    made = table.settle(rows(zip=[10115, 80331], age=["007", "8"]))
    assert column(made, "zip").categories == ("10115", "80331")
    assert column(made, "age").knots[0] == 7


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_settles_nothing(shuffling):
    """Nor does the order of columns, where it differs from row to row."""
    given = rows(a=[1.5, None, 3, 4], b=["x", "y", "x", ""], c=[date(2026, 1, day) for day in (1, 2, 3, 4)])
    mixed = [replace(row, value=dict(shuffling.sample(sorted(row.value.items()), 3))) for row in given]
    shuffling.shuffle(given)
    shuffling.shuffle(mixed)
    assert Table().settle(given) == settled(
        a=[1.5, None, 3, 4], b=["x", "y", "x", ""], c=[date(2026, 1, day) for day in (1, 2, 3, 4)]
    )
    assert sorted(kinds(Table().settle(mixed))) == ["a", "b", "c"]


def test_percentiles_of_many_rows_are_those_of_a_sample_that_no_order_changes():
    """More rows than are kept: the same sample forwards and backwards, and its ends are those of all rows."""
    given = [Row({"x": number / 7}, None, "") for number in range(66_000)]
    made = Table().settle(iter(given))
    assert made == Table().settle(reversed(given))
    knots = column(made).knots
    assert (knots[0], knots[-1]) == (0, 65_999 / 7)
    np.testing.assert_allclose(knots[1:-1], np.linspace(0, 66_000 / 7, 101)[1:-1], rtol=0.05, atol=30)


def test_what_a_row_is_does_not_hang_on_the_others():
    """A further category moves the numbers of the old ones, and no row to another side."""
    few, more = settled(x=["b", "c"]), settled(x=["b", "c", "a"])
    (old, content), (new, same) = (table.decode({"x": "b"}) for table in (few, more))
    assert content == same
    assert old.tobytes() != new.tobytes()


def test_spikes_and_few_whole_numbers_come_back():
    """Many rows with one number are one position, and all around it leads back to that number."""
    mostly_zero = [0] * 80 + [float(n) + 0.5 for n in range(1, 21)]
    table = settled(x=mostly_zero)
    assert back(table, 0, 1.5, 20.5) == [0, 1.5, 20.5]
    x = table.to_tensor(np.stack([table.decode({"x": 0})[0]]))
    assert back(settled(x=[1, 2, 3] * 30), 1, 2, 3) == [1, 2, 3]
    assert (table.from_tensor(x + 0.2) == table.from_tensor(x)).all()
    assert (table.from_tensor(x - 0.2) == table.from_tensor(x)).all()


def test_whatever_a_model_draws_is_a_value_as_the_column_has_them():
    """Within the range, with no more decimals, no other category; missing only where rows lacked it."""
    table = settled(
        price=[0.25 * n for n in range(40)], plan=["a", "b", "c", "d"] * 10, age=[None, *range(39)],
        seen=[datetime(2026, 1, 1) + timedelta(hours=n) for n in range(40)],  # noqa: DTZ001
    )  # fmt: skip
    drawn = table.from_tensor(torch.randn(500, *table.shape, generator=torch.Generator().manual_seed(0)) * 3)
    found = pa.table({name: made for name, (made, _) in table.columns(drawn, []).items()}).to_pydict()
    assert {round(price * 100) / 100 for price in found["price"]} == set(found["price"])
    assert 0 <= min(found["price"]) <= max(found["price"]) <= 39 / 4
    assert set(found["plan"]) == {"a", "b", "c", "d"}
    assert None in found["age"]
    assert {type(age) for age in found["age"]} == {int, type(None)}
    assert {(moment.minute, moment.second) for moment in found["seen"]} == {(0, 0)}


def test_positions_have_the_shape_of_a_normal_distribution():
    """However skewed a column is, its tensor has no mean and the spread that is promised."""
    skewed = np.exp(np.random.default_rng(0).normal(size=2000)).tolist()
    table = settled(x=skewed)
    x = table.to_tensor(np.stack([table.decode({"x": value})[0] for value in skewed]))
    assert abs(x.mean()) < 0.01
    assert 0.35 < x.std() < 0.4


def test_a_moment_is_published_in_utc():
    """Whatever zone it was said in."""
    there = timezone(timedelta(hours=2))
    table = settled(x=[datetime(2026, 6, 1, hour, tzinfo=there) for hour in (1, 2, 3)])
    made, feature = table.columns(np.stack([table.decode({"x": "2026-06-01T01:00+02:00"})[0]]), [])["x"]
    assert made.to_pylist()[0].isoformat() == "2026-05-31T23:00:00+00:00"
    assert feature == {"_type": "Value", "dtype": "timestamp[us, tz=UTC]"}


def test_settled_state_comes_back_from_json():
    """As the prepared index, a checkpoint and each part have it."""
    table = settled(a=[1.5, None, 3], b=["x", "y", "ü"], c=[True, False, True])
    told = json.loads(json.dumps(describe(modalities, table)))
    assert modalities.stored(told) == table
    assert modalities.stored(json.loads(json.dumps(describe(modalities, table.plain())))) == table.plain()


@pytest.mark.parametrize(
    "change",
    [
        {"knots": [2.0, 1.0]}, {"knots": list(range(101, 0, -1))}, {"kind": "picture"}, {"step": -1}, {"per": 0},
        {"kind": "category", "categories": []}, {"categories": ["a", "a"]}, {"categories": [1]}, {"colour": "red"},
        {"name": 3}, {"knots": [float("nan")] * 101}, {"missing": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_state_that_nothing_settled_is_refused(change):
    """What a file says of a table is looked at before it is used."""
    told = json.loads(json.dumps(describe(modalities, settled(x=[1, 2]))))
    told["fitted"][0] |= change
    with pytest.raises((ValueError, TypeError)):
        modalities.stored(told)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1, 2], "x": [3, 3]}, r"one value in all 2 rows in the column x \(3\); .*data\.modality\.drop"),
        ({"x": [True, True], "y": ["u", "u"]}, r"in 2 columns x \(true\), y \(u\)"),
        ({"x": [None, None]}, r"'x' has no value in any row"),
        ({"x": [[1], [2]]}, r"'x': found a list; allowed: numbers"),
        ({"x": [f"t{n}" for n in range(1001)]}, r"'x' has more than 1,000 different texts, 't0' among them"),
        ({"x": ["2026-01-01T00:00Z", "2026-01-02T00:00"]}, "with a time zone and without"),
        ({f"c{n}": [1, 2] for n in range(1001)}, r"more than 1,000 columns; .*data\.modality\.only"),
        (
            {f"c{n}": [f"{n} {m}" * 30 for m in range(100)] for n in range(100)},
            "10,000 categories, which take .* bytes",
        ),
    ],
)
def test_a_column_that_cannot_be_modelled_is_named(columns, message):
    """With what to do."""
    with pytest.raises(DataError, match=message):
        settled(**columns)


def test_kinds_of_columns_that_are_not_there_are_refused():
    """A slip of the pen is not passed over."""
    with pytest.raises(DataError, match=r"data\.modality\.kinds: found 'agee', the columns are age"):
        Table(kinds={"agee": "number"}).settle(rows(age=[1, 2]))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"x": "many"}, "column 'x': found 'many'; allowed: a finite number"),
        ({"x": float("inf")}, "found inf; allowed: a finite number"),
        ({"x": 2**53 + 1}, "found 9007199254740993; allowed: .*2\\^53"),
        ({"x": True}, "found True; allowed: a finite number"),
        ({}, "column 'x': found nothing"),
        (b"[1]", "a list; allowed: a JSON object"),
        (b"{", "not a row of a table: Expecting"),
        (b'{"x": 1e999}', "found inf"),
        (b"[" * 100_000, "not a row"),
    ],
)
def test_a_row_that_does_not_fit_says_its_column(value, message):
    """It is a bad row, and spoils no other."""
    with pytest.raises(DataError, match=message):
        settled(x=[1, 2]).decode(value)


def test_other_rows_spoil_only_themselves():
    """What cannot be read settles nothing: the rows that can be do."""
    table = Table(kinds={"x": "number"}).settle(rows(x=[1, "many", float("inf"), 3], y=["a", "b", "a", b"\xff"]))
    assert (column(table).knots[0], column(table).knots[-1]) == (1, 3)
    with pytest.raises(DataError, match=r"column 'y': found .*no text in UTF-8"):
        table.decode({"x": 1, "y": b"\xff"})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table(), "'index', which a published dataset has of its own; .*data.modality.drop"),
        (Table(drop=("index",)), r"'photo' holds binary; allowed: numbers"),
        (Table(only=("age", "agee")), "found no column 'agee', the columns are age, index, photo"),
        (Table(drop=("agee",)), "found no column 'agee'"),
        (Table(only=("age",), drop=("age",)), "no column but the label's"),
    ],
)
def test_columns_that_are_none_of_a_table_are_named(table, message):
    """Before a row is read."""
    schema = pa.schema({"age": pa.int8(), "index": pa.int64(), "photo": pa.binary(), "__index_level_0__": pa.int64()})
    with pytest.raises(DataError, match=message):
        table.picked("a.parquet", schema)


def test_arrows_types_are_pythons_values():
    """Dictionaries, decimals, halves, nanoseconds and small numbers, and text that is not UTF-8."""
    broken = pa.array([b"ok", b"\xff"], pa.binary()).view(pa.string())
    columns = pa.table({
        "a": pa.array(["x", "y"]).dictionary_encode(), "b": pa.array([1, 2], pa.decimal128(5, 2)),
        "c": pa.array([1, 2], pa.timestamp("ns")), "d": pa.array([1, None], pa.float32()), "e": broken,
    })  # fmt: skip
    assert Table().values(columns)[1] == {"a": "y", "b": 2.0, "c": datetime(1970, 1, 1), "d": None, "e": b"\xff"}  # noqa: DTZ001


def test_a_row_is_seen_as_words():
    """Names and values, as short as they are."""
    table = settled(alcohol=[13.2, 14], plan=["a", None])
    (look, other) = table.looks(
        np.stack([table.decode(row.value)[0] for row in rows(alcohol=[13.2, 14], plan=["a", None])])
    )
    assert look.words == "alcohol 13.2, plan a"
    assert other.words == "alcohol 14, plan none"


def test_each_column_has_a_histogram():
    """A picture that can be opened, named after its column; also of no synthetic rows."""
    values = {
        "x": [1.5, None, 3, 4],
        "city": ["Köln", "Ulm", "a" * 300, "b"],
        "n": [1, 2, 3, 4],
        "d": [date(2026, 1, n) for n in (1, 2, 3, 9)],
    }
    table = settled(**values)
    arrays = np.stack([table.decode(row.value)[0] for row in rows(**values)])
    for synthetic in (arrays[:2], arrays[:0]):
        figures = table.figures(arrays, synthetic)
        assert [figure.title for figure in figures] == list(values)
        assert {PilImage.open(io.BytesIO(figure.png)).size for figure in figures} == {(720, 320)}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("ab"), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
        ),
        max_size=9,
    )
)
def test_any_rows_are_settled_or_refused(values):
    """And each row decodes, with the same array after publication, or is refused."""
    try:
        table = Table().settle(Row(value, None, "") for value in values)
    except DataError:
        return
    for value in values:
        try:
            array, _ = table.decode(value)
        except DataError:
            continue
        (cell,) = table.cells(array[None])
        assert (table.decode(cell)[0] == array).all()


def test_a_shuffled_table_is_the_same_table():
    """Every kind of column at once."""
    given = [
        Row({"x": n / 3, "y": f"{n % 5}a", "z": n % 2 == 0, "d": f"2026-01-{n + 1:02}"}, None, "") for n in range(30)
    ]
    mixed = random.Random(0).sample(given, len(given))
    assert Table().settle(given) == Table().settle(mixed)
