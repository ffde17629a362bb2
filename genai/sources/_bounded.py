"""A small file, whole, if it is as small as it should be."""

from __future__ import annotations

import io
from contextlib import closing

from genai.sources import Files


def bounded(files: Files, key: str, most: int) -> bytes:
    """Its bytes. Raises ValueError where they are more than `most`, and NotFound."""
    with closing(files.open(key)) as file:
        if (size := file.seek(0, io.SEEK_END)) > most:
            raise ValueError(f"it has {size:,} bytes; allowed: at most {most:,}")
        file.seek(0)
        return file.read(size)
