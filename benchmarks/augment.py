"""Samples a second of `genai.augment` against an ImageFolder-like loop over the same rows, as a ratio, and its memory.

    python benchmarks/augment.py [--rounds 5] [--rows 8000]

The rival is what torchvision's ImageFolder does: a torch Dataset over PNG files in folders by class, opened by Pillow
in random order, with everything on the local disk and in the page cache. Ours reads half of the rows from a published
dataset and half from a Parquet file, both in one mix (ratio 0.5). The transform, which makes a tensor of a PIL image,
and the DataLoader's settings are the same. Rounds alternate, and so does who begins one; a figure is the median over
them, a ratio that of the rounds' own ratios, with the quarter and three quarters of them. Beside the clock's figure
stands that of the processor's seconds, of all processes together, which neighbours on the machine change less. Two
sizes: 28x28 gray digits, where the loop costs as much as the decoding, and 96x96 colour pictures, where it does not.

Memory is the largest resident size of a process of its own, beyond what it has when the dataset is opened, over epochs
that are ten and forty times the buffer (200 pictures of 28 kB, parts and row groups of 100 rows), and over their first
rows.
"""

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader, Dataset

from genai.augment import Augmented
from genai.formats import About, Samples, content_digest
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.modalities.image import Image
from jobs import layout, ledger
from jobs.ledger import Manifest, Receipt
from jobs.shards import Plan
from jobs.stores import open_store

DIGITS = Path(__file__).parents[1] / "examples/data/digits.parquet"
CLASSES = tuple("0123456789")
KEY, BATCH = "0a1b2c3d4e5f6071", 64


def to_tensor(picture):
    """What torchvision's ToTensor makes of a picture."""
    array = np.array(picture, np.uint8)
    return torch.from_numpy(array.reshape(*array.shape[:2], -1).transpose(2, 0, 1).copy()).float().div(255)


class Folder(Dataset):
    """PNG files below folders of classes, by random access."""

    def __init__(self, root, mode):
        self.mode = mode
        self.names = sorted(path.name for path in root.iterdir())
        self.files = [(str(path), label) for label, name in enumerate(self.names) for path in (root / name).iterdir()]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, at):
        path, label = self.files[at]
        with open(path, "rb") as file:  # noqa: PTH123  # as torchvision's loader does
            return to_tensor(PIL.Image.open(file).convert(self.mode)), label, False


def publish(folder, arrays, modality, part_rows):
    """A sealed dataset of some pictures, as a job leaves it; its folder."""
    store, plan = open_store(str(folder)), Plan(len(arrays), part_rows, (1,) * 10)
    parts = []
    for shard in plan:
        indices, labels = np.arange(shard.start, shard.stop), np.array(plan.labels(shard.start, shard.stop))
        samples = Samples(indices, labels, arrays[shard.start : shard.stop])
        data = Parquet().encode(samples, About(modality, "0" * 64, 0, KEY, "benchmark", CLASSES))
        store.put(layout.part(KEY, shard.name), data)
        counts = tuple(np.bincount(labels, minlength=10).tolist())
        found = (len(data), sha256(data), content_digest(samples), counts, {})
        parts.append(Receipt(shard.name, shard.start, shard.stop, *found))
    ledger.seal(store, Manifest(KEY, "benchmark", plan, CLASSES, "0" * 64, 0, tuple(parts), {"genai": "0"}))
    return str(folder / "datasets" / KEY)


def real(path, arrays, modality, group=1000):
    cells = modality.cells(arrays)
    labels = [str(i % 10) for i in range(len(cells))]
    pq.write_table(pa.table({"image": cells, "label": labels}), path, row_group_size=group)
    return str(path)


def digits(rows):
    cells = pq.read_table(DIGITS, columns=["image"])["image"].to_pylist()[:rows]
    return np.stack([np.asarray(PIL.Image.open(io.BytesIO(cell["bytes"]))) for cell in cells])[..., None]


