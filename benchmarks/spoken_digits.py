"""What generated spoken digits are worth: does a reader hear what was asked for?

    python benchmarks/spoken_digits.py runs/spoken-digits/datasets/<key>/data --real data/spoken_digits.parquet

The reader is a small convolutional network on the spectrum of a recording (of its own making: linear frequencies, 25
ms every 10 ms), learned from real recordings but for 600 that it is tested on: `real`. What it hears in these after
they went the way of the job's modality, to a tensor and back, bounds what any model can reach: `round_trip`. What it
hears in the generated recordings is `asked`. With `--worth` another reader learns from the generated ones alone and is
tested on the same 600: `trained_on_synthetic`.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import soundfile
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genai import modalities

RATE, LENGTH, TESTED = 8000, 6400, 600
BATCH, STEPS = 64, 800
Digits = tuple[np.ndarray, np.ndarray]  # float32 (rows, LENGTH), int64 (rows,)


def read_digits(path: Path) -> tuple[list[bytes], np.ndarray]:
    """The files and labels of a Parquet file, or of all parts in a folder, in the order of their names."""
    parts = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part, columns=["audio", "label"]).to_pylist()]
    files = [row["audio"]["bytes"] if isinstance(row["audio"], dict) else row["audio"] for row in rows]
    return files, np.array([int(row["label"]) for row in rows], np.int64)


def heard(files: list[bytes]) -> np.ndarray:
    """Their samples, all of one length."""
    out = np.zeros((len(files), LENGTH), np.float32)
    for row, file in zip(out, files, strict=True):
        samples, rate = soundfile.read(io.BytesIO(file), dtype="float32")
        assert rate == RATE, f"found {rate} samples a second, the reader knows {RATE}"
        row[: len(samples)] = samples[:LENGTH]
    return out


class Reader(nn.Module):
    """A classifier of recordings: (rows, LENGTH) -> logits (rows, 10)."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [(4, 32), (32, 64), (64, 96)]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in sizes)
        self.norms = nn.ModuleList(nn.GroupNorm(8, b) for _, b in sizes)
        self.out = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = F.pixel_unshuffle(F.pad(spectra(x), (0, 1)), 2)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            h = F.max_pool2d(F.relu(norm(convolution(h))), 2)
        return self.out(F.dropout(h.mean(3).amax(2), 0.2, self.training))


def spectra(x: Tensor) -> Tensor:
    """Logarithms of magnitudes, as shares of the loudest: (rows, 1, 64, 81)."""
    found = torch.stft(x, 256, 80, 200, torch.hann_window(200), return_complex=True).abs()
    pairs = F.avg_pool1d(found.transpose(1, 2)[:, :, 1:], 2).transpose(1, 2)
    shares = pairs / (pairs.amax((1, 2), keepdim=True) + 1e-9)
    return ((torch.log(shares + 1e-3) + 3.5) / 2)[:, None]


def learn(digits: Digits, seed: int = 0) -> Reader:
    """A reader of these recordings, shifted and with more or less noise each time they are heard."""
    torch.manual_seed(seed)
    rng, (samples, labels) = np.random.default_rng(seed), digits
    net = Reader()
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.05)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS)
    for _ in range(STEPS):
        rows = rng.integers(len(labels), size=BATCH)
        shifts = rng.integers(-400, 800, size=BATCH)
        x = np.stack([np.roll(row, shift) for row, shift in zip(samples[rows], shifts, strict=True)])
        loudness = np.abs(x).max(1, keepdims=True) * 10 ** rng.uniform(-4, -1.5, (BATCH, 1)).astype(np.float32)
        x = x + rng.standard_normal(x.shape, dtype=np.float32) * loudness
        optimizer.zero_grad()
        F.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(labels[rows]), label_smoothing=0.05).backward()
        optimizer.step()
        falling.step()
    return net.eval()


@torch.inference_mode()
def said(net: Reader, samples: np.ndarray) -> np.ndarray:
    """The digit that `net` hears in each."""
    pieces = [net(torch.from_numpy(samples[a : a + 200])).argmax(1).numpy() for a in range(0, len(samples), 200)]
    return np.concatenate(pieces)


@torch.inference_mode()
def round_trip(files: list[bytes], folder: Path) -> list[bytes]:
    """The recordings after they went the way of the dataset's modality, to tensors and back."""
    part = next(iter(sorted(folder.glob("*.parquet"))))
    about = json.loads(pq.read_schema(part).metadata[b"genai"])
    modality = modalities.stored(about["modality"])
    arrays = np.stack([modality.decode(file)[0] for file in files])
    return modality.cells(modality.from_tensor(modality.to_tensor(arrays)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generated", type=Path, help="folder of a dataset's parts")
    parser.add_argument("--real", type=Path, required=True, help="Parquet of real recordings")
    parser.add_argument("--worth", action="store_true", help="learn from the generated ones, too")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    files, labels = read_digits(asked.real)
    order = np.random.default_rng(1).permutation(len(labels))
    test, train = order[:TESTED], order[TESTED:]
    samples = heard(files)
    reader = learn((samples[train], labels[train]))
    back = heard(round_trip([files[i] for i in test], asked.generated))
    made, wanted = read_digits(asked.generated)
    made_samples = heard(made)
    found = said(reader, made_samples)
    result = {
        "real": float((said(reader, samples[test]) == labels[test]).mean()),
        "round_trip": float((said(reader, back) == labels[test]).mean()),
        "asked": float((found == wanted).mean()),
        "asked_of_each": [round(float((found == wanted)[wanted == digit].mean()), 3) for digit in range(10)],
        "generated": len(wanted),
        "alike": len(made) - len(set(made)),
    }
    if asked.worth:
        other = learn((made_samples, wanted))
        result["trained_on_synthetic"] = float((said(other, samples[test]) == labels[test]).mean())
    print(json.dumps(result | {"seconds": round(time.perf_counter() - began)}, indent=1))


if __name__ == "__main__":
    main()
