"""Puts clips of a run's parts into one that moves: a row for each class, at the right of the gap real ones.

python docs/motion.py runs/moving-digits/datasets/<key>/data data/moving_digits/test.parquet picture.webp
"""

import io
import sys

import numpy as np
import pyarrow.dataset as ds
from PIL import Image

SYNTHETIC, REAL, GAP, SCALE, SHOWN = 12, 4, 4, 2, 125  # the last in milliseconds


def frames(file: bytes) -> np.ndarray:
    """(frames, height, width) uint8 of an animation."""
    with Image.open(io.BytesIO(file)) as picture:
        found = []
        for number in range(picture.n_frames):
            picture.seek(number)
            found.append(np.asarray(picture.convert("L")))
    return np.stack(found)


def clips(path: str, each: int) -> np.ndarray:
    """The first `each` clips of every class, a row each, frame by frame."""
    table = ds.dataset(path).to_table(columns=["video", "label"])
    labels = table["label"].to_numpy()
    cells = table["video"].combine_chunks().field("bytes")
    rows = []
    for label in np.unique(labels):
        found = [frames(cells[int(i)].as_py()) for i in np.flatnonzero(labels == label)[:each]]
        rows.append(np.concatenate(found, axis=2))
    return np.concatenate(rows, axis=1)


if __name__ == "__main__":
    made, real, out = sys.argv[1:]
    left, right = clips(made, SYNTHETIC), clips(real, REAL)
    moving = np.concatenate([left, np.full((*left.shape[:2], GAP), 255, np.uint8), right], axis=2)
    large = moving.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    first, *others = [Image.fromarray(frame) for frame in large]
    first.save(out, save_all=True, append_images=others, duration=SHOWN, loop=0, lossless=True)
