"""Folders of files that hold one row each: `root/<label>/**/*.png`. A label is the name of the first folder below the
root. Which files these are, the modality says.

Without labels (`label: null`) the files may lie anywhere. Fragments are runs of 256 files in the order of their
names, and carry these names, so that a worker lists nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from genai.errors import DataError
from genai.modalities import Modality
from genai.sources import Fragment, Row, Source

RUN = 256  # files of a fragment
LARGEST = 1 << 29  # bytes of a file: more than the largest image takes that is not compressed


class FilesSource(Source):
    """Files below one root."""

    @classmethod
    def endings(cls, modality: Modality) -> tuple[str, ...]:
        return modality.files

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()]
        if self.label not in {None, "label"}:
            raise DataError(
                f"{self.files.uri}: found no column {self.label!r}, labels of folders of {self.modality.noun}s are the "
                "folders' names; allowed for data.label: label, or null"
            )
        bare = next((key for key in keys if "/" not in key), None)
        if self.label and bare:
            raise DataError(
                f"{self.files.uri}/{bare}: found a file outside of a label's folder; "
                f"allowed: <label>/<{self.modality.noun}>, or data.label: null for unlabelled {self.modality.noun}s"
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
