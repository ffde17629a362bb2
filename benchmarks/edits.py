"""Are pictures that were drawn from real ones what was asked for?

    python benchmarks/edits.py make --real data/mnist --into data/edits      # damaged test digits: noisy, small
    genai run examples/mnist_edits.yaml --set …                              # for each mode, see the example
    python benchmarks/edits.py judge runs/…/data --mode inpaint --real data/mnist

inpaint: does the reader of `mnist_worth.py` still read the true class, and is each known pixel as it was?
denoise, enlarge: PSNR against the undamaged digit, beside that of non-local means (scikit-image, which is told the
noise; several settings) and of bicubic interpolation (Pillow). translate: does the reader read the class asked for, and
does the slant follow that of the source? Needs scikit-image for denoise.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
from mnist_worth import accuracy, learn, read_digits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "data"))
from captions import slant  # beside the examples

NOISE = 0.3  # standard deviation, of black to white
SEED = 7


def make(real: Path, into: Path) -> None:
    """The test digits with noise on them, and at half their size."""
    images, labels = read_digits(real / "test.parquet")
    pixels = images[..., 0].astype(np.float64)
    noisy = pixels + 255 * NOISE * np.random.default_rng(SEED).standard_normal(pixels.shape)
    small = pixels.reshape(len(pixels), 14, 2, 14, 2).mean((2, 4))
    into.mkdir(parents=True, exist_ok=True)
    for name, made in (("noisy", noisy), ("small", small)):
        cells = [{"bytes": _png(image.round().clip(0, 255).astype(np.uint8)), "path": None} for image in made]
        pq.write_table(pa.table({"image": cells, "label": labels}), into / f"{name}.parquet")


def judge(data: Path, mode: str, real: Path) -> None:
    rows = [row for part in sorted(data.glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    made = np.stack([_pixels(row["image"]["bytes"]) for row in rows])
    images, labels = read_digits(real / "test.parquet")
    source = np.array([row["source_row"] for row in rows])
    true, classes = images[source, ..., 0], labels[source]
    asked = np.array([row["label"] for row in rows])
    told: dict[str, Any] = {"samples": len(rows)}
    if mode in ("denoise", "enlarge"):
        told |= {"psnr": _psnr(made, true), **(_non_local(real, source) if mode == "denoise" else _bicubic(true))}
    else:
        reader = learn(read_digits(real / "train.parquet"))
        told["reader_on_real"] = accuracy(reader, (images, labels))
        told["reads_asked_class"] = accuracy(reader, (made[..., None], asked))
    if mode == "inpaint":
        told["label_kept"] = bool((asked == classes).all())
        told["pixels_changed"] = float((made != true).mean())
        told["known_pixels_changed"] = _known_changed(made, true)
    if mode == "translate":
        slants = [np.array([slant(image) for image in each]) for each in (made, true)]
        told["slant_correlation"] = float(np.corrcoef(*slants)[0, 1])
        told["of_another_class"] = float((asked != classes).mean())
    print(json.dumps(told, indent=1))


def _known_changed(made: np.ndarray, true: np.ndarray) -> int:
    """Samples that differ from their source on both sides of the middle, whichever way that is: none may."""
    differs = made != true
    halves = [(differs[:, :, :14], differs[:, :, 14:]), (differs[:, :14], differs[:, 14:])]
    both = [a.any((1, 2)) & b.any((1, 2)) for a, b in halves]
    return int((both[0] & both[1]).sum())


def _non_local(real: Path, source: np.ndarray) -> dict[str, float]:
    from skimage.restoration import denoise_nl_means

    images, _ = read_digits(real.parent / "edits" / "noisy.parquet")
    noisy, true = images[source, ..., 0] / 255, read_digits(real / "test.parquet")[0][source, ..., 0]
    told = {"noisy": _psnr(noisy * 255, true)}
    for patch, distance, h in ((5, 6, 0.8), (5, 11, 0.6), (3, 11, 0.8), (7, 11, 0.8)):
        found = [denoise_nl_means(each, patch, distance, h=h * NOISE, sigma=NOISE, fast_mode=True) for each in noisy]
        told[f"non-local means, patch {patch}, distance {distance}, h {h}"] = _psnr(np.stack(found) * 255, true)
    return told


def _bicubic(true: np.ndarray) -> dict[str, float]:
    small = true.reshape(len(true), 14, 2, 14, 2).mean((2, 4)).round().astype(np.uint8)
    kinds = {"bicubic": PIL.Image.Resampling.BICUBIC, "lanczos": PIL.Image.Resampling.LANCZOS}
    large = {
        name: [np.asarray(PIL.Image.fromarray(s).resize((28, 28), kind)) for s in small] for name, kind in kinds.items()
    }
    return {name: _psnr(np.stack(found), true) for name, found in large.items()}


def _psnr(made: np.ndarray, true: np.ndarray) -> float:
    """Mean over pictures of 10 log10(255^2 / mean squared error), in dB."""
    error = np.square(made.astype(np.float64).clip(0, 255) - true).reshape(len(made), -1).mean(1)
    return round(float((10 * np.log10(255**2 / error.clip(1e-6))).mean()), 3)


def _png(image: np.ndarray) -> bytes:
    sink = io.BytesIO()
    PIL.Image.fromarray(image).save(sink, format="png")
    return sink.getvalue()


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("L"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["make", "judge"])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--mode", default="inpaint")
    parser.add_argument("--real", type=Path, default=Path("data/mnist"))
    parser.add_argument("--into", type=Path, default=Path("data/edits"))
    given = parser.parse_args()
    if given.what == "make":
        make(given.real, given.into)
    else:
        judge(given.data, given.mode, given.real)
