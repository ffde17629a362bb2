"""PNG of 8-bit gray, RGB and RGBA images, quickly: what a generation worker spends its encoding time on.

A PNG of ours is the signature, IHDR, one IDAT (zlib over the lines) and IEND, with no other chunk, so the bytes
follow from the pixels and the zlib release alone. Measured on one core, Pillow 13, zlib 1.2.13: a 28x28 digit takes
Pillow 67 us at its quickest (level 1: 284 bytes), 81 us by default (275 bytes), and this writer, in batches, 19 us
(254 bytes); a 64x64 patch of a photograph takes Pillow 420 us (7,400 bytes), 750 by default (6,900), and this
writer 260 us (7,800 bytes). Level 3: 1 saves 1 us, 6 costs 10 us for 4 bytes. Gray lines are not filtered (that makes
drawings and digits larger), those in colour are differences to the line above (that makes photographs smaller).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 3
_COLOUR = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type: gray, RGB, RGBA
_FILTER = {1: 0, 3: 2, 4: 2}  # channels -> filter of every line: none, Up


def encode(arrays: np.ndarray) -> list[bytes]:
    """The PNG file of each of (rows, height, width, channels) uint8, channels 1, 3 or 4."""
    rows, height, width, channels = arrays.shape
    head = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0))
    tail = _chunk(b"IEND", b"")
    pixels = arrays.reshape(rows, height, width * channels)
    lines = np.zeros((rows, height, width * channels + 1), dtype=np.uint8)
    lines[:, :, 0] = filtered = _FILTER[channels]
    lines[:, :, 1:] = pixels
    if filtered:
        lines[:, 1:, 1:] -= pixels[:, :-1]  # modulo 256, as the format has it
    return [head + _chunk(b"IDAT", zlib.compress(image.data, _LEVEL)) + tail for image in lines]


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
