"""The newest samples of a run by class, as small PNGs of our own making."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from genai.errors import IntegrityError, NotFound
from genai.identity import sha256
from jobs import layout
from jobs.show import Shown, parts_of, pictures
from jobs.stores import Store
from jobs.web.seen import Seen

if TYPE_CHECKING:
    import numpy as np

PARTS, CLASSES, EACH = 3, 24, 8  # that are looked into, and shown
PART_BYTES = 1 << 27  # of pictures in a row group; larger ones are not read for a glance
WORDS = 500  # characters of a sample in words
SIDE, CELL = 112, 56  # pixels: larger pictures are shrunk, smaller ones shown in whole multiples


@dataclass(frozen=True)
class Tile:
    """One sample in words, or as a picture: `name` is that of its file, width and height are those on the page."""

    index: int
    words: str = ""
    name: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Samples:
    """By class, the newest first; `files` are the PNGs by name."""

    parts: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[Tile, ...]], ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    note: str = ""


class Gallery:
    """The newest samples of one run; what was made before is kept until there are newer parts."""

    def __init__(self, store: Store, seen: Callable[[], Seen | None]) -> None:
        self._store, self._seen = store, seen
        self._made = Samples()
        self._of: tuple[str, tuple[str, ...]] = ("", ())

    def look(self) -> Samples:
        """Raises StoreError."""
        seen = self._seen()
        if seen is None or seen.dataset is None:
            return self._made
        names = seen.newest or tuple(islice(parts_of(self._store, seen.dataset), PARTS))
        if (seen.dataset, names) != self._of:
            self._made, self._of = gather(self._store, seen.dataset, names[:PARTS]), (seen.dataset, names)
        return self._made


def gather(store: Store, dataset: str, parts: tuple[str, ...]) -> Samples:
    """Up to `EACH` samples of up to `CLASSES` classes. A part that cannot be read is passed over, and told."""
    rows: dict[str, deque[Shown]] = {}
    notes: list[str] = []

    def wanted(label: str) -> bool:
        if label not in rows and len(rows) == CLASSES:
            return False
        return len(rows.setdefault(label, deque())) < EACH

    for part in parts:
        try:
            for shown in _pictures(store, layout.part(dataset, part), wanted):
                rows[shown.label].append(shown)
        except (IntegrityError, NotFound) as error:
            notes.append(f"{part}: {error}")
    files: dict[str, bytes] = {}
    tiles = [(label, tuple(_tile(shown, files) for shown in rows[label])) for label in sorted(rows, key=_natural)]
    return Samples(parts, tuple((label, row) for label, row in tiles if row), files, "; ".join(notes))


def _pictures(store: Store, key: str, wanted: Callable[[str], bool]) -> Iterator[Shown]:
    with store.open(key) as file:
        yield from pictures(file, wanted, PART_BYTES)


def _natural(label: str) -> tuple[bool, int, str]:
    """10 after 9."""
    return not label.isdecimal(), int(label) if label.isdecimal() and len(label) < 10 else 0, label


def _tile(shown: Shown, files: dict[str, bytes]) -> Tile:
    from genai import png

    if not shown.look.png:
        return Tile(shown.index, shown.look.words[:WORDS])
    pixels = _shrunk(shown.pixels)
    data = png.encode(pixels[None])[0]
    name = f"{sha256(data)[:32]}.png"
    files[name] = data
    height, width = pixels.shape[:2]
    factor = max(1, CELL // max(width, height))
    return Tile(shown.index, "", name, width * factor, height * factor)


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    if max(pixels.shape[:2]) <= SIDE:
        return pixels
    from PIL.Image import Resampling

    from genai.modalities._pixels import from_picture, to_picture

    picture = to_picture(pixels)
    picture.thumbnail((SIDE, SIDE), Resampling.LANCZOS)
    return from_picture(picture)
