"""The door to safetensors."""

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
