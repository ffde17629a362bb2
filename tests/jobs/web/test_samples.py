"""Samples of a part as a page of a run shows them: in motion, and with players."""

import io

import numpy as np
import PIL.Image
import pytest

from genai import formats
from genai.formats import About, Samples
from genai.modalities.audio import Audio
from genai.modalities.video import Video
from jobs import layout
from jobs.stores import open_store
from jobs.web import samples as shown

PART = "part-00000.parquet"


@pytest.fixture
def gathered(tmp_path):
    """`gathered(modality)`: the page's samples of a part of four rows."""

    def of(modality):
        store = open_store(str(tmp_path))
        arrays = np.random.default_rng(0).integers(0, 256, (4, *modality.array_shape), np.uint8)
        made = formats.of(".parquet").encode(Samples(np.arange(4), None, arrays), About(modality, "c", 1, "k", "g"))
        store.put(layout.part("key", PART), made)
        return shown.gather(store, "key", (PART,))

    return of


def test_clips_move(gathered):
    """Each is the animation of the row, as large as whole multiples allow."""
    found = gathered(Video(3, (10, 30), "L", 8.0))
    ((_, tiles),) = found.rows
    assert [(tile.width, tile.height) for tile in tiles] == [(90, 30)] * 4
    assert {PIL.Image.open(io.BytesIO(found.files[tile.name])).n_frames for tile in tiles} == {3}


def test_recordings_have_players_until_a_page_is_full(gathered, monkeypatch):
    """A picture each, and a file to play, which is left out where there is no room for it."""
    monkeypatch.setattr(shown, "MOVING_BYTES", 40_000)
    found = gathered(Audio(rate=8000, seconds=1.0, channels=1))
    ((_, tiles),) = found.rows
    heard = [tile.sound for tile in tiles if tile.sound]
    assert 0 < len(heard) < len(tiles)
    assert all(found.files[name][:4] == b"RIFF" for name in heard)
    assert all(found.files[tile.name][:4] == b"\x89PNG" for tile in tiles)
