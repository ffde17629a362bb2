"""Writes handwritten digits with captions that say their class and how thick and slanted their strokes are measured to
be, and a table of prompts.

    python examples/data/captions.py [digits.parquet] [folder]

The first is MNIST's training set as one Parquet file (columns image, label), by default data/mnist/train.parquet, else
the 10,000 digits beside this file; the folder gets captions.parquet (image, caption, digit, thickness, slant) and
prompts.csv (digit, stroke, lean). Thickness is twice the ink's area by its outline's length, in pixels; slant the
horizontal move of the ink for each pixel upwards, by its second moments. The thirds of each are its words.
"""

from __future__ import annotations

import csv
import io
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
STROKES, LEANS = ("thin", "medium", "bold"), ("leaning left", "upright", "leaning right")
PHRASES = ("a handwritten {d}, {s}, {e}", "{s} digit {d}, {e}", "the number {d}, {e}, in {s} strokes")
FINER = 4  # outlines are measured on pixels so many times smaller


def thickness(image: np.ndarray) -> float:
    """Of (height, width) uint8."""
    height, width = image.shape
    finer = Image.fromarray(image).resize((width * FINER, height * FINER), Image.Resampling.BICUBIC)
    ink = np.pad(np.asarray(finer) >= 128, 1)
    # an edge along the grid is longer than the outline that it follows: by 4 / pi on average of all directions
    outline = sum(int((np.diff(ink.astype(np.int8), axis=axis) != 0).sum()) for axis in (0, 1)) * np.pi / 4
    return float(2 * ink.sum() / max(outline, 1) / FINER)


def slant(image: np.ndarray) -> float:
    """Of (height, width) uint8."""
    weight = image / max(int(image.sum()), 1)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    dy, dx = y - (weight * y).sum(), x - (weight * x).sum()
    return float(-(weight * dx * dy).sum() / max((weight * dy * dy).sum(), 1e-9))


def main(source: Path, folder: Path) -> None:
    table = pq.read_table(source)
    cells = table["image"].combine_chunks()
    cells = cells.field("bytes") if pa.types.is_struct(cells.type) else cells
    images = [np.asarray(Image.open(io.BytesIO(cell)).convert("L")) for cell in cells.to_pylist()]
    labels = np.array(table["label"].to_pylist())
    thick, lean = (np.array([measure(image) for image in images]) for measure in (thickness, slant))
    words = [np.searchsorted(np.quantile(values, (1 / 3, 2 / 3)), values) for values in (thick, lean)]
    phrases = np.random.default_rng(0).integers(len(PHRASES), size=len(images))
    said = [
        PHRASES[p].format(d=DIGITS[d], s=STROKES[s], e=LEANS[e])
        for p, d, s, e in zip(phrases, labels, *words, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    columns = {"image": cells, "caption": said, "digit": labels, "thickness": thick, "slant": lean}
    pq.write_table(pa.table(columns), folder / "captions.parquet", compression="zstd", row_group_size=5000)
    with (folder / "prompts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("digit", "stroke", "lean"), *product(DIGITS, STROKES, LEANS)])
    edges = {name: np.quantile(v, (1 / 3, 2 / 3)).round(3).tolist() for name, v in (("thick", thick), ("slant", lean))}
    print(f"{folder}/captions.parquet: {len(images):,} digits; thirds: {edges}; for instance {said[:3]}")


if __name__ == "__main__":
    here = Path(__file__).parent
    given = [Path(argument) for argument in sys.argv[1:]]
    mnist = Path("data/mnist/train.parquet")
    main(
        given[0] if given else mnist if mnist.exists() else here / "digits.parquet",
        given[1] if given[1:] else Path("data/captions"),
    )
