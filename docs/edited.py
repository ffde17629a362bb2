"""The gallery's picture of samples drawn from rows: above what each was drawn from, below the sample.

python docs/edited.py docs/gallery/modes.png runs/…/data=data/mnist/test.parquet runs/…/data=data/edits/small.parquet …
"""

import io
import sys

import numpy as np
import pyarrow.dataset as ds
from PIL import Image

SHOWN, SIDE, GAP = 20, 28, 6


def strip(pair: str) -> np.ndarray:
    """The first samples of a dataset, under the rows of its source."""
    made, _, source = pair.partition("=")
    table = ds.dataset(made).to_table(columns=["image", "source_row"]).slice(0, SHOWN)
    rows = ds.dataset(source).to_table(columns=["image"])["image"]
    above = [rows[number].as_py() for number in table["source_row"].to_pylist()]
    below = table["image"].to_pylist()
    return np.concatenate([np.concatenate([pixels(cell) for cell in cells], axis=1) for cells in (above, below)])


def pixels(cell: bytes | dict[str, bytes]) -> np.ndarray:
    picture = Image.open(io.BytesIO(cell["bytes"] if isinstance(cell, dict) else cell)).convert("L")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST))


if __name__ == "__main__":
    out, *pairs = sys.argv[1:]
    strips = [np.pad(strip(pair), ((0, GAP), (0, 0)), constant_values=255) for pair in pairs]
    sheet = Image.fromarray(np.concatenate(strips)[:-GAP])
    sheet.resize((2 * sheet.width, 2 * sheet.height), Image.Resampling.NEAREST).save(out, optimize=True)
