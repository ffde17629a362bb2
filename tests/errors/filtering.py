"""What can be wrong with filters: the rows that they are asked to judge, what they need, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genai.filters.smiles import Smiles
from tests.errors.provoked import Scene, provokes
from tests.errors.rows import FINDING, ROWS
from tests.errors.running import RUNNING
from tests.errors.texts import JOB

MOLECULES = 'data: {source: rows.txt, label: null, modality: text}\nmodel: {family: "tests.tokens:Places"}\n'
TRAIN = "train: {steps: 3, batch: 4, micro_batches: 2}\n"


@dataclass(frozen=True)
class Elsewhere(Smiles):
    """SMILES, by a library that nobody has."""

    libraries: ClassVar[tuple[str, ...]] = ("no-such-chemistry",)


def _molecules(scene: Scene, *settings: str) -> None:
    """Some alcohols and a text that is no molecule, which a model learns."""
    scene.write("rows.txt", "".join("C" * n + "O\n" for n in range(1, 40)) + "CC(\n")
    scene.write("job.yaml", JOB + MOLECULES + TRAIN)
    scene.run("data.split={train: 1, validation: 0, test: 0}", *settings)


@provokes(FINDING, "A filter for other rows", job="generate: {filters: [smiles]}\n")
def filter_of_texts(scene: Scene) -> None:
    scene.finished()
    scene.genai("validate", "job.yaml", "--set", "generate.filters=[smiles]")


@provokes(RUNNING, "A filter whose library is not installed", job="generate: {filters: [smiles]}\n")
def filter_missing(scene: Scene) -> None:
    _molecules(scene, "generate.filters=[tests.errors.filtering:Elsewhere]")


@provokes(RUNNING, "An index that no filter lets through", job="generate: {filters: [smiles], draws: 2}\n")
def filter_never(scene: Scene) -> None:
    _molecules(scene, "generate.filters=[{kind: 'tests.judges:Without', letter: ''}]", "generate.draws=2")


@provokes(ROWS, "A SMILES that RDKit refuses", job="data: {filters: [smiles]}\n")
def filter_row(scene: Scene) -> None:
    _molecules(scene, "data.filters=[smiles]")
