"""Images that claim more than they are, or inflate to more than they should."""

import base64
import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image as Pillow

BOMB, MEGABYTE = 1 << 28, 1 << 20


@cache
def zeros(size: int) -> bytes:
    """So many zeros, deflated a piece at a time."""
    made = zlib.compressobj(9)
    pieces = [made.compress(bytes(min(MEGABYTE, size - at))) for at in range(0, size, MEGABYTE)]
    return b"".join(pieces) + made.flush()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, idat: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", idat) + after + chunk(b"IEND", b"")


SMALL = zlib.compress(bytes(20))  # pixels of 4x4


def saved(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def frames(kind: str, count: int) -> bytes:
    made = [Pillow.fromarray(np.full((4, 4), number % 250, np.uint8)) for number in range(count)]
    return saved(made[0], kind, save_all=True, append_images=made[1:])


def webp(side: int) -> bytes:
    """A canvas of that side, around an image of 4x4."""
    inner = saved(Pillow.new("RGB", (4, 4)), "WEBP", lossless=True)[12:]
    head = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + (side - 1).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(inner)) + b"WEBP" + head + inner


def wide_webp() -> bytes:
    """Four rows of 16,744,453 pixels, around one frame of 5x4: as the fuzzer found it."""
    return base64.b64decode(
        "UklGRooAAABXRUJQVlA4WAoAAAACAAAABID/AwAAQU5JTQYAAAAAAAAAAABBTk1GXgAAAAAAAAAAAAQAAAMAAAAAAAJWUDggRgAAAFABAJ0BKgUABAAB"
        "QCYlpAAFjAAA/vdUf2L//CA//Bgv/jF/8VP///////////////////////////////////////////8="
    )


def gif(side: int) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", side, side, 0, 0, 0)
        + b"\x2c"
        + struct.pack("<HHHHB", 0, 0, side, side, 0)
        + b"\x08\x01\0\0;"
    )


def bmp(side: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)


def scans(side: int, count: int) -> bytes:
    """A progressive JPEG whose last scan stands there so many times."""
    data = saved(Pillow.new("L", (side, side)), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def tiff(tags: dict[int, tuple[int, ...]], data: bytes = b"") -> bytes:
    """A directory of 32-bit tags, then `data` at byte 1,000."""
    wide = b""
    entries = b""
    for tag, values in sorted(tags.items()):
        body = struct.pack(f"<{len(values)}I", *values)
        place = body if len(body) <= 4 else struct.pack("<I", 500 + len(wide))
        wide += body if len(body) > 4 else b""
        entries += struct.pack("<HHI", tag, 4, len(values)) + place
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    return (head.ljust(500, b"\0") + wide).ljust(1000, b"\0") + data


GRAY = {256: (1,), 257: (1,), 258: (8,), 259: (8,), 262: (1,), 277: (1,)}  # 1x1, deflated


def tiles(side: int) -> bytes:
    data = zeros(side * side)
    return tiff({**GRAY, 322: (side,), 323: (side,), 324: (1000,), 325: (len(data),)}, data)


CASES = {
    "PNG of 60,000 x 60,000": (lambda: png(60_000, 60_000, SMALL), "3600000000 pixels"),
    "PNG of 9,000 x 9,000": (lambda: png(9_000, 9_000, SMALL), "9000x9000 pixels"),
    "PNG with 256 MB for 16 pixels": (lambda: png(4, 4, zeros(BOMB)), ""),
    "PNG with 256 MB of text": (lambda: png(4, 4, SMALL, chunk(b"zTXt", b"a\0\0" + zeros(BOMB))), "too large"),
    "PNG with 256 MB of other text": (
        lambda: png(4, 4, SMALL, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(BOMB))), "too large",
    ),
    "PNG with 256 MB of profile": (
        lambda: png(4, 4, SMALL, chunk(b"iCCP", b"a\0\0" + zeros(BOMB))), "too large",
    ),
    "PNG with 256 MB behind the pixels": (
        lambda: png(4, 4, SMALL, after=chunk(b"zTXt", b"a\0\0" + zeros(BOMB))), "too large",
    ),
    "PNG with 200 texts of a megabyte": (
        lambda: png(4, 4, SMALL, chunk(b"zTXt", b"a\0\0" + zeros(MEGABYTE - 9)) * 200), "memory used in text",
    ),
    "PNG cut off": (lambda: png(64, 64, zeros(64 * 65)[:-9])[:60], "truncated|cannot|broken"),
    "WebP of 16,384 x 16,384": (lambda: webp(1 << 14), "268435456 pixels"),
    "WebP of four rows": (wide_webp, "4x16744453 pixels"),
    "GIF of 65,535 x 65,535": (lambda: gif(65_535), "4294836225 pixels"),
    "BMP of 60,000 x 60,000": (lambda: bmp(60_000), "3600000000 pixels"),
    "GIF of 2,000 frames": (lambda: frames("GIF", 2_000), "animated"),
    "PNG of 2,000 frames": (lambda: frames("PNG", 2_000), "animated"),
    "WebP of 2,000 frames": (lambda: frames("WEBP", 2_000), "animated"),
    "JPEG of 5,000 scans": (lambda: scans(2048, 5_000), "5,00. scans"),
    "TIFF in tiles of 20,000 x 20,000": (lambda: tiles(20_000), "tiles of 400,000,000"),
    "TIFF with a million strips": (lambda: tiff({**GRAY, 273: (1000,) * 10**6, 279: (1,) * 10**6}), "not a usable"),
    "TIFF without tags": (lambda: tiff({}), "not a usable"),
    "TIFF with tags of nothing": (lambda: tiff(GRAY | {258: (), 273: (0,), 279: (2**32 - 1,)}), "not a usable"),
}  # fmt: skip  # name -> (its bytes, what the refusal says; "" where it is an image after all)


def gif_of(count: int, side: int = 4) -> bytes:
    """A GIF of 4x4 whose second frame is of that side, and stands there so many times."""
    data = frames("GIF", 2)
    second = data.rindex(b"\x2c\0\0\0\0\4\0\4\0")
    return data[:second] + (data[second : second + 5] + struct.pack("<HH", side, side) + data[second + 9 : -1]) * count


def claimed(count: int, side: int = 4) -> bytes:
    """A PNG that claims so many frames of that side, and has none."""
    return png(side, side, SMALL, chunk(b"acTL", struct.pack(">II", count, 0)))


CLIPS = {
    "GIF whose second frame is larger": (lambda: gif_of(1, 12_000), "reaches over the 4x4 pixels"),
    "GIF of a million frames": (lambda: gif_of(10**6), "1,000,001 frames of 4x4"),
    "GIF of 60,000 x 60,000": (lambda: gif(60_000), "3600000000 pixels"),
    "PNG that claims a billion frames": (lambda: claimed(10**9), "frames of 4x4"),
    "PNG that claims 50 frames of 2,000 x 2,000": (lambda: claimed(50, 2_000), "50 frames of 2000x2000"),
    "WebP of 16,384 x 16,384": (lambda: webp(1 << 14), "268435456 pixels"),
    "WebP of four rows": (wide_webp, "4x16744453 pixels"),
}  # name -> (its bytes, what the refusal says)
