"""Clips of all sorts, friendly and hostile."""

import io
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from genai import png
from genai.errors import DataError, InputError
from genai.modalities.video import Video

rng = np.random.default_rng(0)
COLOUR = rng.integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
GRAY = np.repeat(rng.integers(0, 256, (3, 6, 8, 1), dtype=np.uint8), 3, axis=3)


def saved(frames, kind="WEBP", **options):
    """The file that Pillow makes of (frames, height, width, channels)."""
    first, *others = [PilImage.fromarray(frame) for frame in frames]
    sink = io.BytesIO()
    lossless = {"lossless": True} if kind == "WEBP" else {}
    first.save(sink, kind, save_all=True, append_images=others, duration=125, **lossless, **options)
    return sink.getvalue()


def read(file):
    """The frames of a file as Pillow has them, RGBA, and the time that each is shown."""
    with PilImage.open(io.BytesIO(file)) as picture:
        found = []
        for number in range(picture.n_frames):
            picture.seek(number)
            found.append((np.asarray(picture.convert("RGBA")), picture.info["duration"]))
    return np.stack([frame for frame, _ in found]), [shown for _, shown in found]


@pytest.mark.parametrize(
    "value", [saved(COLOUR), saved(COLOUR, "PNG"), png.encode(COLOUR)], ids=["WebP", "PNG", "list"]
)
def test_a_clip_is_its_frames_whatever_carries_them(value):
    """Equal pixels are one array and one content, with the first clip's number, size, mode and rate."""
    video = Video().resolve(value)
    array, content = video.decode(value)
    assert (array == COLOUR).all()
    assert content == video.decode(saved(COLOUR))[1]
    assert (video.frames, video.size, video.mode, video.rate) == (5, (6, 8), "RGB", 8.0)


def test_a_gif_is_gray_where_all_its_frames_are():
    """A file's palettes say nothing of that; frames of one channel stand side by side in a tensor."""
    video = Video().resolve(saved(GRAY, "GIF"))
    array, _ = video.decode(saved(GRAY, "GIF"))
    assert (array == GRAY[..., :1]).all()
    assert (video.mode, video.shape) == ("L", (3, 6, 8))


def test_pillow_reads_what_is_published():
    """Each frame, also those in which nothing moves, and together they last as long as the rate says."""
    still = np.repeat(COLOUR[:1], 7, axis=0)
    clear = np.dstack([COLOUR[0], COLOUR[1, :, :, 0]])[None].repeat(7, 0)
    clear[:, 0, :, 3], clear[:, 0, :, :3] = 0, 255
    for array, mode in ((still, "RGB"), (still[..., :1], "L"), (clear, "RGBA")):
        (cell,) = Video(7, (6, 8), mode, 24.0).cells(array[None])
        frames, shown = read(cell)
        assert (frames[..., :3] == array[..., :3]).all()
        assert (frames[..., 3] == (array[..., 3] if mode == "RGBA" else 255)).all()
        assert sum(shown) == round(7 * 1000 / 24)


def test_a_longer_clip_is_cut_where_the_spec_says_how_long_one_is():
    """Its first frames, in the size and mode of the spec."""
    video = Video(frames=2, size=3, mode="L").resolve(saved(COLOUR))
    assert video.decode(saved(COLOUR))[0].shape == video.array_shape == (2, 3, 3, 1)


WRONG = [
    (saved(COLOUR[:4]), r"has 4 frames; allowed here: at least 5"),
    (saved(np.concatenate([COLOUR, COLOUR])), r"has 10 frames, the first one has 5; set data\.modality\.frames"),
    (saved(COLOUR[:, :5]), r"is 5x8 .*first one is 6x8; set data\.modality\.size"),
    (png.encode(COLOUR)[0], "still picture"),
    (saved(COLOUR)[:200], "not a usable clip"),
    (b"", "cannot identify"),
    ([], "no frame"),
    ([png.encode(COLOUR)[0], None], "frame 1 is null"),
    ([png.encode(COLOUR)[0], b"?"], "cannot identify"),
    (png.encode(COLOUR)[:1], "still picture"),
    ([png.encode(COLOUR)[0], png.encode(COLOUR[:, :5])[0]], r"frame 1 is 5x8 \(height x width\), frame 0 is 6x8"),
]


@pytest.mark.parametrize(("value", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_no_such_clip_is_refused(value, message):
    """One sentence says what was found and what is allowed."""
    with pytest.raises(DataError, match=message):
        Video().resolve(saved(COLOUR)).decode(value)


def test_a_first_clip_in_colour_or_gray_settles_the_mode():
    """Where the spec is silent, gray among colour becomes colour, and colour among gray is refused."""
    video = Video().resolve(saved(np.concatenate([COLOUR[:1], GRAY[:2]])))
    assert (video.decode(saved(GRAY))[0] == GRAY).all()
    with pytest.raises(DataError, match=r"in colour, the first one is gray; set data\.modality\.mode"):
        Video().resolve(saved(GRAY)).decode(saved(COLOUR[:3]))


def test_clips_too_large_for_a_row_are_refused():
    """Before the first of them is prepared."""
    with pytest.raises(InputError, match=r"found clips of \(5, 4096, 4096, 4\); allowed: "):
        Video(size=4096, mode="RGBA").resolve(saved(COLOUR))


@pytest.mark.parametrize("kind", [pa.binary(), pa.struct({"bytes": pa.binary(), "path": pa.string()})], ids=str)
def test_a_column_of_lists_of_pictures_is_clips(kind):
    """As Hugging Face datasets writes a list of images."""
    frames = png.encode(GRAY)
    cells = frames if pa.types.is_binary(kind) else [{"bytes": frame, "path": None} for frame in frames]
    table = pa.table({"frames": pa.array([cells, None], pa.list_(kind)), "note": ["", ""]})
    picked = Video().picked("a.parquet", table.schema)
    assert Video().values(table.select(picked).combine_chunks()) == [frames, None]


def test_a_look_moves_and_has_a_still_beside_it():
    """The still is frames from the first to the last, side by side."""
    video = Video(20, (4, 4), "L", 8.0)
    (look,) = video.looks(np.arange(20, dtype=np.uint8).repeat(16).reshape(1, 20, 4, 4, 1))
    still = np.asarray(PilImage.open(io.BytesIO(look.png)))
    assert still.shape == (4, 32)
    assert still[0, ::4].tolist()[::7] == [0, 19]
    assert len(read(look.motion)[0]) == 20


@settings(max_examples=100)
@given(st.data())
def test_damaged_clips_decode_or_are_refused(data):
    """Bytes changed anywhere give a clip or a DataError, nothing else."""
    value = bytearray(saved(GRAY, data.draw(st.sampled_from(["PNG", "WEBP", "GIF"]))))
    for at in data.draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4)):
        value[at] = data.draw(st.integers(0, 255))
    try:
        assert Video(frames=2, size=4, mode="L").resolve(bytes(value)).decode(bytes(value))[0].shape == (2, 4, 4, 1)
    except DataError:
        event("refused")


def test_a_gif_whose_later_frame_is_larger_than_the_clip_is_refused():
    """Pillow would make the canvas larger, up to any size that the frame claims."""
    value = bytearray(saved(GRAY, "GIF"))
    second = value.index(b"\x21\xf9", value.index(b"\x21\xf9") + 1) + 8  # its image, after what is said of it
    struct.pack_into("<HH", value, second + 5, 12_000, 12_000)
    with pytest.raises(DataError, match="reaches over the 6x8 pixels"):
        Video().resolve(bytes(value))
