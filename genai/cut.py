"""How files of text are cut into rows: what a modality says, and a source does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["line", "paragraph", "file", "window"]


@dataclass(frozen=True)
class Cut:
    """A row is a line; a paragraph, which blank lines end; a whole file; or a window, as many whole characters as have
    at most `length` bytes, then the next.
    """

    unit: Unit = "line"
    length: int = 0
