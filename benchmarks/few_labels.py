"""What few labels are worth with the unlabelled rows beside them: the biopsies of examples/few_labels.yaml.

    python benchmarks/few_labels.py runs/few-labels --data data/few_labels

Right in the test rows: the model's own classifier (from its metrics), and logistic regression that learned from the 20
labelled rows alone, from the synthetic rows alone, and, as what could be had at most, from all rows with all labels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def right(train: pd.DataFrame, test: pd.DataFrame) -> float:
    """The share of test rows of which logistic regression says the label."""
    columns = [name for name in test.columns if name != "label"]
    reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(train[columns], train["label"])
    return float(reader.score(test[columns], test["label"]))


def main(job: Path, data: Path) -> None:
    (metrics,) = job.glob("checkpoints/*/metrics.json")
    rows, test = (pd.read_parquet(data / f"{name}.parquet") for name in ("biopsies", "biopsies-test"))
    (sealed,) = {manifest.parent for manifest in job.glob("datasets/*/manifest.json")}
    made = pd.read_parquet(sealed / "data")
    names = json.loads((sealed / "manifest.json").read_text())["classes"]
    made = made.assign(label=[names[label] for label in made["label"]])
    whole = load_breast_cancer(as_frame=True)
    every = whole.data.round(6).assign(label=whole.target_names[whole.target]).sample(frac=1, random_state=0)
    told = {
        "model": 1 - json.loads(metrics.read_text())["measures"]["error"],
        "labelled_alone": right(rows.dropna(subset="label"), test),
        "synthetic_alone": right(made, test),
        "all_labels": right(every[len(test) :], test),
        "labelled": int(rows["label"].notna().sum()),
        "test_rows": len(test),
    }
    print(json.dumps({name: round(value, 4) for name, value in told.items()}, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("job", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data/few_labels"))
    given = parser.parse_args()
    main(given.job, given.data)
