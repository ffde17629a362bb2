"""What can be wrong with the weights that a training begins with."""

from __future__ import annotations

from jobs import layout
from tests.errors.job_file import RULES
from tests.errors.provoked import Scene, provokes

JOB = "train: {init_from: digits-3f2a91c07be4}\n"


def _begun(scene: Scene, *settings: str, frozen: str = "[]") -> None:
    run = layout.run_id(scene.finished().spec)
    scene.run(f"train.init_from={{checkpoint: {run}, frozen: {frozen}}}", *settings)


@provokes(RULES, "Weights to begin with that are not there", job=JOB)
def begin_nowhere(scene: Scene) -> None:
    scene.finished()
    scene.run("train.init_from=other/place")


@provokes(RULES, "Weights to begin with of another family", job=JOB)
def begin_family(scene: Scene) -> None:
    _begun(scene, "model={family: flow}")


@provokes(RULES, "Weights to begin with of another network", job=JOB)
def begin_fields(scene: Scene) -> None:
    _begun(scene, "model.width=24")


@provokes(RULES, "Weights to begin with for other rows", job=JOB)
def begin_rows(scene: Scene) -> None:
    _begun(scene, "data.modality={kind: image, size: 12}")


@provokes(RULES, "A frozen part that the network has not", job=JOB)
def begin_frozen(scene: Scene) -> None:
    _begun(scene, frozen="[head]")


@provokes(RULES, "Nothing left to train", job=JOB)
def begin_all_frozen(scene: Scene) -> None:
    _begun(scene, frozen="[encoder, decoder]")
