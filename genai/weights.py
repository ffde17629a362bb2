"""Tensors as bytes, without pickle: the one door to safetensors.

Same tensors, same bytes: names are sorted, and facts travel under a single metadata key because the order of several
is not fixed. Bytes from outside are hostile until parsed: header and count are bounded before anything is allocated,
and every fault is an IntegrityError.
"""

from __future__ import annotations

import json
import struct
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
    plain = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    metadata = None if facts is None else {"facts": canonical(facts).decode()}
    return safetensors.torch.save(plain, metadata)


def from_bytes(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts that `to_bytes` wrote. Raises IntegrityError."""
    told = facts(data)
    try:
        return safetensors.torch.load(data), told
    except (safetensors.SafetensorError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise _unreadable(str(error)) from error


def facts(data: bytes) -> dict[str, Any]:
    """The facts alone, from the header: no tensor is read. Raises IntegrityError."""
    header = _header(data)
    try:
        return json.loads(header.get("__metadata__", {}).get("facts", "{}"))
    except (ValueError, AttributeError, TypeError) as error:
        raise _unreadable(str(error)) from error


def shapes(data: bytes) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor, from the header alone. Raises IntegrityError."""
    try:
        return {name: tuple(entry["shape"]) for name, entry in _header(data).items() if name != "__metadata__"}
    except (KeyError, TypeError) as error:
        raise _unreadable(str(error)) from error


def _header(data: bytes) -> dict[str, Any]:
    size = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= size <= min(HEADER_BYTES, len(data) - 8):
        raise _unreadable(f"the header of {len(data):,} bytes claims {size:,}")
    try:
        header = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(error)) from error
    if not isinstance(header, dict) or len(header) > TENSORS:
        raise _unreadable(f"the header is no mapping of at most {TENSORS:,} names")
    return header


def _unreadable(why: str) -> IntegrityError:
    return IntegrityError(f"not a readable safetensors file: {why}; fetch or make it again")
