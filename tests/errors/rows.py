"""What can be wrong with the data: where it is, its columns, its rows; and with a training on it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from genai.checkpoint import Checkpoint
from genai.evaluate import means
from genai.exchange import Alone, share
from genai.families.vae import Vae
from genai.generate import Generator
from genai.modalities.image import Image
from genai.networks.residual import image_shape
from genai.order import Order, Rows
from genai.prepare import Terms, gather
from genai.recipe import Recipe
from genai.sources import Fragment, Row, Source
from genai.train import Trained, fit, initial
from tests.errors.provoked import Scene, provokes

FINDING, COLUMNS, ROWS, TRAINING = "Data: finding it", "Data: its columns", "Data: its rows", "Training"


def png(number: int = 0, size: tuple[int, int] = (8, 8), mode: str = "L") -> bytes:
    """An image; another number, another image."""
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (*size, len(mode)), np.uint8)
    PIL.Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels, mode).save(out, "PNG")
    return out.getvalue()


def parquet(scene: Scene, **columns: object) -> None:
    """rows.parquet of these columns; by default fifty images of two classes."""
    filled = {"image": [png(n) for n in range(50)], "label": ["cat", "dog"] * 25} | columns
    pq.write_table(
        pa.table({name: held for name, held in filled.items() if held is not None}), scene.folder / "rows.parquet"
    )


def check(scene: Scene, source: str, *settings: str) -> None:
    sets = [word for setting in (f"data.source={source}", *settings) for word in ("--set", setting)]
    scene.genai("validate", "job.yaml", *sets)


def read(scene: Scene, *settings: str, **columns: object) -> None:
    parquet(scene, **columns)
    scene.run("data.source=rows.parquet", *settings)


@provokes(FINDING, "A glob that matches nothing", job="")
def glob_empty(scene: Scene) -> None:
    check(scene, "photos/*.parquet")


@provokes(FINDING, "A folder without data", job="")
def folder_empty(scene: Scene) -> None:
    scene.write("photos/notes.txt", "none yet")
    check(scene, "photos")


@provokes(FINDING, "A dataset of scikit-learn that is not known", job="")
def sklearn_unknown(scene: Scene) -> None:
    check(scene, "sklearn://faces")


@provokes(FINDING, "Images outside of a class's folder", job="")
def images_bare(scene: Scene) -> None:
    scene.write("photos/1.png", png())
    check(scene, "photos")


@provokes(COLUMNS, "No such label column: Parquet", job="")
def label_missing(scene: Scene) -> None:
    parquet(scene)
    check(scene, "rows.parquet", "data.label=species")


@provokes(COLUMNS, "No such label column: folders of images", job="")
def images_label(scene: Scene) -> None:
    scene.write("photos/cat/1.png", png())
    check(scene, "photos", "data.label=species")


@provokes(COLUMNS, "No such label column: scikit-learn", job="")
def sklearn_label(scene: Scene) -> None:
    check(scene, "sklearn://digits", "data.label=species")


@provokes(COLUMNS, "A label column that holds no classes", job="")
def label_kind(scene: Scene) -> None:
    parquet(scene, label=[n / 2 for n in range(50)])
    check(scene, "rows.parquet")


@provokes(COLUMNS, "No column with images", job="")
def image_missing(scene: Scene) -> None:
    parquet(scene, image=None, path=["a.png"] * 50)
    check(scene, "rows.parquet")


@provokes(COLUMNS, "A file that is no Parquet, or not all of one", job="")
def parquet_broken(scene: Scene) -> None:
    scene.write("rows.parquet", b"PAR1 and then nothing")
    check(scene, "rows.parquet")


@provokes(ROWS, "An image that is damaged", job="")
def image_damaged(scene: Scene) -> None:
    read(scene, image=[png(n)[: 40 if n == 17 else None] for n in range(50)])


@provokes(ROWS, "An image that is none", job="")
def image_none(scene: Scene) -> None:
    read(scene, image=[b"no image" if n == 17 else png(n) for n in range(50)])


@provokes(ROWS, "An image that moves", job="")
def image_moves(scene: Scene) -> None:
    out = io.BytesIO()
    frames = [PIL.Image.new("L", (8, 8), shade) for shade in (0, 99)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    read(scene, image=[out.getvalue() if n == 17 else png(n) for n in range(50)])


@provokes(ROWS, "An image that is null", job="")
def image_null(scene: Scene) -> None:
    read(scene, image=[None if n == 17 else png(n) for n in range(50)])


@provokes(ROWS, "A label that is null", job="")
def label_null(scene: Scene) -> None:
    read(scene, label=[None if n == 17 else ("cat", "dog")[n % 2] for n in range(50)])


@provokes(ROWS, "An image of another size", job="")
def image_size(scene: Scene) -> None:
    read(scene, image=[png(n, (9, 7) if n == 17 else (8, 8)) for n in range(50)])


@provokes(ROWS, "An image in colour among gray ones", job="")
def image_mode(scene: Scene) -> None:
    read(scene, image=[png(n, mode="RGB" if n == 17 else "L") for n in range(50)])


@provokes(ROWS, "More bad rows than are allowed", job="")
def rows_bad(scene: Scene) -> None:
    images = [png(n)[: 40 if n < 3 else None] for n in range(50)]
    read(scene, "data.on_bad_row=skip", image=images)


@provokes(ROWS, "Not one row that can be used", job="")
def rows_none(scene: Scene) -> None:
    read(scene, label=pa.nulls(50, pa.string()))


@provokes(ROWS, "One class only", job="")
def class_one(scene: Scene) -> None:
    read(scene, label=["cat"] * 50)


@provokes(ROWS, "So few rows that none is left to train on", job="")
def rows_few(scene: Scene) -> None:
    read(scene, "data.split={train: 0.000001, validation: 0, test: 0.999999}")


@provokes(ROWS, "Fewer rows than a batch", job="")
def batch_large(scene: Scene) -> None:
    read(scene, "train.batch=512")


class Listed(Source):
    """Arrays as a source of one's own may give them."""

    def fingerprint(self) -> list:
        return []

    def fragments(self) -> list:
        return [Fragment("mine", 0, 1)]

    def read(self, fragment: Fragment):
        yield Row(np.zeros((8, 8, 2), np.uint8), "cat", "mine row 0")


