"""Fields of stored dataclasses: types and bounds without pydantic."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, doc

from genai.families.flow import Flow
from genai.families.vae import Vae
from genai.fields import checked, fits, hints_of

Side = Annotated[int, Ge(1), Le(9)]


@dataclass(frozen=True)
class Unresolved:
    """Its hint names what is not there."""

    x: "Nowhere"  # noqa: F821


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, int, True),
        (True, int, False),
        (1.0, int, False),
        ("1", int, False),
        (2**70, int, True),
        (1, float, True),
        (True, float, False),
        (float("nan"), float, False),
        (float("inf"), float, False),
        (1, bool, False),
        (None, None | int, True),
        (None, int, False),
        (0, Side, False),
        (9, Side, True),
        (10, Side | None, False),
        (None, Side | None, True),
        ((1, 9), tuple[Side, ...], True),
        ([1, 9], tuple[Side, ...], True),
        ((1, 10), tuple[Side, ...], False),
        ((1,), tuple[Side, Side], False),
        ("ab", tuple[str, ...], False),
        ((), Annotated[tuple[Side, ...], Len(1, 2)], False),
        ((1, 2, 3), Annotated[tuple[Side, ...], Len(1, 2)], False),
        (0.5, Annotated[float, Gt(0), Lt(0.5)], False),
        (0.4, Annotated[float, Gt(0), Lt(0.5), doc("words")], True),
        ("a", Literal["a", "b"], True),
        ("c", Literal["a", "b"], False),
        (True, Literal[1], False),
        ({"a": 1}, dict[str, float], True),
        ({"a": "1"}, dict[str, float], False),
        ({1: 1}, dict[str, float], False),
        (object(), list[int], True),
    ],
)
def test_a_value_fits_its_hint_or_not(value, hint, expected):
    """What is no plain type is taken as it is."""
    assert fits(value, hint) is expected


def test_bounds_can_be_left_out():
    """Then only the type counts."""
    assert fits(10, Side, bounded=False)
    assert not fits("10", Side, bounded=False)


def test_the_fields_of_families_are_held_to_what_a_job_file_is():
    """Defaults pass; what would take a terabyte does not."""
    for kind in (Flow, Vae):
        assert set(hints_of(kind)) == set(vars(kind()))
        assert checked(kind, vars(kind())) == vars(kind())
    with pytest.raises(ValueError, match=r"found 1000000000 as Flow\.depth, expected"):
        checked(Flow, {"depth": 10**9})


def test_a_class_whose_hints_cannot_be_known_is_not_judged():
    """A user's own may name what is imported for the type checker only."""
    assert checked(Unresolved, {"x": 1}) == {"x": 1}
