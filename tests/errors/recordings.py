"""What can be wrong with recordings."""

from __future__ import annotations

import io
import sys

import numpy as np
import pyarrow as pa
import soundfile

from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import Scene, provokes
from tests.errors.rows import ROWS, read

AUDIO = "data.modality=audio"

_faulty(RULES, "audio_hop", "Columns of a spectrum that leave sound out", "", "data.modality={kind: audio, hop: 0.1}")
_faulty(RULES, "audio_images", "Images of recordings", "publish: [images]\n", AUDIO)


def wav(number: int = 0, samples: int = 800, channels: int = 1, rate: int = 8000, encoding: str = "PCM_16") -> bytes:
    """A recording; another number, another recording."""
    out = io.BytesIO()
    heard = np.random.default_rng(number).uniform(-1, 1, (samples, channels))
    soundfile.write(out, heard * (np.nan if encoding == "FLOAT" else 1), rate, encoding, format="WAV")
    return out.getvalue()


def _one(title: str, name: str, odd: bytes) -> None:
    """Fifty recordings, of which the 17th is odd."""

    def provoke(scene: Scene) -> None:
        read(scene, AUDIO, image=None, audio=[odd if n == 17 else wav(n) for n in range(50)])

    provoke.__name__ = name
    provokes(ROWS, title, job="")(provoke)


_one("A recording that is cut off", "audio_truncated", wav()[:500])
_one("A recording that is none", "audio_none", b"no recording")
_one("A recording of zero length", "audio_zero", wav(samples=0))
_one("An empty file as a recording", "audio_empty", b"")
_one("A recording with samples that are no numbers", "audio_nan", wav(encoding="FLOAT"))
_one("A recording in an encoding that is not taken", "audio_encoding", wav(encoding="IMA_ADPCM"))
_one("A recording of another rate", "audio_rate", wav(rate=16_000))
_one("A recording in stereo among those in mono", "audio_channels", wav(channels=2))
_one("A recording of three channels", "audio_many", wav(channels=3))


@provokes(ROWS, "Recordings without any label", job="")
def audio_unlabelled(scene: Scene) -> None:
    read(scene, AUDIO, image=None, audio=[wav(n) for n in range(50)], label=pa.nulls(50, pa.string()))


@provokes(ROWS, "Recordings, and soundfile is not installed", job="")
def audio_soundfile(scene: Scene) -> None:
    recordings = [wav(n) for n in range(50)]
    scene.patch.setitem(sys.modules, "soundfile", None)
    read(scene, AUDIO, image=None, audio=recordings)


@provokes(ROWS, "Recordings of another rate than the job's, and soxr is not installed", job="")
def audio_soxr(scene: Scene) -> None:
    scene.patch.setitem(sys.modules, "soxr", None)
    read(scene, "data.modality={kind: audio, rate: 4000}", image=None, audio=[wav(n) for n in range(50)])
