"""Handwritten digits that move: clips of eight frames in which one glides through a frame of 32x32 and bounces.

    python examples/data/moving_digits.py data/moving_digits

From `digits.parquet`, beside this file: the first 900 of each class become `train.parquet`, each digit on `CLIPS` ways
of its own, the other 100 `test.parquet`, each on one. Columns: `video`, struct of `bytes` (animated WebP) and `path`,
and `label`. Place, direction and speed are drawn from a seed, so the same clips come each time.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from genai.modalities.video import Video

FRAMES, SIDE, DIGIT, CLIPS = 8, 32, 20, 4  # a digit of MNIST is 20x20, in the middle of its 28x28
SPEEDS = 1.5, 3.5  # pixels from frame to frame


def digits() -> tuple[np.ndarray, np.ndarray]:
    """(rows, 20, 20) uint8, and the label of each."""
    table = pq.read_table(Path(__file__).parent / "digits.parquet")
    cells = table["image"].combine_chunks().field("bytes").to_pylist()
    edge = (28 - DIGIT) // 2
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(cell)))[edge:-edge, edge:-edge] for cell in cells])
    return pixels, table["label"].to_numpy()


def moving(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(rows, frames, side, side, 1) of digits on straight ways, which the walls throw back."""
    rows, room = len(pixels), SIDE - DIGIT
    angle, speed = rng.uniform(0, 2 * np.pi, rows), rng.uniform(*SPEEDS, rows)
    step = speed[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
    way = rng.uniform(0, 2 * room, (rows, 1, 2)) + step[:, None] * np.arange(FRAMES)[:, None]
    places = np.rint(room - abs(way % (2 * room) - room)).astype(int)
    clips = np.zeros((rows, FRAMES, SIDE, SIDE, 1), np.uint8)
    for row, frame in np.ndindex(rows, FRAMES):
        top, left = places[row, frame]
        clips[row, frame, top : top + DIGIT, left : left + DIGIT, 0] = pixels[row]
    return clips


def write(path: Path, clips: np.ndarray, labels: np.ndarray) -> None:
    """One Parquet file, as Hugging Face datasets writes them."""
    video = Video(FRAMES, SIDE, "L", 8.0)
    ((column, feature),) = video.columns(clips, [f"{row}.webp" for row in range(len(clips))]).values()
    said = {"video": feature, "label": {"_type": "ClassLabel", "names": [*"0123456789"]}}
    table = pa.table({"video": column, "label": pa.array(labels, pa.int64())})
    about = {"huggingface": json.dumps({"info": {"features": said}})}
    pq.write_table(table.replace_schema_metadata(about), path, row_group_size=2500)


if __name__ == "__main__":
    folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    pixels, labels = digits()
    late = np.zeros(len(labels), bool)
    for digit in range(10):
        late[np.flatnonzero(labels == digit)[900:]] = True
    order = rng.permutation(np.repeat(np.flatnonzero(~late), CLIPS))
    write(folder / "train.parquet", moving(pixels[order], rng), labels[order])
    write(folder / "test.parquet", moving(pixels[late], rng), labels[late])
