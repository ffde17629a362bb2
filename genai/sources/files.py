"""Folders of files that hold one row each: `root/<label>/**/*.png`. A label is the name of the first folder below the
root. Which files these are, the modality says (texts, which may be cut, are read by `text`).

Without labels (`label: null`) the files may lie anywhere. Fragments are runs of 256 files in the order of their
names, and carry these names, so that a worker lists nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from genai.sources import Fragment, Reading, Row, Source
from genai.sources._folders import check_folders, label_of

RUN = 256  # files of a fragment
LARGEST = 1 << 29  # bytes of a file: more than the largest image takes that is not compressed


class FilesSource(Source):
    """Files below one root."""

    @classmethod
    def endings(cls, modality: Reading) -> tuple[str, ...]:
        return () if modality.cut else modality.files

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [(entry.key, entry.size, entry.version) for entry in self.entries()]

    def fragments(self) -> list[Fragment]:
        keys = [entry.key for entry in self.entries()]
        check_folders(self, keys)
        runs = [tuple(keys[at : at + RUN]) for at in range(0, len(keys), RUN)]
        return [Fragment(run[0], part, len(run), run) for part, run in enumerate(runs)]

    def read(self, fragment: Fragment) -> Iterator[Row]:
        for key in fragment.keys:
            label = label_of(self, key)
            with self.files.open(key) as file:
                if (size := file.seek(0, io.SEEK_END)) > LARGEST:
                    yield Row(b"", label, key, f"the file has {size:,} bytes; allowed: at most {LARGEST:,}")
                    continue
                file.seek(0)
                yield Row(file.read(), label, key)
