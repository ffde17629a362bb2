"""What generated clips of moving digits are worth: is the asked digit read in them, and do they move as real ones do?

    python benchmarks/moving_digits.py runs/moving-digits/datasets/<key>/data --real data/moving_digits

The reader is the small convolutional network of `mnist_worth`, which learns from single frames of the real training
clips. It reads each frame of the real test clips and of the generated ones, and each clip, by the sum of what it thinks
of its frames. Motion is that of the frame's centre of mass: `step` is how far it goes from a frame to the
next, `jerk` how much one step differs from the one before (a wall turns it round, also in real clips), both the mean
over all, in pixels. `still_itself` is how much of its ink a digit keeps from a frame to the next: the overlap of both
frames, the second moved back by whole pixels, over their union.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import torch
from mnist_worth import BATCH, STEPS, Digits, Reader, taught, tensor

Clips = tuple[np.ndarray, np.ndarray]  # uint8 (rows, frames, height, width), int64 (rows,)


def read_clips(path: Path) -> Clips:
    """The clips and labels of a Parquet file, or of all parts in a folder, as Pillow reads them."""
    parts = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part, columns=["video", "label"]).to_pylist()]
    return np.stack([frames(row["video"]["bytes"]) for row in rows]), np.array([row["label"] for row in rows], np.int64)


def frames(file: bytes) -> np.ndarray:
    """(frames, height, width) uint8 of an animation."""
    with PIL.Image.open(io.BytesIO(file)) as picture:
        found = []
        for number in range(picture.n_frames):
            picture.seek(number)
            found.append(np.asarray(picture.convert("L")))
    return np.stack(found)


def learn(clips: Clips, steps: int = STEPS, seed: int = 0) -> Reader:
    """A reader of single frames."""
    arrays, labels = clips

    def frames_of(rng: np.random.Generator) -> Digits:
        rows, numbers = rng.integers(len(labels), size=BATCH), rng.integers(arrays.shape[1], size=BATCH)
        return arrays[rows, numbers], labels[rows]

    return taught(frames_of, steps, seed)


@torch.inference_mode()
def read(net: Reader, clips: Clips) -> dict[str, float]:
    """The share of frames, and of clips, that `net` reads as their label."""
    arrays, labels = clips
    flat = arrays.reshape(-1, *arrays.shape[2:])
    told = torch.cat([net(tensor(flat[a : a + 500])).log_softmax(1) for a in range(0, len(flat), 500)])
    told = told.view(len(arrays), -1, 10)
    by_frame, by_clip = told.argmax(2).numpy() == labels[:, None], told.sum(1).argmax(1).numpy() == labels
    return {"frames_read": float(by_frame.mean()), "clips_read": float(by_clip.mean())}


def motion(arrays: np.ndarray) -> dict[str, float]:
    """How the centre of mass goes from frame to frame, and how much of a digit stays what it is."""
    ink = arrays.astype(np.float64) / 255
    mass = ink.sum((2, 3)).clip(1e-6)
    places = np.arange(arrays.shape[2]), np.arange(arrays.shape[3])
    centre = np.stack([ink.sum(3) @ places[0] / mass, ink.sum(2) @ places[1] / mass], axis=2)
    steps = np.diff(centre, axis=1)
    jerks = np.linalg.norm(np.diff(steps, axis=1), axis=2)
    back = np.rint(steps).astype(int)
    same = []
    for row, number in np.ndindex(len(arrays), arrays.shape[1] - 1):
        first, moved = ink[row, number], np.roll(ink[row, number + 1], -back[row, number], (0, 1))
        same.append(np.minimum(first, moved).sum() / max(1e-6, np.maximum(first, moved).sum()))
    return {
        "step": float(np.linalg.norm(steps, axis=2).mean()),
        "jerk": float(jerks.mean()),
        "jerk_median": float(np.median(jerks)),
        "still_itself": float(np.mean(same)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a published dataset's data folder, or one Parquet file")
    parser.add_argument("--real", type=Path, required=True, help="the folder of train.parquet and test.parquet")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    start = time.perf_counter()
    test, made = read_clips(given.real / "test.parquet"), read_clips(given.dataset)
    reader = learn(read_clips(given.real / "train.parquet"))
    found = {
        name: {key: round(value, 4) for key, value in (read(reader, clips) | motion(clips[0])).items()}
        for name, clips in (("real", test), ("synthetic", made))
    }
    print(json.dumps({**found, "seconds": round(time.perf_counter() - start, 1)}))


if __name__ == "__main__":
    main()
