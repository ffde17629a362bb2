"""Exports: the samples of a sealed part as files that another program reads, one kind a file.

An export is a frozen dataclass; its fields are what an entry of `publish` may say. `files` is a pure function of a
piece (a part's rows of one split): no clock, no machine, no order of arrival is in names or bytes, and no count, so
that a larger dataset keeps every file. What follows a short last part carries its stem, which says so.
Free of NumPy at import, as the command line asks which kinds there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Self

from annotated_types import Len, doc

if TYPE_CHECKING:
    from genai.formats import About, Samples
    from genai.modalities import Modality


@dataclass(frozen=True)
class Piece:
    """Rows of one part that are of one split ("" where there are none), sorted by index; `stem` is the part's name
    without its ending.
    """

    samples: Samples
    about: About
    stem: str
    split: str = ""

    @property
    def name(self) -> str:
        """Of a file that holds the whole piece: Hugging Face datasets knows a split by how names begin."""
        return f"{self.split}-{self.stem.removeprefix('part-')}" if self.split else self.stem


@dataclass(frozen=True)
class Export(ABC):
    """A kind of files. `to` is where they go."""

    to: Annotated[
        Annotated[str, Len(1)] | None, doc("A folder or URI of its own; null: a folder beside the dataset's parts.")
    ] = None

    @property
    def place(self) -> str | None:
        """A place of its own, if it has one."""
        return self.to

    def located(self, absolute: Callable[[str], str]) -> Self:
        """The same files, with `absolute` applied to where they go."""
        return replace(self, to=self.to and absolute(self.to))

    @abstractmethod
    def files(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        """Names below `to`, parts joined by `/`, and the bytes of each. Raises InputError where a class has a name
        that these files cannot say.
        """

    def card(self, classes: Sequence[str], suffix: str, splits: Sequence[str]) -> dict[str, Any] | None:
        """The front matter by which Hugging Face datasets reads these files, where it does not find it out by itself.
        `suffix` is that of a published cell (`.png`); `splits` are names, none for one without.
        """
        return None

    def folder(self, date: str | None) -> str:
        """The folder below `to` that a run for a logical date has to itself, or ""."""
        return ""

    def ask(  # noqa: B027  # most need nothing
        self, shares: Mapping[str, float] | None, date: str | None, modality: Modality
    ) -> None:
        """Raises InputError where the job lacks something that these files need."""
