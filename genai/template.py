"""Texts that are made from the columns of a table: `a handwritten {digit}, {style}`, or the name of one column.

Only names stand in the braces, no attributes, indices or formats: a template is data, never code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter

from genai.errors import InputError


@dataclass(frozen=True)
class Template:
    """`{{` and `}}` are braces. Raises InputError where something else than a name stands between two."""

    text: str

    def __post_init__(self) -> None:
        _ = self._pieces

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it takes, each once, in order."""
        return tuple(dict.fromkeys(name for _, name in self._pieces if name is not None))

    def fill(self, cells: Mapping[str, str]) -> str:
        """The text for the cells of a row."""
        return "".join(before + ("" if name is None else cells[name]) for before, name in self._pieces)

    @cached_property
    def _pieces(self) -> tuple[tuple[str, str | None], ...]:
        """What stands before each name, and the name; None where none follows."""
        if not set(self.text) & set("{}"):
            return (("", self.text),)
        try:
            found = list(Formatter().parse(self.text))
        except ValueError as error:
            raise _wrong(self.text, str(error)) from None
        names = [name for _, name, _, _ in found if name is not None]
        odd = any(how or turn for _, _, how, turn in found)
        if odd or not names or not all(map(_is_name, names)):
            raise _wrong(self.text, "something else than a column's name stands in braces" if names else "no column")
        return tuple((before, name) for before, name, _, _ in found)


def _is_name(name: str) -> bool:
    return name.strip() == name != "" and not set(name) & set(".[]!:") and not name.isdigit()


def _wrong(text: str, why: str) -> InputError:
    return InputError(
        f"found {text[:100]!r}: {why}; allowed: the name of a column, or text with such names in braces, "
        "as in 'a {colour} {animal}'"
    )
