"""Files looked through side by side: the time goes into waiting for where they are. One alone is looked through by the
caller, since a thread takes longer to start than a small file to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

OPENERS = 16
Name = TypeVar("Name")
Found = TypeVar("Found")


def side_by_side(look: Callable[[Name], Found], names: Sequence[Name]) -> list[Found]:
    """What `look` finds for each of the names, in their order. Raises what the first of those raised that failed."""
    if len(names) <= 1:
        return [look(name) for name in names]
    with ThreadPoolExecutor(OPENERS) as openers:
        return list(openers.map(look, names))
