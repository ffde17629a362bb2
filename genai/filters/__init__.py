"""Filters: which rows are kept, and of the others why not, one file each.

A filter is a frozen dataclass; its fields are what an entry of `generate.filters` (samples) or `data.filters` (rows to
train on) may say. Decisions:

- It judges a row by the row alone: its prepared array, and the name of its class. So a sample is kept or drawn again
  whatever was drawn beside it, and whoever draws it.
- It keeps a row (None) or gives a reason: a few words that are the same for all rows that have it, since they are
  counted. What is in the row is no part of it.
- A library that it needs is imported when it judges, never before, so that a job file is checked without it.

Free of NumPy at import.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from genai.errors import InputError
from genai.registry import name_of

if TYPE_CHECKING:
    import numpy as np

    from genai.modalities import Modality


_REASON = 100  # characters, at most


class Filter(ABC):
    """A kind of judgement."""

    #: what it needs beyond genai: names of packages, and the extra of genai-jobs that brings them, if one does
    libraries: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """As a job file calls its kind."""
        return name_of(sys.modules[__name__], type(self))

    def fits(self, modality: Modality) -> None:  # noqa: B027  # some can judge all
        """Raises InputError where it cannot judge rows of a modality (which may not be resolved yet)."""

    @abstractmethod
    def judge(self, arrays: np.ndarray, labels: Sequence[str | None], modality: Modality) -> list[str | None]:
        """None for each row that is kept, a reason for each other: one row or more, as `modality`, resolved, has them,
        and the names of their classes (None where rows have none).
        """

    def versions(self) -> dict[str, str]:
        """The installed versions of what it needs. Raises InputError where something is missing."""
        from importlib import metadata

        found = {}
        for library in self.libraries:
            try:
                found[library] = metadata.version(library)
            except metadata.PackageNotFoundError:
                install = f"'genai-jobs[{self.extra}]'" if self.extra else library
                raise InputError(
                    f"the filter {self.name} needs {library}, which is not installed; pip install {install}, or leave "
                    "the filter out"
                ) from None
        return found


def judged(
    filters: Sequence[Filter], arrays: np.ndarray, labels: Sequence[str | None], modality: Modality
) -> list[str | None]:
    """What the first filter that refuses a row says of it, the filter's name before its reason; None: all keep it."""
    found: list[str | None] = [None] * len(arrays)
    for each in filters:
        left = [row for row, reason in enumerate(found) if reason is None]
        if not left:
            break
        reasons = each.judge(arrays[left], [labels[row] for row in left], modality)
        assert len(reasons) == len(left), f"{each.name} judged {len(reasons)} rows of {len(left)}"
        for row, reason in zip(left, reasons, strict=True):
            found[row] = None if reason is None else f"{each.name}: {reason[:_REASON]}"
    return found


def versions(filters: Sequence[Filter]) -> Mapping[str, str]:
    """The installed versions of all that the filters need. Raises InputError where something is missing."""
    return {name: version for each in filters for name, version in each.versions().items()}
