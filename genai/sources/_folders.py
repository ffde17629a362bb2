"""Labels that are folders: `root/<label>/**/file`. Without labels (`label: null`) files may lie anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from genai.errors import DataError
from genai.sources import Source


def check_folders(source: Source, keys: Sequence[str]) -> None:
    """Raises DataError where the files have no such labels."""
    root, noun = source.files.uri, source.modality.noun
    if source.label not in {None, "label"}:
        raise DataError(
            f"{root}: found no column {source.label!r}, labels of folders of {noun}s are the folders' names; "
            "allowed for data.label: label, or null"
        )
    bare = next((key for key in keys if "/" not in key), None)
    if source.label and bare:
        raise DataError(
            f"{root}/{bare}: found a file outside of a label's folder; "
            f"allowed: <label>/<{noun}>, or data.label: null for unlabelled {noun}s"
        )


def label_of(source: Source, key: str) -> str | None:
    return key.partition("/")[0] if source.label else None
