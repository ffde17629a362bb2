"""Digests and keys: how things are named by what they are.

JSON is canonical (sorted keys, no spaces, no NaN), so that equal values have equal digests on any machine.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """`value` as the one JSON text that stands for it, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def sha256(data: bytes | memoryview) -> str:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def key_of(stage: str, version: int, **parts: Any) -> str:
    """The key of a stage: 16 hexadecimal digits over its name, its code's format version and all
    that can change its result. Never give it a count, a clock time, or the number of workers.
    """
    return sha256(canonical({"stage": stage, "version": version, **parts}))[:16]
