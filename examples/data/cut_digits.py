"""Cut the 10,000 digits of the quick start, 1,000 a class, from MNIST's training set.

    python examples/data/cut_digits.py path/to/mnist/train.parquet

Of each class it takes the first 1,000 by the SHA-256 of their PNG bytes and writes them in that order, unchanged,
so the same input gives the same file with the same pyarrow release. (Not by the hash of the pixels: `prepare` splits
by that one, and would find the smallest hashes only.) The PNG are compressed already, but zstd still saves a fifth.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PER_CLASS = 1_000
FEATURES = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": [str(digit) for digit in range(10)]}}


def cut(source: Path, target: Path) -> None:
    """Write the chosen rows of `source` (columns image: binary, label: int) to `target`."""
    rows = pq.read_table(source, columns=["image", "label"]).to_pylist()
    taken: Counter[int] = Counter()
    chosen = []
    for row in sorted(rows, key=lambda row: hashlib.sha256(row["image"]).digest()):
        if taken[row["label"]] < PER_CLASS:
            chosen.append({"image": {"bytes": row["image"], "path": f"{len(chosen):05}.png"}, "label": row["label"]})
            taken[row["label"]] += 1
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})},
    )
    table = pa.Table.from_pylist(chosen, schema)
    codec = {"compression": "zstd", "compression_level": 19}
    pq.write_table(table, target, row_group_size=2_500, use_dictionary=["label"], write_statistics=["label"], **codec)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {table.num_rows:,} rows, {target.stat().st_size:,} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cut(Path(sys.argv[1]), Path(__file__).with_name("digits.parquet"))
