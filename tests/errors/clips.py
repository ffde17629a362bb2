"""What can be wrong with clips."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import Scene, provokes
from tests.errors.rows import ROWS, png, read

VIDEO = "data.modality=video"

_faulty(RULES, "clip_images", "Images of clips", "publish: [images]\n", VIDEO)


def clip(number: int = 0, frames: int = 3, side: int = 8, *, colour: bool = False) -> bytes:
    """A clip; another number, another clip."""
    shape = (frames, side, side, 3) if colour else (frames, side, side)
    pixels = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
    first, *others = [PIL.Image.fromarray(frame) for frame in pixels]
    out = io.BytesIO()
    first.save(out, "PNG", save_all=True, append_images=others)
    return out.getvalue()


def _one(title: str, name: str, odd: bytes) -> None:
    """Fifty clips, of which the 17th is odd."""

    def provoke(scene: Scene) -> None:
        read(scene, VIDEO, image=None, video=[odd if n == 17 else clip(n) for n in range(50)])

    provoke.__name__ = name
    provokes(ROWS, title, job="")(provoke)


_one("A clip that is cut off", "clip_truncated", clip()[:200])
_one("A still picture among clips", "clip_still", png())
_one("A clip of fewer frames", "clip_short", clip(frames=2))
_one("A clip of more frames than the first, and the job does not say how many", "clip_long", clip(frames=4))
_one("A clip of another size", "clip_size", clip(side=9))
_one("A clip in colour among gray ones", "clip_colour", clip(colour=True))


@provokes(ROWS, "Clips as lists of pictures, one with a frame of another size", job="")
def clip_frames(scene: Scene) -> None:
    frames = [[png(3 * n + k, (8, 9) if (n, k) == (17, 2) else (8, 8)) for k in range(3)] for n in range(50)]
    read(scene, VIDEO, image=None, video=frames)


@provokes(ROWS, "Clips that are too large", job="")
def clip_large(scene: Scene) -> None:
    read(
        scene, "data.modality={kind: video, size: 4096, mode: RGBA, frames: 8}", image=None, video=[clip(frames=8)] * 50
    )
