"""YAML in, plain values with places out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import SpecError
from jobs.document import Document, Place, dotted, dump, read

BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def faults(text: str | bytes) -> list[str]:
    """What is wrong with a document, whether it can be read or not."""
    try:
        return [str(fault) for fault in read("job.yaml", text).faults]
    except SpecError as error:
        return list(error.faults)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-3", 0.001),
        ("1e3", 1000),
        ("2.0", 2),
        ("1_000", 1000),
        ("1_0.5", 10.5),
        (".5", 0.5),
        ("0x1F", 31),
        ("0o17", 15),
        ("-7", -7),
        ("true", True),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("2026-01-02", "2026-01-02"),
        ("12:30:00", "12:30:00"),
        ("007", "007"),
        ("1__0", "1__0"),
        ("=", "="),
        ("'7'", "7"),
        ("~", None),
        ("", None),
    ],
)
def test_a_scalar_is_what_a_reader_takes_it_for(written, meant):
    """YAML 1.1's traps do not catch: only numbers, true, false and null are no text."""
    value = read("job.yaml", f"a: {written}").values["a"]

    assert (meant, type(meant)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", "1:1", "found nothing"),
        ("# only a comment", "1:1", "found nothing"),
        ("- 1", "1:1", "no mapping"),
        ("7", "1:1", "no mapping"),
        ("a:\n\t- 1", "2:1", "tab"),
        ("a: 1\n---\nb: 2", "2:1", "second document"),
        (b"a: \n\xff", "2:1", "0xff"),
        (b"a: \n  \xff", "2:3", "0xff"),
        ("a: \x01", "1:4", "U+0001"),
        ("a: !!python/object:os.system x", "1:4", "python/object:os.system"),
        ("a: !mine 1", "1:4", "'!mine'"),
        ("a: [1", "1:6", "not YAML"),
        ("a: *b", "1:4", "undefined alias 'b'"),
        ("a: 1\na: 2", "2:1", "a: stands twice, first at job.yaml:1:1"),
        ("a:\n  b: 1\n  b: 1", "3:3", "a.b: stands twice, first at job.yaml:2:3"),
        ("1: 2", "1:1", "allowed: names as keys"),
        ("[a]: 2", "1:1", "allowed: names as keys"),
        (f"a: {'1' * 5000}", "1:4", "5000 digits"),
        ('a: "\\ud800"', "1:4", "surrogate"),
        ("[" * 1000, "1:41", "40 levels"),
        ("a: &x [*x]", "1:4", "40 levels"),
        ("- " * 1000, "1:81", "40 levels"),
        ("? " * 1000, "1:81", "40 levels"),
        ("a: &a {b: &b {<<: *a}}", "1:4", "40 levels"),
        ("a: [" + "1," * 20_000 + "]", "1:19999", "10,000 values"),
        ("x" * 1_000_001, "1:1", "1,000,001 bytes"),
    ],
)
def test_what_cannot_be_taken_is_told_once_with_its_place(text, place, says):
    """Each fault of YAML is one sentence that starts with file, line and column."""
    (fault,) = faults(text)

    assert fault.startswith(f"job.yaml:{place}: ")
    assert says in fault


def test_aliases_are_counted_as_often_as_they_are_used():
    """A billion laughs end at the bound."""
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (fault,) = faults("\n".join(["a0: &a0 [1, 1, 1]", *rows]))

    assert "10,000 values" in fault


def test_a_merge_key_is_a_key():
    """Nothing is merged: what a mapping says stands in it."""
    values = read("job.yaml", "x: &x {a: 1}\ny: {<<: *x, b: 2}\nz: {<<: [*x, *x]}").values

    assert values["y"] == {"<<": {"a": 1}, "b": 2}
    assert values["z"] == {"<<": [{"a": 1}, {"a": 1}]}


def test_an_alias_stands_for_its_value():
    """Within the bounds aliases work, each with a value of its own."""
    values = read("job.yaml", "a: &a {x: [1]}\nb: *a").values
    values["a"]["x"].append(2)

    assert values["b"] == {"x": [1]}


def test_every_value_and_key_has_its_place():
    """Places are those of the text, counted from one."""
    document = read("job.yaml", "a:\n  b: [1,\n    x]\n")

    assert Place("job.yaml", 2, 3) == document.keys["a", "b"]
    assert Place("job.yaml", 2, 6) == document.places["a", "b"]
    assert Place("job.yaml", 3, 5) == document.places["a", "b", 1]


def test_a_byte_order_mark_is_passed_over():
    """Files from Windows editors are read."""
    assert read("job.yaml", "\ufeffa: 1").values == {"a": 1}


def test_a_path_is_told_on_one_line():
    """A key with a line break cannot break a fault in two."""
    assert dotted(("a", "b\nc", 0)) == "a.'b\\nc'.0"


PIECES = st.sampled_from(
    [
        "a",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "!!x ",
        "|\n",
        ">",
        '"',
        "'",
        "#",
        "?",
        "1",
        "\t",
    ]
)
YAMLISH = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join), st.binary())


@given(YAMLISH)
def test_any_text_is_read_or_refused_at_a_place_that_is_there(text):
    """No text gives anything but a document or faults with places inside it."""
    lines = BREAKS.split((text if isinstance(text, str) else text.decode(errors="replace")).removeprefix("\ufeff"))
    for fault in faults(text):
        line, column = map(int, re.match(r"job\.yaml:(\d+):(\d+): ", fault).groups())

        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.floats(-1e300, 1e300),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1), PLAIN, min_size=1, max_size=4))
def test_what_is_dumped_is_read_back(values):
    """Text that looks like a number, a boolean or null is quoted on the way out."""
    document = read("job.yaml", dump(values))

    assert isinstance(document, Document)
    assert values == document.values
    assert document.faults == []