def coloured(arrays, side):
    """Pictures of a side, of the digits with a little noise: a PNG of 17 to 22 kB at 96."""
    random = np.random.default_rng(0)
    large = [np.asarray(PIL.Image.fromarray(a[..., 0]).resize((side, side)).convert("RGB")) for a in arrays]
    return np.stack([a // 2 + random.integers(0, 100, a.shape, np.uint8) for a in large])


@dataclass(frozen=True)
class Epoch:
    """What an epoch took, in seconds: by the clock, to its first batch, and of the processor."""

    clock: float
    first: float
    processor: float


def epoch(loader):
    began, used, first = time.perf_counter(), processor(), 0.0
    for _ in loader:
        first = first or time.perf_counter() - began
    return Epoch(time.perf_counter() - began, first, processor() - used)


def processor():
    """Seconds that this process has used, and its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def compare(name, arrays, modality, rounds):
    with tempfile.TemporaryDirectory() as root:
        folder, half = Path(root), len(arrays) // 2
        published = publish(folder / "published", arrays[:half], modality, 500)
        rows = real(folder / "real.parquet", arrays[half:], modality)
        for at, cell in enumerate(modality.cells(arrays)):
            path = folder / "images" / str(at % 10) / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cell)
        ours = Augmented(published, rows, ratio=0.5, transform=to_tensor, batch_size=BATCH)
        rival = Folder(folder / "images", modality.mode)
        assert len(ours) == len(rival) == len(arrays)
        for workers in (0, 2):
            took = {"ours": [], "rival": []}
            for number in range(rounds):
                ours.set_epoch(number)
                for side in ("ours", "rival") if number % 2 else ("rival", "ours"):
                    rows = ours if side == "ours" else rival
                    loader = DataLoader(rows, BATCH, shuffle=side == "rival" or None, num_workers=workers)
                    took[side].append(epoch(loader))
            print(f"{name:13} {workers} workers  {figures(took, len(arrays))}", flush=True)


def figures(took, count):
    a, b = (count / statistics.median(each.clock for each in took[side]) for side in ("ours", "rival"))
    pairs = list(zip(took["ours"], took["rival"], strict=True))
    clock = statistics.quantiles([other.clock / mine.clock for mine, other in pairs])
    used = statistics.quantiles([other.processor / mine.processor for mine, other in pairs])
    first = [1000 * statistics.median(each.first for each in took[side]) for side in ("ours", "rival")]
    return (
        f"genai.augment {a:6,.0f}/s, image folder {b:6,.0f}/s: {clock[1]:.2f} of it "
        f"({clock[0]:.2f} to {clock[2]:.2f}), "
        f"by the processor {used[1]:.2f} ({used[0]:.2f} to {used[2]:.2f}); first batch after {first[0]:.0f}, "
        f"{first[1]:.0f} ms"
    )


def growth(times, buffer=200, side=96):
    """In a process of its own: how much an epoch of `times` the buffer adds, in MB, and what its files take."""
    with tempfile.TemporaryDirectory() as root:
        command = [sys.executable, __file__, "--measure", root, str(times), str(buffer), str(side)]
        subprocess.run([*command, "make"], check=True)
        done = subprocess.run([*command, "read"], check=True, capture_output=True, text=True)
        size = sum(path.stat().st_size for path in Path(root).rglob("*.parquet")) / 1e6
        print(f"memory: {times} times a buffer of {buffer} rows, {size:.0f} MB of files: {done.stdout.strip()}")


def measure(root, times, buffer, side, what):
    folder, modality = Path(root), Image((side, side), "RGB")
    if what == "make":
        arrays = np.random.default_rng(0).integers(0, 255, (buffer * times // 2, side, side, 3), np.uint8)
        publish(folder, arrays, modality, 100)
        real(folder / "real.parquet", arrays, modality, 100)
        return
    rows = Augmented(str(folder / "datasets" / KEY), str(folder / "real.parquet"), ratio=0.5, buffer=buffer)
    bare, held = resident(), []
    for number, _ in enumerate(rows, start=1):
        if number % 20 == 0:
            held.append(resident())
    first, rest = max(held[: buffer // 10]), max(held)
    print(f"{first - bare:.1f} MB for the first {2 * buffer} rows, {rest - bare:.1f} MB for all {number:,}")


def resident():
    """What this process has in memory now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], *map(int, sys.argv[3:6]), sys.argv[6])
        raise SystemExit
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=8000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, batches of {BATCH}, {given.rows:,} rows an epoch")
    small = digits(given.rows)
    compare("28x28 gray", small, Image((28, 28), "L"), given.rounds)
    compare("96x96 colour", coloured(small, 96), Image((96, 96), "RGB"), given.rounds)
    for often in (10, 40):
        growth(often)