@provokes(ROWS, "An array that is no image", "A source of your own gives arrays of four channels")
def array_odd(scene: Scene) -> None:
    gather([Listed(None, "", "label")], [], Image(), Terms({"train": 1.0}), lambda *_: None)


FAMILY, IMAGE = Vae("dense", latent=4, width=16), Image((8, 8), "L")


def train(family: Vae, **how: object) -> Trained:
    arrays = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), np.uint8)
    recipe = Recipe(steps=1, batch=16, micro_batches=2)
    data = Rows(arrays, np.zeros(64, np.int64), recipe.batch, recipe.micro_batches, recipe.seed)
    return fit(family, IMAGE, 2, data, recipe, **how)


@provokes(TRAINING, "A loss that is not finite", job="")
def loss_infinite(scene: Scene) -> None:
    scene.run("train.learning_rate=1e18", "train.steps=20")


@provokes(
    TRAINING,
    "Measures that are not finite",
    "`genai run job.yaml`, with a family of your own whose measure is not finite",
)
def measure_infinite(scene: Scene) -> None:
    net, held = initial(FAMILY, IMAGE.space, 2, 0), (np.zeros((4, 8, 8, 1), np.uint8), np.zeros(4, np.int64))
    means(lambda _net, x, *_: {"nelbo": torch.full((len(x),), torch.inf)}, net, IMAGE, held, 0, Alone())


@provokes(TRAINING, "A saved state of another training", "`fit(…, state=…)` with the state of a narrower network")
def state_other(scene: Scene) -> None:
    states: list[bytes] = []
    train(FAMILY, save=states.append)
    train(replace(FAMILY, width=32), state=states[0])


@provokes(
    TRAINING, "More workers than micro-batches", "`genai.exchange.share(0, size=4, leaves=2)`, as from a notebook"
)
def workers_many(scene: Scene) -> None:
    share(0, 4, 2)


@provokes(
    TRAINING,
    "A batch smaller than its micro-batches",
    "`Order(rows=64, batch=2, micro_batches=4, seed=0)`, as from a notebook",
)
def batch_small(scene: Scene) -> None:
    Order(64, 2, 4, 0)


@provokes(
    TRAINING, "A convolutional network for what is no image", "`image_shape((16,))`, as with a modality of your own"
)
def shape_odd(scene: Scene) -> None:
    image_shape((16,))


def drawn(labels: list[int] | None) -> None:
    weights = initial(FAMILY, IMAGE.space, 2, 0).state_dict()
    Generator(Checkpoint(FAMILY, IMAGE, ("cat", "dog"), dict(weights), {}), 0, 16).draw(range(2), labels)


@provokes(
    TRAINING, "Samples without labels, of a model that knows classes", "`Generator(checkpoint, seed=0).draw(range(2))`"
)
def labels_missing(scene: Scene) -> None:
    drawn(None)


@provokes(
    TRAINING,
    "Samples of a class that the model does not know",
    "`Generator(checkpoint, seed=0).draw(range(2), [0, 2])`",
)
def labels_odd(scene: Scene) -> None:
    drawn([0, 2])
