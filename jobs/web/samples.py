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
from jobs.report import Exhibit
from jobs.show import Shown, parts_of, pictures
from jobs.stores import Store
from jobs.web.seen import Seen

if TYPE_CHECKING:
    import numpy as np

PARTS, CLASSES, EACH = 3, 24, 8  # that are looked into, and shown
PART_BYTES = 1 << 27  # of pictures in a row group; larger ones are not read for a glance
WORDS = 500  # characters of a sample in words
KINDS = {"png": "image/png", "webp": "image/webp", "wav": "audio/wav", "flac": "audio/flac"}  # of files, by ending
MOVING_BYTES = 1 << 25  # of a page's files, beyond which no more sounds and moving pictures are added
SIDE, CELL = (
    112,
    56,
)  # pixels: larger pictures are shrunk, smaller ones shown in whole multiples, larger where they move


@dataclass(frozen=True)
class Tile:
    """One sample in words, or as a picture: `name` is that of its file, width and height are those on the page, `sound`
    is that of the file with its sound.
    """

    index: int
    words: str = ""
    name: str = ""
    width: int = 0
    height: int = 0
    sound: str = ""


@dataclass(frozen=True)
class Samples:
    """By class, the newest first; `files` are what the page shows and plays, by name."""

    parts: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[Tile, ...]], ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    note: str = ""

    @property
    def heard(self) -> bool:
        """Whether any has a sound."""
        return any(tile.sound for _, row in self.rows for tile in row)


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

    look = shown.look
    if not look.png:
        return Tile(shown.index, look.words[:WORDS])
    sound = _kept(look.sound, look.sound_type, files) if look.sound else ""
    if name := _kept(look.motion, "image/webp", files) if look.motion else "":
        return Tile(shown.index, "", name, *_fitted(*Exhibit(look).size, SIDE), sound)
    pixels = _shrunk(shown.pixels)
    name = _kept(png.encode(pixels[None])[0], "image/png", files)
    return Tile(shown.index, "", name, *_fitted(pixels.shape[1], pixels.shape[0], CELL), sound)


def _kept(data: bytes, kind: str, files: dict[str, bytes]) -> str:
    """The name of a file on the page; "" where it is of an unknown kind, or there is no room for it."""
    suffix = next((suffix for suffix, known in KINDS.items() if known == kind), None)
    moves = kind != "image/png"
    if suffix is None or (moves and sum(map(len, files.values())) + len(data) > MOVING_BYTES):
        return ""
    name = f"{sha256(data)[:32]}.{suffix}"
    files[name] = data
    return name


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """In pixels of the page: whole multiples up to `side`, or shrunk."""
    factor = max(1, side // max(width, height)) if max(width, height) <= SIDE else SIDE / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    if max(pixels.shape[:2]) <= SIDE:
        return pixels
    from PIL.Image import Resampling

    from genai.modalities._pixels import from_picture, to_picture

    picture = to_picture(pixels)
    picture.thumbnail((SIDE, SIDE), Resampling.LANCZOS)
    return from_picture(picture)
