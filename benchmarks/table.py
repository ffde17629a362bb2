"""What a synthetic table is worth: is each column spread as the real one, and can a classifier learn from it?

    python benchmarks/table.py examples/wine.yaml

Runs the job once for each seed (of training and of drawing), with `genai run`'s own code and no Ray; what is finished
is not done again. The real rows are those of the job's own splits, as it has prepared them, so the model and the
classifiers learn from one set and are judged by another.

- *Distance* of a column: the largest difference of the two distribution functions (Kolmogorov and Smirnov), of
  categories half the sum of differences (total variation), between synthetic rows and the training rows. Its yardstick
  is the same between the real test rows and the training rows: two samples of one thing differ, too. Rows are weighted
  so that the classes have the shares that they have in the training rows: how many there are of each, the job asked.
- *Worth*: the accuracy, on real test rows, of a classifier that learned from synthetic rows alone, and of its rival
  that learned from the real training rows (Esteban et al. 2017: train on synthetic, test on real).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genai import formats
from genai.modalities.table import Table
from genai.prepared import Prepared, load
from jobs import layout
from jobs.resolve import job
from jobs.survey import Survey, survey


@dataclass(frozen=True)
class Rows:
    """Numbers of each column (NaN: none), and classes."""

    numbers: np.ndarray  # (rows, columns) float64
    labels: np.ndarray  # (rows,)


def run(path: str, seed: int, settings: list[str]) -> Survey:
    """The job of one seed, finished."""
    sets = [*settings, f"seed={seed}", f"train.seed={seed}"]
    words = [word for one in sets for word in ("--set", one)]
    subprocess.run([sys.executable, "-m", "jobs", "run", path, "--crew", "local", *words], check=True)
    return survey(job(path, sets))


def real(found: Survey, split: str) -> Rows:
    """The rows of one of the job's splits."""
    assert isinstance(found.prepared, Prepared)
    return _rows(*load(found.prepared, split, layout.blocks(found.store, found.prepare_key).get))


def synthetic(found: Survey) -> Rows:
    """All samples."""
    assert found.manifest
    parts = [found.store.get(layout.part(found.manifest.key, part.name)) for part in found.manifest.parts]
    samples = [formats.of(found.manifest.plan.suffix).decode(part) for part in parts]
    labels = [one.labels if one.labels is not None else np.zeros(len(one), np.int64) for one in samples]
    return _rows(np.concatenate([one.arrays for one in samples]), np.concatenate(labels))


def distances(table: Table, a: Rows, train: Rows) -> dict[str, float]:
    """Of each column."""
    share = np.bincount(train.labels) / np.maximum(1, np.bincount(a.labels, minlength=train.labels.max() + 1))
    weights = share[a.labels], np.ones(len(train.labels))
    pairs = zip(table.fitted, a.numbers.T, train.numbers.T, strict=True)
    return {column.name: distance(pair, weights, ordered=bool(column.knots)) for column, *pair in pairs}


def distance(pair: Sequence[np.ndarray], weights: Sequence[np.ndarray], *, ordered: bool) -> float:
    """Between two weighted samples of one column; what is missing is a value of its own, and the smallest."""
    numbers = [np.nan_to_num(n, nan=-np.inf) for n in pair]
    values = np.unique(np.concatenate(numbers))
    places = [np.searchsorted(values, n) for n in numbers]
    shares = [np.bincount(p, w, len(values)) / w.sum() for p, w in zip(places, weights, strict=True)]
    apart = shares[0] - shares[1]
    return float(np.abs(np.cumsum(apart)).max() if ordered else np.abs(apart).sum() / 2)


def worth(learned: Rows, test: Rows, seed: int) -> dict[str, float]:
    """Accuracy on `test` of each classifier."""
    kinds = {
        "logistic": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=5000)),
        "boosting": HistGradientBoostingClassifier(random_state=seed, min_samples_leaf=5),
    }
    return {
        name: float(kind.fit(learned.numbers, learned.labels).score(test.numbers, test.labels))
        for name, kind in kinds.items()
    }


def measured(path: str, seed: int, settings: list[str]) -> dict[str, object]:
    found = run(path, seed, settings)
    assert isinstance(found.modality, Table)
    train, test, made = real(found, "train"), real(found, "test"), synthetic(found)
    return {
        "seed": seed,
        "rows": {"train": len(train.labels), "test": len(test.labels), "synthetic": len(made.labels)},
        "distance": distances(found.modality, made, train),
        "yardstick": distances(found.modality, test, train),
        "synthetic": worth(made, test, seed),
        "real": worth(train, test, seed),
        "copies": float((made.numbers[:, None] == train.numbers[None]).all(2).any(1).mean()),
    }


def _rows(arrays: np.ndarray, labels: np.ndarray) -> Rows:
    return Rows(np.ascontiguousarray(arrays).view("<f8")[:, :, 0], labels)


def summary(seeds: list[dict[str, object]]) -> str:
    """Means over the seeds, as a table of Markdown."""
    lines = [f"rows: {seeds[0]['rows']}; samples equal to a training row: {max(s['copies'] for s in seeds):.2%}", ""]  # type: ignore[type-var]
    lines += ["| column | distance | yardstick |", "|---|---|---|"]
    for name in seeds[0]["distance"]:  # type: ignore[attr-defined]
        both = (np.mean([seed[kind][name] for seed in seeds]) for kind in ("distance", "yardstick"))  # type: ignore[index]
        lines.append("| " + " | ".join([name, *(f"{value:.3f}" for value in both)]) + " |")
    lines += ["", "| classifier | learned from | accuracy of each seed | mean |", "|---|---|---|---|"]
    for name in ("logistic", "boosting"):
        for kind in ("real", "synthetic"):
            each = [seed[kind][name] for seed in seeds]  # type: ignore[index]
            lines.append(f"| {name} | {kind} | {', '.join(f'{e:.1%}' for e in each)} | {np.mean(each):.1%} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", help="a job file with rows of the modality table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", dest="settings", action="append", default=[], help="as of genai run")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    given = parser.parse_args()
    seeds = [measured(given.job, seed, given.settings) for seed in given.seeds]
    if given.json:
        given.json.write_text(json.dumps(seeds, indent=1))
    print(summary(seeds))


if __name__ == "__main__":
    main()
