"""A clip's own frames: the bytes of an animation, which are hostile until they are decoded, or a list of pictures; and
the animated WebP that is published.

Only the formats named here are tried. Frames and pixels are counted before any is decoded: an animated WebP and a PNG
say how many they have; a GIF's blocks are walked through, since Pillow lets a later frame enlarge the canvas.

A WebP of ours is put together here (https://developers.google.com/speed/webp/docs/riff_container): each frame whole and
without loss, in place of the one before. libwebp's own encoder of animations would leave out a frame that equals the
one before it, and a clip in which nothing moves would be no clip. The bytes follow from the pixels, the rate and the
release of libwebp.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import PIL.Image
from PIL.Image import Image as Picture

from genai.errors import DataError
from genai.modalities._pixels import FILE_BYTES, LARGEST, SIDE, from_picture, natural_pixels, to_picture, unseen_white

FORMATS = ("WEBP", "GIF", "PNG")
FRAMES = 4096
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"}

Frame = tuple[np.ndarray, float]  # (height, width, 3 or 4) uint8, and the seconds that it is shown; 0: nobody says


def natural_frames(value: Any, *, alpha: bool) -> Iterator[Frame]:
    """The frames of a clip in their own size; RGB, laid on white where they have transparency, or RGBA with `alpha`.
    Raises DataError, also after some of them.
    """
    try:
        listed = isinstance(value, Sequence) and not isinstance(value, bytes)
        yield from _listed(value, alpha) if listed else _moving(value, alpha)
    except Exception as error:  # noqa: BLE001 (on hostile bytes Pillow's decoders raise nearly anything)
        found = str(error).split("\n")[0] or type(error).__name__
        found = found.split(" <_io.BytesIO")[0].split("; allowed: ")[0][:200]
        size = f" ({len(value):,} bytes)" if isinstance(value, bytes) else ""
    else:
        return
    raise DataError(
        f"not a usable clip: {found}{size}; allowed: a whole animated WebP, GIF or PNG, or a list of pictures of one "
        f"size, 2 to {FRAMES:,} frames, of at most {LARGEST:,} pixels in all"
    )


def _moving(value: bytes, alpha: bool) -> Iterator[Frame]:  # noqa: FBT001
    with PIL.Image.open(io.BytesIO(value), formats=FORMATS) as picture:
        size = picture.size
        if len(value) > FILE_BYTES or max(size) > SIDE:
            raise ValueError(f"{size[1]}x{size[0]} pixels")
        first = int(getattr(picture, "default_image", False))  # of a PNG: not a frame, but what others show instead
        count = _gif_frames(value) if picture.format == "GIF" else getattr(picture, "n_frames", 1) - first
        _check(count, size)
        for number in range(first, first + count):
            picture.seek(number)
            yield _natural(picture, size, alpha), float(picture.info.get("duration") or 0) / 1000


def _natural(picture: Picture, size: tuple[int, int], alpha: bool) -> np.ndarray:  # noqa: FBT001
    if picture.size != size or picture.mode not in _MODES:
        raise ValueError(f"a frame of {picture.height}x{picture.width} pixels of mode {picture.mode}")
    picture.load()
    if not alpha and not picture.has_transparency_data:
        return from_picture(picture.convert("RGB"))
    opaque = picture.convert("RGBA")
    if alpha:
        return unseen_white(np.array(opaque))
    white = PIL.Image.new("RGBA", opaque.size, "white")
    return from_picture(PIL.Image.alpha_composite(white, opaque).convert("RGB"))


def _listed(values: Sequence[Any], alpha: bool) -> Iterator[Frame]:  # noqa: FBT001
    shape: tuple[int, ...] = ()
    for number, value in enumerate(values):
        if not isinstance(value, bytes):
            raise TypeError(f"frame {number} is {'null' if value is None else type(value).__name__}")
        pixels = natural_pixels(value, alpha=alpha)
        if shape and pixels.shape[:2] != shape:
            found, first = (f"{tall}x{wide}" for tall, wide in (pixels.shape[:2], shape))
            raise ValueError(f"frame {number} is {found} (height x width), frame 0 is {first}")
        if not shape:
            shape = pixels.shape[:2]
            _check(len(values), (shape[1], shape[0]))
        yield from_picture(to_picture(pixels).convert("RGBA" if alpha else "RGB")), 0.0
    if not values:
        raise ValueError("no frame")


def _check(count: int, size: tuple[int, int]) -> None:
    if count < 2:
        raise ValueError("a still picture, no animation")
    if count > FRAMES or count * size[0] * size[1] > LARGEST:
        raise ValueError(f"{count:,} frames of {size[1]}x{size[0]} pixels")


_EXTENSION, _IMAGE = 0x21, 0x2C  # blocks of a GIF


def _gif_frames(value: bytes) -> int:
    """How many images there are in the blocks of a GIF. Raises ValueError where one reaches over the canvas."""
    wide, tall, flags = struct.unpack_from("<HHB", value, 6)
    at, count = 13 + _colours(flags), 0
    while at < len(value) and value[at] in (_EXTENSION, _IMAGE):
        if value[at] == _IMAGE:
            left, top, width, height, flags = struct.unpack_from("<HHHHB", value, at + 1)
            if left + width > wide or top + height > tall:
                raise ValueError(f"a frame that reaches over the {tall}x{wide} pixels of the clip")
            at, count = at + 11 + _colours(flags), count + 1
        else:
            at += 2
        while value[at]:
            at += 1 + value[at]
        at += 1
    return count


def _colours(flags: int) -> int:
    """Bytes of a GIF's palette."""
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


_MOVES, _ALPHA, _REPLACES = 0x02, 0x10, 0x02  # flags of a file, and of a frame


def animation(frames: np.ndarray, rate: float) -> bytes:
    """(frames, height, width, 1, 3 or 4) uint8 as an animated WebP without loss, which begins again at its end."""
    count, height, width, channels = frames.shape
    sides = _three(width - 1) + _three(height - 1)
    ends = [round(1000 * number / rate) for number in range(count + 1)]  # the length of the whole is right
    flags = _MOVES | (_ALPHA if channels == 4 else 0)
    body = _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sides) + _chunk(b"ANIM", bytes(6))
    for frame, start, end in zip(frames, ends, ends[1:], strict=False):
        body += _chunk(b"ANMF", bytes(6) + sides + _three(end - start) + bytes((_REPLACES,)) + _still(frame))
    return _chunk(b"RIFF", b"WEBP" + body)


def _still(frame: np.ndarray) -> bytes:
    """A frame's own chunk: that of a WebP which is nothing else."""
    sink = io.BytesIO()
    to_picture(frame).save(sink, "WEBP", lossless=True, quality=0, method=1, exact=True)  # more effort saves nothing
    return sink.getvalue()[12:]


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
