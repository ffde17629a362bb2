"""`--set a.b.c=VALUE`."""

import pytest

from jobs.document import read
from jobs.override import override

TEXT = "a:\n  b: 1\n  c: [x, {k: 1}]\nempty:\n"


def after(*assignments):
    return override(read("job.yaml", TEXT), assignments)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("a.b=1e3", ("a", "b"), 1000),
        ("a.b=no", ("a", "b"), "no"),
        ("a.b=", ("a", "b"), None),
        ("a.b=x=y", ("a", "b"), "x=y"),
        ("a.c.0=z", ("a", "c", 0), "z"),
        ("a.c.1.k=2", ("a", "c", 1, "k"), 2),
        ("new.deep.key=[1, 2]", ("new", "deep", "key"), [1, 2]),
        ("empty.key={x: 1}", ("empty", "key"), {"x": 1}),
    ],
)
def test_a_value_is_put_where_its_path_says(assignment, path, value):
    """Keys on the way are made, items go by number, values are read as YAML."""
    document = after(assignment)
    found = document.values
    for part in path:
        found = found[part]

    assert value == found
    assert f"--set {assignment}" == str(document.places[path])
    assert document.faults == []


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("a.b", "path.to.key=value"),
        ("=1", "path.to.key=value"),
        ("a..b=1", "path.to.key=value"),
        ("a.b.x=1", "a.b: found 1, which holds nothing"),
        ("a.c.2=1", "the 2 items of a.c"),
        ("a.c.-1=1", "the 2 items of a.c"),
        ("a.c.x=1", "the 2 items of a.c"),
        ("a.b=[1", "not YAML"),
        ("a.b=!!int 1", "tag"),
        ("a.b={x: 1, x: 2}", "a.b.x: stands twice"),
        (".".join("x" * 100) + "=1", "path.to.key=value"),
        (f"a.c.{'1' * 5000}=1", "the 2 items of a.c"),
    ],
)
def test_an_assignment_that_cannot_be_is_a_fault_of_its_own(assignment, says):
    """The fault names the option as its place, and the rest of the document stands."""
    document = after(assignment)
    (fault,) = document.faults

    assert str(fault).startswith(f"--set {assignment[:90]}")
    assert says in str(fault)
    assert document.values["a"]["b"] == 1 or "x: 2" in assignment


def test_the_document_given_stays_as_it_was():
    """Overriding makes a new document."""
    document = read("job.yaml", TEXT)
    override(document, ["a.b=2"])

    assert document.values["a"]["b"] == 1


def test_places_below_a_replaced_value_are_gone():
    """No place of the old value is left for a fault to name."""
    document = after("a=5")

    assert ("a", "b") not in document.places
    assert ("a", "c", 1, "k") not in document.keys
