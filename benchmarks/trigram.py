"""How much better a job's `gpt` foretells held-out tokens than a table of trigrams of the same training rows does.

    python benchmarks/trigram.py runs/names

The table has the count of each token after each pair, and adds the same to each count, as much as serves it best on
the very rows it is tried on: that flatters it. Both are measured on the test rows, in nats a token, ends included.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from genai.prepared import Prepared, load

ADDED = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def triples(tokens: np.ndarray) -> np.ndarray:
    """Each token that counts, with the two before it: (tokens, 3). Before the first one stand two ends."""
    padded = np.pad(tokens, ((0, 0), (2, 0)))
    counted = np.cumsum(tokens == 0, axis=1) - (tokens == 0) == 0
    return np.stack([padded[:, :-2], padded[:, 1:-1], tokens], axis=2)[counted]


def nats(train: np.ndarray, held: np.ndarray, vocabulary: int, added: float) -> float:
    """Of a token of `held`, on average, by the table of `train`."""
    shape = (vocabulary,) * 3
    counts = np.bincount(np.ravel_multi_index(tuple(train.T), shape), minlength=vocabulary**3).reshape(shape)
    a, b, c = held.T
    return float(-np.log((counts[a, b, c] + added) / (counts.sum(2)[a, b] + added * vocabulary)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", type=Path, help="a job's folder, with its prepared rows and its checkpoint")
    given = parser.parse_args()
    (index,), (metrics,) = given.job.glob("prepared/*/index.json"), given.job.glob("checkpoints/*/metrics.json")
    prepared = Prepared.from_json(index.read_bytes())
    get = lambda name: (index.parent / name).read_bytes()  # noqa: E731
    train, held = (
        triples(prepared.modality.to_tensor(load(prepared, split, get)[0]).numpy()) for split in ("train", "test")
    )
    vocabulary = prepared.modality.space.vocabulary
    table = min((nats(train, held, vocabulary, added), added) for added in ADDED)
    measures = json.loads(metrics.read_text())["measures"]
    ratio = measures["nats_per_token"] / table[0]
    print(json.dumps({**measures, "trigram": table[0], "trigram_added": table[1], "ratio": ratio, "tokens": len(held)}))


if __name__ == "__main__":
    main()
