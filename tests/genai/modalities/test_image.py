"""Images of all sorts, friendly and hostile."""

import io
import itertools
import pickle
import struct
import zlib

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PilImage

from genai.errors import DataError
from genai.modalities.image import Image


def saved(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def decoded(value, **fields):
    return Image(**fields).resolve(value).decode(value)[0]


RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)


@given(
    st.sampled_from([1, 3, 4]).flatmap(
        lambda c: arrays(np.uint8, st.tuples(*[st.integers(1, 3), *[st.integers(1, 9)] * 2, st.just(c)]))
    )
)
def test_pillow_reads_our_png(images):
    """A foreign reader finds the pixels that were written, of any size and mode."""
    for image, cell in zip(images, Image().cells(images), strict=True):
        assert (np.asarray(PilImage.open(io.BytesIO(cell))).reshape(image.shape) == image).all()


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (PilImage.new("1", (2, 3), 1), (3, 2, 1, 255)),
        (PilImage.new("LA", (2, 3), (40, 255)), (3, 2, 1, 40)),
        (PilImage.fromarray(np.full((3, 2), 0x1234, np.uint16)), (3, 2, 1, 0x12)),
        (PilImage.new("RGB", (2, 3), (7, 8, 9)).convert("P"), (3, 2, 3, None)),
        (PilImage.new("RGBA", (2, 3), (0, 0, 0, 0)), (3, 2, 3, 255)),
        (PilImage.new("LA", (2, 3), (0, 0)), (3, 2, 1, 255)),
    ],
    ids=["1-bit", "gray with alpha", "16-bit", "palette", "transparent", "transparent gray"],
)
def test_every_mode_becomes_gray_or_rgb(picture, expected):
    """Transparency is laid on white; of 16 bits the upper 8 count."""
    *shape, value = expected
    array = decoded(saved(picture))
    assert list(array.shape) == shape
    assert value is None or (array == value).all()


CUT_OUT = np.dstack([NOISE, NOISE.T, NOISE[::-1], np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[:, None], 64, 1)])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_kept_where_the_spec_asks_for_it(kind):
    """All of a file but colours that nobody sees; without being asked for, it is laid on white."""
    value = saved(PilImage.fromarray(CUT_OUT), kind, **({"lossless": True} if kind == "WEBP" else {}))
    array = decoded(value, mode="RGBA")
    seen = CUT_OUT[..., 3] > 0
    assert (array[seen] == CUT_OUT[seen]).all()
    assert (array[~seen] == (255, 255, 255, 0)).all()
    assert decoded(value).shape == (64, 64, 3)
    assert (decoded(value)[~seen] == 255).all()


def test_an_opaque_picture_is_one_row_with_alpha_or_without():
    """Where transparency is asked for, gray, colour and full alpha are the same content; hidden colours are none."""
    files = [saved(PilImage.fromarray(RAMP).convert(mode)) for mode in ("L", "RGB", "RGBA")]
    image = Image(mode="RGBA").resolve(files[0])
    assert len({image.decode(file)[1] for file in files}) == 1
    hidden = [saved(PilImage.new("RGBA", (8, 6), (level, 0, 0, 0))) for level in (0, 200)]
    assert len({image.decode(file)[1] for file in hidden}) == 1


def test_a_cut_out_shrinks_without_a_fringe():
    """What is not seen lends its colour to no neighbour, and stays white."""
    wide = np.zeros((8, 8, 4), np.uint8)
    wide[:, :3] = (250, 0, 0, 255)
    small = decoded(saved(PilImage.fromarray(wide)), mode="RGBA", size=4)
    assert (small[small[..., 3] > 0][:, 0] > 240).all()
    assert (small[:, 3] == (255, 255, 255, 0)).all()


def test_cmyk_jpeg_is_rgb():
    """Printers' JPEG becomes colour."""
    assert decoded(saved(PilImage.new("CMYK", (4, 4)), "JPEG")).shape == (4, 4, 3)


def test_the_camera_was_held_sideways():
    """EXIF orientation 6 turns the picture by a quarter."""
    exif = PilImage.Exif()
    exif[0x0112] = 6
    turned = decoded(saved(PilImage.fromarray(RAMP), exif=exif))
    assert (turned[:, :, 0] == np.rot90(RAMP, -1)).all()


