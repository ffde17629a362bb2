"""Cut some molecules from the training set of MOSES, as SMILES.

    curl -LO https://github.com/molecularsets/moses/raw/master/data/train.csv
    python examples/data/cut_molecules.py train.csv 100000 data/moses.parquet

It draws without replacement, by one fixed seed, so the same input gives the same rows; the file is plain or gzipped.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import sys
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq


def cut(source: Path, count: int, target: Path) -> None:
    """Write `count` rows of `source`, a CSV file with a column SMILES, to `target`."""
    with (gzip.open if source.suffix == ".gz" else open)(source, "rt") as lines:
        found = [row["SMILES"] for row in csv.DictReader(lines)]
    table = pa.table({"smiles": Random(0).sample(found, count)})
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target, compression="zstd", compression_level=19, use_dictionary=False)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target}: {table.num_rows:,} rows, {target.stat().st_size:,} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    cut(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
