"""A picture's own pixels: a file's bytes, which are hostile until they are decoded, or an array.

Only the formats named here are tried, the header's pixel count is bounded before any pixel is decoded, and
animations are refused. Of a camera's file with several frames (MPO) or a TIFF of several pages the first counts.
Two things that Pillow leaves unbounded are bounded here: the tiles of a TIFF, which may be larger than the image, and
the scans of a JPEG, each of which costs a pass over all of it. (Text and profiles in a PNG are bounded by Pillow.)
"""

from __future__ import annotations

import io
import re

import numpy as np
import PIL.Image
import PIL.ImageOps
from PIL.Image import Image as Picture

from genai.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
LARGEST = 1 << 26  # pixels: 8192 x 8192, 200 MB as RGB
SIDE = 1 << 16  # pixels: Pillow puts the rows of a wider WebP together in time that grows with their square
FILE_BYTES = 1 << 29  # of one file: more than the largest image takes that is not compressed
SCANS = 100  # of a JPEG; a progressive one has about ten
TILE = 1 << 22  # pixels of a TIFF's tile, or as many as the image has
_GRAY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N"}


def natural_pixels(value: bytes | np.ndarray, *, alpha: bool = False) -> np.ndarray:
    """The image in its own size, (height, width, 1 or 3) uint8; with `alpha`, and where it has transparency, 4."""
    if isinstance(value, np.ndarray):
        array = _checked(value)
        return array if array.shape[2] != 4 else from_picture(flattened(to_picture(array), alpha=alpha))
    try:
        with PIL.Image.open(io.BytesIO(value), formats=FORMATS) as picture:
            found = _excess(picture, value)
            if not found:
                return from_picture(flattened(picture, alpha=alpha))
    except Exception as error:  # noqa: BLE001 (on hostile bytes Pillow's decoders raise nearly anything)
        found = str(error).split("\n")[0].replace(repr(value), "the bytes") or type(error).__name__
        found = found.split(" <_io.BytesIO")[0][:200] + f" ({len(value):,} bytes)"
    raise DataError(
        f"not a usable image: {found}; allowed: a whole, still {', '.join(FORMATS)} of at most {LARGEST:,} pixels, "
        f"{SIDE:,} a side"
    )


def _excess(picture: Picture, value: bytes) -> str:
    """What an opened image has too much of, before it is decoded; "" where it is none."""
    pixels = picture.width * picture.height
    if pixels > LARGEST or max(picture.size) > SIDE or len(value) > FILE_BYTES:
        return f"{picture.height}x{picture.width} pixels in {len(value):,} bytes"
    if picture.format in {"GIF", "PNG", "WEBP"} and getattr(picture, "is_animated", False):
        return f"{picture.height}x{picture.width} pixels, animated"
    tags = getattr(picture, "tag_v2", {}) if picture.format == "TIFF" else {}
    if (tile := tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_LENGTH, 0)) > max(TILE, pixels):
        return f"{picture.height}x{picture.width} pixels in tiles of {tile:,}"
    if picture.format in {"JPEG", "MPO"} and (scans := _scans(value)) > SCANS:
        return f"{scans:,} scans, of at most {SCANS} that are decoded"
    return ""


_ORIENTATION, _TILE_WIDTH, _TILE_LENGTH = 274, 322, 323
_SCAN, _END = 0xDA, 0xD9  # markers of a JPEG
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")  # of a segment that has a length, or of the end


def _scans(value: bytes) -> int:
    """Scans of a JPEG's first image."""
    if (most := value.count(bytes((0xFF, _SCAN)))) <= SCANS:
        return most  # the thumbnail's and those of further images counted
    scans = at = 0
    while (found := _MARKER.search(value, at)) and found[1][0] != _END:
        scans += found[1][0] == _SCAN
        at = found.end() + int.from_bytes(value[found.end() : found.end() + 2], "big")
    return scans


def flattened(picture: Picture, *, alpha: bool) -> Picture:
    """Upright, of mode L or RGB, laid on white where it has transparency; with `alpha` RGBA then, of which only what is
    not seen at all is white.
    """
    wanted = "L" if picture.mode in _GRAY else "RGB"
    picture.load()
    if picture.mode in {"P", "PA"} or picture.getexif().get(_ORIENTATION, 1) != 1:
        picture = PIL.ImageOps.exif_transpose(picture)  # it copies always: for the largest, a quarter of a gigabyte
    if picture.mode.startswith("I;16"):
        return PIL.Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in {"I", "F"}:
        raise ValueError(f"32-bit pixels (mode {picture.mode})")
    if picture.has_transparency_data:
        opaque = picture.convert("RGBA")
        if alpha:
            return PIL.Image.fromarray(unseen_white(np.array(opaque)))
        picture = PIL.Image.alpha_composite(PIL.Image.new("RGBA", opaque.size, "white"), opaque)
    return picture if picture.mode == wanted else picture.convert(wanted)


def unseen_white(array: np.ndarray) -> np.ndarray:
    """(..., 4) uint8, in place, with white where alpha is 0: a colour that nobody sees is none."""
    array[array[..., 3] == 0, :3] = 255
    return array


def _checked(array: np.ndarray) -> np.ndarray:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in {1, 3, 4} or not array.size:
        raise DataError(
            f"not a usable image: an array of {array.dtype} {array.shape}; "
            "allowed: uint8 of (height, width) or (height, width, 1, 3 or 4)"
        )
    return np.ascontiguousarray(array)


def to_picture(array: np.ndarray) -> Picture:
    """(height, width, 1, 3 or 4) uint8 as Pillow's image."""
    return PIL.Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def from_picture(picture: Picture) -> np.ndarray:
    """An L, RGB or RGBA image as (height, width, 1, 3 or 4) uint8."""
    array = np.asarray(picture)
    return array[:, :, None] if array.ndim == 2 else array
