"""Folders of images: `root/<label>/**/*.png`. A label is the name of the first folder below the root.

Without labels (`label: null`) the images may lie anywhere. Fragments are runs of 256 files in the order of their
names, and carry these names, so that a worker lists nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import ClassVar

from genai.errors import DataError
from genai.sources import Fragment, Row, Source

RUN = 256  # files of a fragment
LARGEST = 1 << 29  # bytes of a file: more than the largest image takes that is not compressed


class ImagesSource(Source):
    """Image files below one root."""

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".jpeg", ".webp")

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()]
        if self.label not in {None, "label"}:
            raise DataError(
                f"{self.files.uri}: found no column {self.label!r}, labels of image folders are the folders' names; "
                "allowed for data.label: label, or null"
            )
        bare = next((key for key in keys if "/" not in key), None)
        if self.label and bare:
            raise DataError(
                f"{self.files.uri}/{bare}: found an image outside of a label's folder; "
                "allowed: <label>/<image>, or data.label: null for unlabelled images"
            )
        runs = [tuple(keys[at : at + RUN]) for at in range(0, len(keys), RUN)]
        return [Fragment(run[0], part, len(run), run) for part, run in enumerate(runs)]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        for key in fragment.keys:
            label = key.split("/")[0] if self.label else None
            with self.files.open(key) as file:
                if (size := file.seek(0, io.SEEK_END)) > LARGEST:
                    yield Row(b"", label, key, f"the file has {size:,} bytes; allowed: at most {LARGEST:,}")
                    continue
                file.seek(0)
                yield Row(file.read(), label, key)
