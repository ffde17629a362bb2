"""Curves laid out: inside the plot, honest about their points, their names apart."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs import chart
from jobs.chart import Curve, Line, draw, number

values = st.floats(-1e12, 1e12) | st.floats(1e-9, 1e-3) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])
lines = st.lists(st.lists(values, max_size=300), min_size=1, max_size=4)


def curve(*columns):
    return Curve("c", tuple(Line(f"l{i}", tuple(enumerate(column))) for i, column in enumerate(columns)))


def points(path):
    return [tuple(map(float, point.split())) for point in re.findall(r"[-\d.e+]+ [-\d.e+]+", path)]


@given(lines)
@example([[0.0], [1.0], [1.0], [1.0]])
def test_everything_is_drawn_inside_the_plot(columns):
    """Whatever the values are, each finite point has its place, and each name is on the page."""
    drawn = draw(curve(*columns))
    finite = [column for column in columns if any(map(math.isfinite, column))]
    assert len(drawn.strokes if drawn else ()) == len(finite)
    for stroke in drawn.strokes if drawn else ():
        for x, y in points(stroke.path) + points(stroke.band):
            assert chart.LEFT <= x <= chart.RIGHT
            assert chart.TOP <= y <= chart.BOTTOM
        assert chart.TOP <= stroke.name_y <= chart.HEIGHT


@given(lines)
def test_ticks_enclose_the_values_and_differ(columns):
    """Ticks are in order, inside the plot, and no two have the same text."""
    drawn = draw(curve(*columns))
    for ticks in (drawn.x_ticks, tuple(reversed(drawn.y_ticks))) if drawn else ():
        places = [tick.at for tick in ticks]
        assert places == sorted(set(places))
        assert len({tick.text for tick in ticks}) == len(ticks)


def test_higher_values_stand_higher():
    """The y axis points up, and ends where the values do."""
    path = points(draw(curve([1.0, 2.0, 3.0])).strokes[0].path)
    assert path == [(chart.LEFT, chart.BOTTOM), (202.0, 110.0), (chart.RIGHT, chart.TOP)]


def test_many_points_become_a_line_and_a_band():
    """Neighbours are gathered, none is lost: the band reaches the largest."""
    stroke = draw(curve([0.0, 1.0] * 5000)).strokes[0]
    assert len(points(stroke.path)) <= chart.POINTS
    assert {y for _, y in points(stroke.path)} == {110.0}
    assert {y for _, y in points(stroke.band)} == {float(chart.TOP), float(chart.BOTTOM)}


def test_few_points_have_no_band():
    """Each is drawn as it is."""
    assert not draw(curve([3.0, 1.0, 2.0])).banded


def test_values_that_are_not_finite_are_counted():
    """A loss that became nan is left out and said to be."""
    drawn = draw(curve([1.0, math.nan, 2.0, math.inf]))
    assert drawn.left_out == 2
    assert drawn.strokes[0].last == "2"


def test_a_curve_without_values_is_no_chart():
    """There is nothing to draw."""
    assert draw(curve([])) is None
    assert draw(curve([math.nan])) is None


@pytest.mark.parametrize(("column", "wanted"), [([1, 100], True), ([1, 2], False), ([-1, 100], False), ([0, 9], False)])
def test_wide_positive_values_have_a_logarithmic_axis(column, wanted):
    """Powers of ten are then equally far apart."""
    assert draw(curve(column)).logarithmic is wanted


def test_names_of_lines_that_end_together_stand_apart():
    """In the order of their ends."""
    strokes = draw(curve([0.0, 5.0], [9.0, 5.1], [1.0, 5.2])).strokes
    heights = [stroke.name_y for stroke in sorted(strokes, key=lambda stroke: stroke.last)]
    assert heights[0] - heights[1] >= chart.APART
    assert heights[1] - heights[2] >= chart.APART


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (10_000, "10,000"), (0.24681, "0.2468"), (-0.5, "\u22120.5"), (1234.5, "1,234"), (1e-7, "1e\u221207")],
)
def test_numbers_are_for_people(value, text):
    """Four digits, thousands set apart."""
    assert number(value) == text
