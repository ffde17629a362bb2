"""Prompts: texts to draw under, read from the rows of any source: a column, or a template over columns.

The order is that of the source, and an empty one, or one that is no text, is an error: sample i is drawn under prompt
i modulo their number, so none can be left out without moving all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genai.cut import Cut
from genai.errors import DataError
from genai.modalities.captioned import captions_of, columns_of
from genai.sources import Files, Row, Source, open_source
from genai.template import Template

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 1_000_000  # prompts: every worker holds them
LONGEST = 1 << 16  # bytes of one


@dataclass(frozen=True)
class _Texts:
    """What is read of a row: a text."""

    template: Template
    noun: str = "prompt"
    files: tuple[str, ...] = ()
    cut: Cut = field(default_factory=Cut)

    def picked(self, key: str, schema: pa.Schema) -> list[str]:
        return columns_of(self.template, key, schema, "the prompts", "generate.prompts.text")

    def values(self, columns: pa.Table | pa.RecordBatch) -> list[Any]:
        return captions_of(self.template, columns)


def opened(uri: str, text: str, open_files: Callable[[str], Files]) -> Source:
    """The source of prompts; `text` is their column, or a template. Raises DataError where it is not there."""
    return open_source(uri, None, open_files, _Texts(Template(text)))


def read(source: Source) -> list[str]:
    """The prompts of a source. Raises DataError where it has none, too many, or one that is none."""
    rows = (row for fragment in source.fragments() for row in source.read(fragment))
    found = []
    for prompt in _checked(rows):
        found.append(prompt)
        if len(found) > MOST:
            raise DataError(f"{source.pattern}: found more than {MOST:,} prompts; allowed: as many, in several jobs")
    if not found:
        raise DataError(f"{source.pattern}: found no prompt; allowed: at least one row")
    return found


def _checked(rows: Iterator[Row]) -> Iterator[str]:
    for row in rows:
        value = row.value
        try:
            prompt = value.decode() if isinstance(value, bytes) else value
            fault = row.error or ("" if prompt and prompt.strip() else "the prompt is empty")
        except UnicodeDecodeError:
            fault = "the prompt is no text in UTF-8"
        if not fault and len(prompt) > LONGEST:
            fault = f"the prompt has {len(prompt):,} characters; allowed: at most {LONGEST:,}"
        if fault:
            raise DataError(f"{row.where}: {fault}")
        yield prompt
