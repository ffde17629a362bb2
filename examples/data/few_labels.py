"""Writes data of which few rows have a label: MNIST's digits with 100 labels, ten of each, and scikit-learn's biopsies
with 20.

    python examples/data/few_labels.py [seed] [folder]

The folder (data/few_labels by default) gets digits.parquet (image, label; of data/mnist/train.parquet, where that is)
and biopsies.parquet with its test rows, biopsies-test.parquet, which all have a label. The seed says which are told.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer

TEST = 169  # biopsies


def hidden(labels: np.ndarray, each: int, seed: int) -> pa.Array:
    """The labels, null but for `each` of every class."""
    random, told = np.random.default_rng(seed), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        told[random.choice(np.flatnonzero(labels == label), each, replace=False)] = True
    return pa.array(labels, mask=~told)


def digits(source: Path, folder: Path, seed: int) -> None:
    table = pq.read_table(source, columns=["image", "label"])
    labels = hidden(np.array(table["label"].to_pylist()), 10, seed)
    pq.write_table(table.set_column(1, "label", labels), folder / "digits.parquet", row_group_size=5000)


def biopsies(folder: Path, seed: int) -> None:
    found = load_breast_cancer(as_frame=True)
    frame = found.data.round(6).assign(label=np.array(found.target_names)[found.target])
    frame = frame.sample(frac=1, random_state=0)
    for name, rows in (("biopsies-test", frame[:TEST]), ("biopsies", frame[TEST:])):
        table = pa.Table.from_pandas(rows, preserve_index=False)
        if name == "biopsies":
            said = hidden(rows["label"].to_numpy(), 10, seed)
            table = table.set_column(table.num_columns - 1, "label", said)
        pq.write_table(table, folder / f"{name}.parquet")


if __name__ == "__main__":
    seed, folder = int((sys.argv[1:] or ["0"])[0]), Path((sys.argv[2:] or ["data/few_labels"])[0])
    folder.mkdir(parents=True, exist_ok=True)
    biopsies(folder, seed)
    mnist = Path("data/mnist/train.parquet")
    if mnist.exists():
        digits(mnist, folder, seed)
    print(", ".join(str(path) for path in sorted(folder.glob("*.parquet"))))
