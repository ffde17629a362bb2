"""Hostile files, read one after the other in a process whose memory is bounded, and what each took, as JSON:

python -m tests.genai.hostile FOLDER

The files are named `READER: what they are`. They are made elsewhere: making one takes memory that would hide the rest.
"""

import io
import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from genai.blocks import Block, read_block, record_batch
from genai.errors import GenaiError
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.modalities.audio import Audio
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.modalities.video import Video
from genai.sources import Source
from genai.sources.csv import CsvSource
from genai.sources.jsonl import JsonlSource
from genai.sources.parquet import ParquetSource
from genai.sources.text import TextSource

ROOM = 3 << 30  # bytes that the process may take beyond what it has when it begins


def decoded(data: bytes) -> None:
    assert Image(4, "RGB").decode(data)[0].shape == (4, 4, 3)


def moving(data: bytes) -> None:
    Video(2, 4, "RGB").decode(data)


def heard(data: bytes) -> None:
    assert Audio(4000, 0.5, 2).decode(data)[0].shape == (2000, 2, 2)


def rows_of(data: bytes) -> list[int]:
    """Lengths of the images of a source."""
    files = SimpleNamespace(
        uri="x",
        list=lambda _: [SimpleNamespace(key="x.parquet", size=len(data), version="1")],
        open=lambda _: io.BytesIO(data),
    )
    source = ParquetSource(files, "", None)
    return [len(row.value) for fragment in source.fragments() for row in source.read(fragment)]


def rows_of_block(data: bytes, shape: tuple[int, ...] = (2, 3, 1)) -> np.ndarray:
    """Whole and by its record batch alike."""
    block = Block("x.arrow", 7, len(data), sha256(data))
    arrays, _ = record_batch(block, lambda _: io.BytesIO(data), 0, shape)
    assert (read_block(block, data, shape)[0] == arrays).all()
    return arrays


def rows_of_text(kind: type[Source], name: str, unit: str = "line") -> Callable[[bytes], int]:
    """How many rows a source of text has, and each of them is looked at."""

    def read(data: bytes) -> int:
        files = SimpleNamespace(
            uri="x",
            list=lambda _: [SimpleNamespace(key=name, size=len(data), version="1")],
            open=lambda _: io.BytesIO(data),
        )
        source = kind(files, "", None, Text(length=100, unit=unit))
        return sum(len(row.value or b"") >= 0 for fragment in source.fragments() for row in source.read(fragment))

    return read


READERS: dict[str, Callable[[bytes], object]] = {
    "image": decoded,
    "clip": moving,
    "sound": heard,
    "source": rows_of,
    "part": Parquet().decode,
    "block": rows_of_block,
    "csv": rows_of_text(CsvSource, "x.csv"),
    "jsonl": rows_of_text(JsonlSource, "x.jsonl"),
    "lines": rows_of_text(TextSource, "x.txt"),
    "paragraphs": rows_of_text(TextSource, "x.txt", "paragraph"),
    "windows": rows_of_text(TextSource, "x.txt", "window"),
}


def status(field: str) -> float:
    """A figure of this process, in MB."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def taken(read: Callable[[bytes], object], data: bytes) -> dict[str, object]:
    """Megabytes and seconds that reading took, and the refusal."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began, told = status("VmHWM"), time.perf_counter(), ""
    try:
        read(data)
    except GenaiError as error:
        told = str(error)
    seconds = time.perf_counter() - began
    return {"bytes": len(data), "mb": status("VmHWM") - before, "seconds": seconds, "told": told}


def main(folder: Path) -> None:
    room = int(status("VmSize") * 2**20) + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    files = sorted(folder.iterdir())
    found = {file.name: taken(READERS[file.name.partition(":")[0]], file.read_bytes()) for file in files}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
