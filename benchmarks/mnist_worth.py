"""What generated digits are worth: does a reader see what was asked for, and can a reader learn from them alone?

    python benchmarks/mnist_worth.py runs/mnist-flow/datasets/<key>/data --real data/mnist

Three classifiers of one kind, a small convolutional network (about 99.3 % on real test digits after all 60,000 real
ones). The first learns from the real training digits and reads the generated ones: `reads_asked_label`. The second
learns from 10,000 generated digits alone and reads the real test digits: `trained_on_synthetic` (Ravuri and Vinyals
2019, "Classification accuracy score"). Its rival is the third, which learns from 10,000 real ones: `trained_on_real`.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH, STEPS, SHIFT = 128, 1800, 2
Digits = tuple[np.ndarray, np.ndarray]  # uint8 (rows, 28, 28, 1), int64 (rows,)


def read_digits(path: Path) -> Digits:
    """The images and labels of a Parquet file, or of all parts in a folder, in the order of their names."""
    parts = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part, columns=["image", "label"]).to_pylist()]
    blobs = [row["image"]["bytes"] if isinstance(row["image"], dict) else row["image"] for row in rows]
    arrays = np.stack([np.asarray(PIL.Image.open(io.BytesIO(blob)).convert("L")) for blob in blobs])
    return arrays[..., None], np.array([int(row["label"]) for row in rows], np.int64)


class Reader(nn.Module):
    """A classifier of 28x28 gray images; pixels in [-1, 1], (rows, 1, 28, 28) -> logits (rows, 10)."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [(4, 48), (48, 48), (48, 96), (96, 96)]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in sizes)
        self.norms = nn.ModuleList(nn.GroupNorm(8, b) for _, b in sizes)
        self.out = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            h = F.relu(norm(convolution(F.max_pool2d(h, 2) if number == 2 else h)))
        return self.out(F.dropout(h.amax((2, 3)), 0.2, self.training))


def learn(digits: Digits, steps: int = STEPS, seed: int = 0) -> Reader:
    """A reader of these digits, shifted by up to two pixels each time they are seen."""
    arrays, labels = digits
    padded = np.pad(arrays[..., 0], ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))

    def shifted(rng: np.random.Generator) -> Digits:
        rows, (dy, dx) = rng.integers(len(labels), size=BATCH), rng.integers(2 * SHIFT + 1, size=2)
        return padded[rows, dy : dy + 28, dx : dx + 28], labels[rows]

    return taught(shifted, steps, seed)


def taught(batch: Callable[[np.random.Generator], Digits], steps: int, seed: int) -> Reader:
    """A reader that learned from so many batches of pictures (rows, height, width) and their labels."""
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), Reader()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(steps):
        arrays, labels = batch(rng)
        optimizer.zero_grad()
        F.cross_entropy(net(tensor(arrays)), torch.from_numpy(labels), label_smoothing=0.05).backward()
        optimizer.step()
        falling.step()
    return net.eval()


@torch.inference_mode()
def accuracy(net: Reader, digits: Digits) -> float:
    """The share of digits that `net` reads as their label."""
    arrays, labels = digits
    pieces = [net(tensor(arrays[a : a + 500, ..., 0])).argmax(1).numpy() for a in range(0, len(labels), 500)]
    return float((np.concatenate(pieces) == labels).mean())


def worth(synthetic: Digits, train: Digits, test: Digits, reader: Reader | None = None) -> dict[str, float]:
    """All figures. Of the synthetic and of the real rows, 10,000 drawn at random are learned from."""
    rng = np.random.default_rng(0)
    some = [rng.permutation(len(labels))[:10_000] for _, labels in (synthetic, train)]
    reader = reader or learn(train)
    return {
        "reader_on_real_test": accuracy(reader, test),
        "reads_asked_label": accuracy(reader, synthetic),
        "trained_on_synthetic": accuracy(learn((synthetic[0][some[0]], synthetic[1][some[0]])), test),
        "trained_on_real": accuracy(learn((train[0][some[1]], train[1][some[1]])), test),
    }


def tensor(arrays: np.ndarray) -> Tensor:
    """(rows, height, width) uint8 as a reader takes it."""
    return torch.from_numpy(arrays.astype(np.float32))[:, None].div_(127.5).sub_(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a published dataset's data folder, or one Parquet file")
    parser.add_argument("--real", type=Path, required=True, help="the folder of train.parquet and test.parquet")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    start = time.perf_counter()
    train, test = (read_digits(given.real / f"{name}.parquet") for name in ("train", "test"))
    found = worth(read_digits(given.dataset), train, test)
    print(json.dumps({**found, "seconds": round(time.perf_counter() - start, 1)}))


if __name__ == "__main__":
    main()
