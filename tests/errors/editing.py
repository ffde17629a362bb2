"""What can be wrong with drawing from rows: the mode, the rows, and the model that is to do it."""

from __future__ import annotations

import numpy as np

from genai import png
from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import HEAD, SMALL, Scene, provokes
from tests.errors.rows import COLUMNS, ROWS

MODE = "generate: {mode: variation, source: rows.csv}\n"
TABLE = 'data: {source: "sklearn://wine", modality: table}\n'

for _name, _title, _lines, *_settings in (
    ("mode_bare", "A way to draw from rows, and no rows", "", "generate.mode=variation"),
    ("source_bare", "Rows to draw from, and no way to", "", "generate.source=rows.csv"),
    ("per_row", "A number a row without rows", "generate: {count: {per_row: 3}}\n"),
    ("mode_unknown", "No such mode", "", "generate.mode=blur", "generate.source=rows.csv"),
    ("mode_family", "A mode that the family cannot do", MODE, "model.family=vae", "generate.mode=inpaint"),
    ("mask_bare", "A mask that is asked for and not given", MODE, "generate.mode={kind: inpaint, mask: given}"),
    ("mode_classes", "Classes asked of a mode that keeps them", MODE, "generate.labels=['3']"),
):
    _faulty(RULES, _name, _title, _lines, *_settings)


def _edited(scene: Scene, *settings: str) -> None:
    scene.write("job.yaml", HEAD + SMALL)
    scene.run("generate.mode=variation", *settings)


@provokes(COLUMNS, "Rows to draw from without the column of their class", job=MODE)
def source_column(scene: Scene) -> None:
    scene.write("rows.csv", "image,digit\na.png,3\n")
    _edited(scene, "generate.source=rows.csv")


@provokes(ROWS, "A row to draw from whose class the checkpoint does not know", job=MODE)
def source_class(scene: Scene) -> None:
    scene.write("rows.csv", "image,label\na.png,3\nb.png,eleven\n")
    _edited(scene, "generate.source=rows.csv")


@provokes(RULES, "Rows to draw from without classes, for a checkpoint with them", job=MODE)
def source_unlabelled(scene: Scene) -> None:
    _edited(scene, "generate.source={rows: 'sklearn://digits', label: null}")


@provokes(RULES, "Classes changed where there are none", job=MODE)
def translate_nothing(scene: Scene) -> None:
    _edited(scene, "generate.mode=translate", "data.label=null", "generate.source=sklearn://digits")


@provokes(RULES, "A mode of pictures for other rows", job=TABLE)
def mode_rows(scene: Scene) -> None:
    scene.write("job.yaml", HEAD.replace('data: {source: "sklearn://digits"}\n', TABLE) + SMALL)
    scene.run("model={family: flow, widths: [8], depth: 1}", "generate.mode=inpaint", "generate.source=sklearn://wine")


@provokes(RULES, "Pictures made larger by a factor that does not divide their sides", job=MODE)
def enlarge_factor(scene: Scene) -> None:
    _edited(
        scene, "model={family: flow, widths: [8], depth: 1}", "generate.mode={kind: enlarge, factor: 3}",
        "generate.source=sklearn://digits",
    )  # fmt: skip


MASK = "generate: {mode: {kind: inpaint, mask: given}, source: {rows: digits, mask: mask.png}}\n"
GIVEN = (
    "model={family: flow, widths: [8], depth: 1}", "generate.mode={kind: inpaint, mask: given}",
    "generate.source={rows: 'sklearn://digits', mask: mask.png}",
)  # fmt: skip


@provokes(RULES, "A mask of another size", job=MASK)
def mask_size(scene: Scene) -> None:
    scene.write("mask.png", png.encode(np.full((1, 4, 8, 1), 255, np.uint8))[0])
    _edited(scene, *GIVEN)


@provokes(RULES, "A mask that is not there", job=MASK)
def mask_missing(scene: Scene) -> None:
    _edited(scene, *GIVEN)


@provokes(RULES, "A mask that is no picture", job=MASK)
def mask_foreign(scene: Scene) -> None:
    scene.write("mask.png", "white")
    _edited(scene, *GIVEN)


@provokes("Showing samples", "Samples of rows that were not read yet")
def source_unread(scene: Scene) -> None:
    scene.finished()
    scene.genai("preview", "job.yaml", "--set", "generate.mode=variation", "--set", "generate.source=sklearn://digits")
