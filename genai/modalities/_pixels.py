"""A picture's own pixels: a file's bytes, which are hostile until they are decoded, or an array.

Only the formats named here are tried, the header's pixel count is bounded before any pixel is decoded, and
animations are refused. Of a camera's file with several frames (MPO) or a TIFF of several pages the first counts.
"""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageOps
from PIL.Image import Image as Picture

from genai.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
LARGEST = 1 << 26  # pixels: 8192 x 8192, 200 MB as RGB
_GRAY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N"}


def natural_pixels(value: bytes | np.ndarray) -> np.ndarray:
    """The image in its own size, (height, width, 1 or 3) uint8."""
    if isinstance(value, np.ndarray):
        return _checked(value)
    try:
        with PIL.Image.open(io.BytesIO(value), formats=FORMATS) as picture:
            if picture.width * picture.height <= LARGEST and not _animated(picture):
                return from_picture(_flattened(picture))
            found = f"{picture.height}x{picture.width} pixels{', animated' if _animated(picture) else ''}"
    except Exception as error:  # noqa: BLE001 (on hostile bytes Pillow's decoders raise nearly anything)
        found = str(error).split("\n")[0].replace(repr(value), "the bytes") or type(error).__name__
        found = found.split(" <_io.BytesIO")[0] + f" ({len(value):,} bytes)"
    raise DataError(
        f"not a usable image: {found}; allowed: a whole, still {', '.join(FORMATS)} of at most {LARGEST:,} pixels"
    )


def _animated(picture: Picture) -> bool:
    return bool(getattr(picture, "is_animated", False)) and picture.format in {"GIF", "PNG", "WEBP"}


def _flattened(picture: Picture) -> Picture:
    """Upright, without transparency, of mode L or RGB."""
    gray = picture.mode in _GRAY
    picture = PIL.ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        return PIL.Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in {"I", "F"}:
        raise ValueError(f"32-bit pixels (mode {picture.mode})")
    if picture.has_transparency_data:
        opaque = picture.convert("RGBA")
        picture = PIL.Image.alpha_composite(PIL.Image.new("RGBA", opaque.size, "white"), opaque)
    return picture.convert("L" if gray else "RGB")


def _checked(array: np.ndarray) -> np.ndarray:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in {1, 3} or not array.size:
        raise DataError(
            f"not a usable image: an array of {array.dtype} {array.shape}; "
            "allowed: uint8 of (height, width) or (height, width, 1 or 3)"
        )
    return np.ascontiguousarray(array)


def to_picture(array: np.ndarray) -> Picture:
    """(height, width, 1 or 3) uint8 as Pillow's image."""
    return PIL.Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def from_picture(picture: Picture) -> np.ndarray:
    """An L or RGB image as (height, width, 1 or 3) uint8."""
    array = np.asarray(picture)
    return array[:, :, None] if array.ndim == 2 else array
