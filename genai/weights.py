"""Tensors as bytes, without pickle: the one door to safetensors.

Same tensors, same bytes: names are sorted, and facts travel under a single metadata key because the order of several
is not fixed. Bytes from outside are hostile until parsed: header and count are bounded before anything is allocated,
and every fault is an IntegrityError.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from genai.errors import IntegrityError
from genai.identity import canonical

HEADER_BYTES = 4 << 20
TENSORS = 100_000


def to_bytes(tensors: dict[str, Tensor], facts: dict[str, Any] | None = None) -> bytes:
    """`tensors`, and JSON-able `facts` beside them, as one safetensors file."""
    metadata = None if facts is None else {"facts": canonical(facts).decode()}
    return safetensors.torch.save(_plain(tensors), metadata)


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous, in main memory, by name. Only what shares memory is copied: a state may be as large as half of it."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        memory = tensor.untyped_storage()
        alone = memory.nbytes() == tensor.nbytes and memory.data_ptr() not in seen
        seen.add(memory.data_ptr())
        found[name] = tensor if alone else tensor.clone()
    return found


def from_bytes(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts that `to_bytes` wrote. Raises IntegrityError."""
    told, claimed = facts(data), shapes(data)
    with _door():
        tensors = safetensors.torch.load(data)
        if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != claimed:
            raise ValueError("two readers find other shapes in it")
    return tensors, told


def facts(data: bytes) -> dict[str, Any]:
    """The facts alone, from the header: no tensor is read. Raises IntegrityError."""
    header = _header(data)
    with _door():
        found = json.loads(header.get("__metadata__", {}).get("facts", "{}"))
        if not isinstance(found, dict):
            raise TypeError("its facts are no mapping")
    return found


def shapes(data: bytes) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor, from the header alone. Raises IntegrityError."""
    header = _header(data)
    with _door():
        found = {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
        odd = next((name for name, shape in found.items() if not all(_is_size(size) for size in shape)), None)
        if odd is not None:
            raise ValueError(f"the shape of {odd[:100]!r} is none")
    return found


def _is_size(size: Any) -> bool:
    return type(size) is int and 0 <= size < 2**63


def _header(data: bytes) -> dict[str, Any]:
    size = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= size <= min(HEADER_BYTES, len(data) - 8):
        raise _unreadable(f"the header of {len(data):,} bytes claims {size:,}")
    with _door():
        header = json.loads(data[8 : 8 + size], object_pairs_hook=_once)
    if not isinstance(header, dict) or len(header) > TENSORS:
        raise _unreadable(f"the header is no mapping of at most {TENSORS:,} names")
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping; of two entries of one name, readers take one or the other."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return made


@contextmanager
def _door() -> Iterator[None]:
    """Where what hostile bytes make of the parsers becomes ours."""
    try:
        yield
    except _FOREIGN as error:
        raise _unreadable(str(error).split("\n")[0][:200] or type(error).__name__) from error


_FOREIGN = (
    safetensors.SafetensorError, ValueError, AttributeError, KeyError, TypeError, AssertionError, OverflowError,
    RuntimeError,  # torch's, and RecursionError
)  # fmt: skip


def _unreadable(why: str) -> IntegrityError:
    return IntegrityError(f"not a readable safetensors file: {why}; fetch or make it again")