def test_the_content_is_the_pixels_not_the_file():
    """PNG and BMP of equal pixels are one content, whatever size the spec asks for; another shape is another."""
    png, bmp = saved(PilImage.fromarray(RAMP)), saved(PilImage.fromarray(RAMP), "BMP")
    small, own = Image(size=3).resolve(png), Image().resolve(png)
    assert small.decode(png)[1] == own.decode(bmp)[1] == own.decode(RAMP)[1]
    other = Image(size=3).resolve(png).decode(saved(PilImage.fromarray(RAMP.reshape(8, 6))))
    assert other[1] != own.decode(png)[1]


def _header(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def _animation(kind):
    return saved(PilImage.new("L", (4, 4)), kind, save_all=True, append_images=[PilImage.new("L", (4, 4), 9)])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "cannot identify"),
        (b"no image at all", "cannot identify"),
        (saved(PilImage.fromarray(NOISE))[:1000], "truncated"),
        (saved(PilImage.fromarray(NOISE), "JPEG")[:1000], "truncated"),
        (_header(60_000, 60_000), "3600000000 pixels"),
        (_header(9_000, 9_000), "9000x9000 pixels"),
        (_animation("GIF"), "animated"),
        (_animation("PNG"), "animated"),
        (_animation("WEBP"), "animated"),
        (saved(PilImage.new("F", (4, 4)), "TIFF"), "32-bit"),
        (np.zeros((4, 4), np.float32), "array of float32"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), r"\(0, 4, 1\)"),
    ],
    ids=itertools.count(),
)
def test_what_is_no_usable_image_is_refused(value, message):
    """One sentence says what was found and what is allowed; a huge header costs no memory."""
    with pytest.raises(DataError, match=rf"not a usable image: .*{message}.*; allowed: "):
        Image().resolve(value)


@settings(max_examples=150)
@given(st.data())
def test_damaged_files_decode_or_are_refused(data):
    """Bytes changed anywhere give an image or a DataError, nothing else."""
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]))
    value = bytearray(saved(PilImage.fromarray(RAMP), kind))
    for at in data.draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4)):
        value[at] = data.draw(st.integers(0, 255))
    try:
        assert Image(size=4, mode="L").resolve(bytes(value)).decode(bytes(value))[0].shape == (4, 4, 1)
    except DataError:
        event("refused")


def test_another_size_is_refused_where_the_spec_is_silent():
    """The message says both sizes and the field to set; it is also so in another process."""
    settled = pickle.loads(pickle.dumps(Image().resolve(RAMP)))
    with pytest.raises(DataError, match=r"is 8x6 .*first one is 6x8; set data\.modality\.size, .*\[6, 8\]"):
        settled.decode(RAMP.reshape(8, 6))


@pytest.mark.parametrize("first", [RAMP, np.stack([RAMP] * 3, axis=2)], ids=["gray", "colour"])
def test_another_mode_is_refused_where_the_spec_is_silent(first):
    """Gray among colour, or the other way round."""
    other = np.stack([RAMP] * 3, axis=2) if first.ndim == 2 else RAMP
    with pytest.raises(DataError, match=r"set data\.modality\.mode"):
        Image().resolve(first).decode(other)


def test_the_spec_settles_mixed_sizes_and_modes():
    """With size and mode given, all rows become that."""
    image = Image(size=(5, 4), mode="L").resolve(RAMP)
    for value in (RAMP, RAMP.reshape(8, 6), np.stack([RAMP] * 3, axis=2)):
        assert image.decode(value)[0].shape == (5, 4, 1)


def test_cropping_keeps_proportions_and_stretching_keeps_the_edges():
    """A wide picture with a bright left border loses it by a crop only."""
    wide = np.zeros((4, 12), np.uint8)
    wide[:, :3] = 255
    assert decoded(wide, size=4, fit="crop").max() == 0
    assert decoded(wide, size=4, fit="stretch")[:, 0].min() > 200


def test_shrinking_is_antialiased():
    """A fine checkerboard becomes gray, not black or white."""
    board = (np.indices((16, 16)).sum(0) % 2 * 255).astype(np.uint8)
    for resample in ("bilinear", "bicubic", "lanczos"):
        assert abs(decoded(board, size=4, resample=resample).astype(int) - 128).max() < 12


def test_a_column_is_bytes_and_path():
    """Hugging Face's Image: struct<bytes: binary, path: string>."""
    ((column, feature),) = Image((2, 2), "L").columns(np.zeros((1, 2, 2, 1), np.uint8), ["x.png"]).values()
    assert column[0].as_py()["path"] == "x.png"
    assert feature == {"_type": "Image"}
