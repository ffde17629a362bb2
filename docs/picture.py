"""Cuts the README's picture from a run's page data: samples of each class at the left, real rows at the right.

python docs/picture.py runs/demo/datasets/<key>/data examples/data/digits.parquet docs/digits.png
"""

import io
import sys

import numpy as np
import pyarrow.dataset as ds
from PIL import Image

SYNTHETIC, REAL, GAP, SCALE = 12, 4, 4, 2


def images(path: str, each: int) -> list[np.ndarray]:
    """The first `each` images of every class, class by class, as strips."""
    table = ds.dataset(path).to_table(columns=["image", "label"])
    labels = table["label"].to_numpy()
    cells = table["image"].combine_chunks().field("bytes")
    rows = []
    for label in np.unique(labels):
        wanted = np.flatnonzero(labels == label)[:each]
        pictures = [np.asarray(Image.open(io.BytesIO(cells[int(i)].as_py()))) for i in wanted]
        rows.append(np.concatenate(pictures, axis=1))
    return rows


if __name__ == "__main__":
    made, real, out = sys.argv[1:]
    pairs = zip(images(made, SYNTHETIC), images(real, REAL), strict=True)
    strips = [np.concatenate([a, np.full((len(a), GAP), 255, np.uint8), b], axis=1) for a, b in pairs]
    sheet = Image.fromarray(np.concatenate(strips))
    sheet.resize((sheet.width * SCALE, sheet.height * SCALE), Image.Resampling.NEAREST).save(out, optimize=True)
