"""Do digits that were drawn under captions follow them: the class, how bold, how slanted?

    python benchmarks/captions.py runs/captions/datasets/<key>/data --real data/mnist --captions data/captions

The reader of `mnist_worth.py`, which learns from real digits, reads the class. Thickness and slant are measured by
`examples/data/captions.py`, as they were of the real digits whose captions were learned from; the words were the thirds
of these, so a third of samples would be right by chance. Beside each share stand the means by word.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
from mnist_worth import accuracy, learn, read_digits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "data"))
from captions import DIGITS, LEANS, STROKES, slant, thickness  # beside the examples


def main(data: Path, real: Path, captions: Path) -> None:
    rows = [row for part in sorted(data.glob("*.parquet")) for row in pq.read_table(part).to_pylist()]
    images = [np.asarray(PIL.Image.open(io.BytesIO(row["image"]["bytes"])).convert("L")) for row in rows]
    said = [row["prompt"] for row in rows]
    classes = np.array([next(i for i, word in enumerate(DIGITS) if f" {word}," in text) for text in said])
    reader = learn(read_digits(real / "train.parquet"))
    told = {
        "samples": len(rows),
        "reader_on_real": accuracy(reader, read_digits(real / "test.parquet")),
        "reads_asked_class": accuracy(reader, (np.stack(images)[..., None], classes)),
        "different": len({image.tobytes() for image in images}) / len(images),
    }
    table = pq.read_table(captions / "captions.parquet", columns=["thickness", "slant"])
    for name, words, measure in (("thickness", STROKES, thickness), ("slant", LEANS, slant)):
        edges = np.quantile(table[name].to_numpy(), (1 / 3, 2 / 3))
        found = np.array([measure(image) for image in images])
        asked = np.array([next(i for i, word in enumerate(words) if word in text) for text in said])
        told[name] = {
            "as_asked": float((np.searchsorted(edges, found) == asked).mean()),
            "correlation": float(np.corrcoef(asked, found)[0, 1]),
            "means": {word: round(float(found[asked == i].mean()), 3) for i, word in enumerate(words)},
            "edges": edges.round(3).tolist(),
        }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--real", type=Path, default=Path("data/mnist"))
    parser.add_argument("--captions", type=Path, default=Path("data/captions"))
    given = parser.parse_args()
    main(given.data, given.real, given.captions)
