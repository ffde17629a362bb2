"""What drawn molecules are worth: valid, unique, new, and distributed as real ones.

    python benchmarks/molecules.py runs/molecules test.csv

The run's published samples against MOSES' own test molecules (a CSV or Parquet file with a column of SMILES), by RDKit:
the share of draws that were molecules, of samples that differ, of those that are no training row; and for weight, logP,
polar surface, rings and likeness to drugs (QED) the distance of Wasserstein, over the standard deviation of the real
ones. The yardstick is the distance of as many real training rows to the same test molecules. SMILES are compared in
RDKit's canonical form. A picture of the first samples goes where a third argument says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
from rdkit import Chem, RDLogger
from rdkit.Chem import QED, Crippen, Descriptors, Draw, rdMolDescriptors

REAL = 5_000  # test molecules, and training rows
MEASURES = {
    "weight": Descriptors.MolWt,
    "logP": Crippen.MolLogP,
    "polar surface": rdMolDescriptors.CalcTPSA,
    "rings": rdMolDescriptors.CalcNumRings,
    "QED": QED.qed,
}


def read(path: Path) -> list[str]:
    """The column of SMILES of a file, whatever its name's case."""
    table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    return table[next(name for name in table.columns if name.lower() == "smiles")].to_list()


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Wasserstein's, of samples of any sizes."""
    at = np.linspace(0, 1, 20_001)[1:-1]
    return float(np.abs(np.quantile(a, at) - np.quantile(b, at)).mean())


def described(smiles: list[str]) -> dict[str, np.ndarray]:
    found = [Chem.MolFromSmiles(text) for text in smiles]
    return {name: np.array([measure(molecule) for molecule in found]) for name, measure in MEASURES.items()}


def canonical(smiles: list[str]) -> list[str]:
    return [Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text in smiles]


def figures(run: Path, test: Path) -> dict[str, Any]:
    """All of them; the dataset and the prepared data are the newest of the job's folder."""
    dataset = max((run / "datasets").iterdir(), key=lambda path: path.stat().st_mtime)
    manifest = json.loads((dataset / "manifest.json").read_text())
    samples = pl.read_parquet(dataset / "data/*.parquet").sort("index")["text"].to_list()
    job = max((run / "runs").glob("*/job.yaml"), key=lambda path: path.stat().st_mtime).read_text()
    source = next(line.split("- ")[1] for line in job.splitlines() if line.strip().startswith("- "))
    training = read(Path(source))
    known, made = set(canonical(training)), canonical(samples)
    real = described(Random(0).sample(read(test), REAL))
    ours, theirs = described(samples), described(Random(1).sample(training, min(REAL, len(samples))))
    drawn = manifest.get("drawn", manifest["rows"])
    return {
        "samples": len(samples), "drawn": drawn, "rejected": manifest["rejected"],
        "valid before the filter": len(samples) / drawn,
        "valid": sum(Chem.MolFromSmiles(text) is not None for text in samples) / len(samples),
        "unique": len(set(made)) / len(made), "new": sum(text not in known for text in made) / len(made),
        "distances": {
            name: {"ours": distance(ours[name], real[name]) / real[name].std(),
                   "yardstick": distance(theirs[name], real[name]) / real[name].std(),
                   "means": [float(ours[name].mean()), float(real[name].mean())]}
            for name in MEASURES
        },
        "first": samples[:24],
    }  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    RDLogger.DisableLog("rdApp.*")
    found = figures(Path(sys.argv[1]), Path(sys.argv[2]))
    first = found.pop("first")
    print(json.dumps(found, indent=1))
    if sys.argv[3:]:
        sheet = Draw.MolsToGridImage([Chem.MolFromSmiles(text) for text in first], molsPerRow=8, subImgSize=(150, 120))
        sheet.quantize(32).save(sys.argv[3], optimize=True)
