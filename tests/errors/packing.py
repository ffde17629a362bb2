"""What can be wrong with a recipe, its weights, and a slice."""

from __future__ import annotations

import json

from tests.errors.dated import PINS
from tests.errors.job_file import RULES
from tests.errors.provoked import HEAD, Scene, provokes

PACKING = "Packing a dataset"
NONE = "0" * 64


@provokes(PACKING, "A dataset that is not sealed", job="")
def pack_unsealed(scene: Scene) -> None:
    scene.write("job.yaml", HEAD)
    scene.genai("pack", "job.yaml")


@provokes(PACKING, "A slice that is no range")
def slice_form(scene: Scene) -> None:
    scene.finished()
    scene.genai("run", "job.yaml", "--index", "5")


@provokes(PACKING, "A slice of nothing")
def slice_empty(scene: Scene) -> None:
    scene.finished()
    scene.genai("run", "job.yaml", "--index", "6:6")


@provokes(PACKING, "A slice before there is a checkpoint", job="")
def slice_early(scene: Scene) -> None:
    scene.write("job.yaml", HEAD)
    scene.genai("run", "job.yaml", "--index", "0:6")


def _pinned(scene: Scene, place: str) -> None:
    found = scene.finished()
    place = place or found.store.locate(f"checkpoints/{found.train_key}")
    model = {"family": "vae", "checkpoint": place, "digest": NONE}
    scene.write("recipe.json", json.dumps({"name": "again", "output": "runs", "model": model}))
    scene.genai("plan", "recipe.json")


@provokes(PINS, "Weights of a recipe that are gone")
def weights_gone(scene: Scene) -> None:
    _pinned(scene, "gone/weights")


@provokes(PINS, "Weights of another digest than the recipe's")
def weights_other(scene: Scene) -> None:
    _pinned(scene, "")


def _counted(scene: Scene, count: str, *more: str) -> None:
    scene.finished()
    scene.genai("plan", "job.yaml", "--set", f"generate.count={{classes: {count}}}", *more)


@provokes(RULES, "Numbers by class, of one that there is not")
def classes_unknown(scene: Scene) -> None:
    _counted(scene, "{ten: 3}")


@provokes(RULES, "Numbers by class that are all 0")
def classes_none(scene: Scene) -> None:
    _counted(scene, "{'3': 0}")


@provokes(RULES, "Numbers by class beside a choice of classes")
def classes_twice(scene: Scene) -> None:
    _counted(scene, "{'3': 5}", "--set", "generate.labels=['3']")
