"""An event's fields, read with caution: anybody may have written an event."""

from __future__ import annotations

import math
from typing import Any

from jobs.events import Event

WORD = 2000  # characters of a text that are kept


class Fields:
    """An event's fields, each as the kind that it should be, or nothing."""

    def __init__(self, event: Event) -> None:
        self._fields: dict[str, Any] = event.fields
        self.at, self.names = event.at, event.fields.keys()

    def text(self, name: str, default: str = "") -> str:
        value = self._fields.get(name, default)
        return value[:WORD] if isinstance(value, str) else default

    def number(self, name: str) -> float | None:
        value: Any = self._fields.get(name)
        return float(value) if _is_number(value) else None

    def whole(self, name: str) -> int:
        value = self._fields.get(name)
        return value if type(value) is int and 0 <= value < 2**63 else 0

    def sum(self, name: str) -> float:
        """Of the numbers in a mapping."""
        value = self._fields.get(name)
        numbers = value.values() if isinstance(value, dict) else ()
        return sum(float(n) for n in numbers if _is_number(n) and n >= 0)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e15 and math.isfinite(value)
