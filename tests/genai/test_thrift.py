"""The compact protocol, as far as page headers need it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.thrift import Reader
from tests.genai.hostile_tables import BINARY, I32, I64, LIST, STRUCT, thrift, varint

NUMBERS = st.integers(-(2**31), 2**31 - 1)


@given(st.dictionaries(st.integers(1, 15), NUMBERS, max_size=6))
def test_numbers_come_back_by_field(numbers):
    """Of 32 bits, with their signs."""
    data = thrift(*((field, I32, number) for field, number in sorted(numbers.items())))

    assert Reader(data).struct() == numbers


def test_what_is_no_number_is_passed_over():
    """Texts, wide numbers and lists are skipped; a struct comes with its own numbers; the place is behind it all."""
    inner = thrift((3, I32, -7))
    fields = (1, BINARY, b"text"), (2, I64, 2**40), (3, LIST, (I32, [varint(1)] * 20)), (4, STRUCT, inner), (5, I32, 9)
    reader = Reader(thrift(*fields) + b"more")

    assert reader.struct() == {1: None, 2: None, 3: None, 4: {3: -7}, 5: 9}
    assert reader.at == len(thrift(*fields))


def test_a_number_of_another_width_hides_no_number():
    """Arrow keeps the first where the type of the second is another; which one counts is nobody's guess here."""
    first, second = thrift((2, I32, 2**30)), thrift((2, I64, 1))

    assert Reader(first[:-1] + b"\x06\x04\x02\0").struct() == {2: None}
    assert Reader(second[:-1] + b"\x05\x04\x02\0").struct() == {2: 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "breaks off"),
        (b"\x15", "breaks off"),
        (b"\x15" + b"\xff" * 10, "no end"),
        (b"\x18\x7f", "breaks off"),
        (b"\x1f", "type 15"),
        (b"\x1c" * 9, "too deeply"),
        (b"\x19\x19" * 9 + b"\0", "too deeply"),
        (b"\x19\xf1\xff\xff\xff\xff\x0f", "a list breaks off"),
        (b"\x05\xfe\xff\x07\x02" + b"\x15\x02" * 3, "found the field"),
    ],
)
def test_what_is_no_struct_is_refused_at_once(data, message):
    """Cut off, without end, nested without end, or with field numbers that wrap around."""
    with pytest.raises(ValueError, match=message):
        Reader(data).struct()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_struct_or_a_value_error(data):
    """Nothing else is raised, and nothing outside is read."""
    reader = Reader(data)
    try:
        reader.struct()
    except ValueError:
        return
    assert reader.at <= len(data)
