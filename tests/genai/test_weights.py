"""The door to safetensors."""

import itertools
import json
import struct

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from genai import weights
from genai.errors import IntegrityError

TENSORS = {"b": torch.arange(6.0).view(2, 3).t(), "a": torch.tensor(3), "c": torch.zeros(0)}
WRITTEN = weights.to_bytes(TENSORS, {"step": 3, "loss": 0.1})


def test_tensors_and_facts_come_back():
    """Bit for bit, also of other layouts, and readable by the library alone."""
    tensors, facts = weights.from_bytes(WRITTEN)
    assert facts == {"step": 3, "loss": 0.1}
    for found in (tensors, safetensors.torch.load(WRITTEN)):
        assert found.keys() == TENSORS.keys()
        assert all(torch.equal(found[name], t) and found[name].dtype == t.dtype for name, t in TENSORS.items())
    assert weights.shapes(WRITTEN) == {"a": (), "b": (3, 2), "c": (0,)}


def test_equal_tensors_have_equal_bytes():
    """Whatever the order in which they were named."""
    assert weights.to_bytes(dict(reversed(TENSORS.items())), {"loss": 0.1, "step": 3}) == WRITTEN


def test_tensors_that_share_memory_are_each_written():
    """Views of one tensor, and the same one twice, come back as what they show."""
    whole = torch.arange(6.0)
    shared = {"all": whole, "again": whole, "left": whole[:3], "right": whole[3:], "none": whole[:0]}
    found, _ = weights.from_bytes(weights.to_bytes(shared))

    assert found.keys() == shared.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in shared.items())


@given(st.integers(0, len(WRITTEN) - 1), st.integers(0, 255))
def test_a_damaged_file_is_named_as_such_or_read(place, byte):
    """One byte changed: an IntegrityError or other values, never another error."""
    damaged = WRITTEN[:place] + bytes([byte]) + WRITTEN[place + 1 :]
    for read in (weights.from_bytes, weights.shapes):
        try:
            read(damaged)
        except IntegrityError as error:
            assert "not a readable safetensors file" in str(error)  # noqa: PT017 (both ways are fine)


@given(st.binary(max_size=64))
def test_any_bytes_are_refused_clearly(data):
    """Rubbish, short files, and headers that claim gigabytes."""
    with pytest.raises(IntegrityError):
        weights.from_bytes(data)
    with pytest.raises(IntegrityError):
        weights.from_bytes(struct.pack("<Q", 2**62) + data)


def test_a_header_that_points_beyond_the_file_is_refused():
    """Nothing is allocated for a tensor that is not there."""
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    with pytest.raises(IntegrityError):
        weights.from_bytes(struct.pack("<Q", len(header)) + header)


def headed(header, data=bytes(16)):
    """A file with that header, as a mapping or as text."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(begin, end, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": tensor(0, 8), "b": tensor(4, 12), "c": tensor(12, 16, (1,))},
        {"a": tensor(0, 8), "b": tensor(0, 8), "c": tensor(8, 16)},
        {"a": tensor(0, 8)},
        {"a": tensor(0, 8), "b": tensor(12, 16, (1,))},
        {"a": tensor(8, 0), "b": tensor(8, 16)},
        {"a": tensor(-8, 0), "b": tensor(0, 16, (4,))},
        {"a": tensor(0, 16, (-4,))},
        {"a": tensor(0, 16, (-2, -2))},
        {"a": tensor(0, 16, (2**63, 2))},
        {"a": tensor(0, 16, (2**62, 4))},
        {"a": tensor(0, 16, (4,)) | {"shape": [4.0]}},
        {"a": tensor(0, 16, (4,)) | {"shape": "4"}},
        {"a": tensor(0, 16, (True, 4))},
        {"a": tensor(0, 2**63, (2**61,))},
        {"a": tensor(0, 10**30, (10**29,))},
        {"a": tensor(0, 16, (16,), "F8_E8M0")},
        {"a": tensor(0, 16, (32,), "F4")},
        {"a": tensor(0, 16, (4,), "Q4")},
        {"a": tensor(0, 16, (4,), 7)},
        {"a": []},
        [],
        b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], "shape": [2]}}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
        {"a": tensor(0, 0, (0, 2**62, 2**62))},
    ],
    ids=itertools.count(),
)
def test_a_header_that_lies_is_refused(header):
    """Offsets that overlap, leave holes or run backwards; shapes below zero or beyond all numbers; kinds there are not;
    a name that stands twice; nesting without end.
    """
    with pytest.raises(IntegrityError, match="not a readable safetensors file"):
        weights.from_bytes(headed(header))


@pytest.mark.parametrize("facts", ["3", "[]", "null", "{", "[" * 100_000, 5, None])
def test_facts_that_are_no_mapping_are_refused(facts):
    """So that nobody who asks for one stumbles."""
    with pytest.raises(IntegrityError):
        weights.facts(headed({"__metadata__": {"facts": facts}}))


def test_a_name_that_stands_twice_is_refused():
    """Of two tensors of one name this reader would take one and the network the other."""
    first, second = json.dumps({"a": tensor(0, 8)}), json.dumps({"a": tensor(8, 16)})
    twice = f"{first[:-1]}, {second[1:]}"
    for read in (weights.from_bytes, weights.shapes, weights.facts):
        with pytest.raises(IntegrityError, match="stands twice"):
            read(headed(twice.encode()))
