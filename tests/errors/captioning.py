"""What can be wrong with captions, with the prompts that are drawn under, and with rows without a label."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from genai import prompts
from jobs import layout
from tests.errors.damage import PREPARED
from tests.errors.dated import PINS
from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import Scene, provokes
from tests.errors.rows import COLUMNS, FINDING, ROWS

CAPTIONS = "data: {source: rows.csv, modality: {kind: captioned, of: {kind: table}}}\n"
JOB = f"""\
name: captions
output: runs
{CAPTIONS}model: {{family: flow, widths: [8], depth: 1}}
train: {{steps: 2, batch: 8, micro_batches: 2}}
generate: {{prompts: [small, large], count: 4, batch: 16}}
"""
ROWS_CSV = "x,y,caption\n" + "".join(f"{n},{n * n},number {n}\n" for n in range(24))
NEEDS = "generate: {prompts: [small, large]}\n"
ALL_TRAIN = "data.split={train: 1, validation: 0, test: 0}"


def _captions(scene: Scene, *settings: str, rows: str = ROWS_CSV) -> None:
    scene.write("rows.csv", rows)
    scene.write("job.yaml", JOB)
    scene.run(ALL_TRAIN, *settings)


CAPTIONED = "data.modality=captioned"
for _name, _title, _lines, *_settings in (
    ("captions_bare", "Captions without prompts", "", CAPTIONED),
    ("prompts_bare", "Prompts without captions", NEEDS),
    ("captions_label", "Captions beside a label", NEEDS, CAPTIONED, "data.label=digit"),
    ("captions_family", "A family that reads no captions", NEEDS, CAPTIONED, "model.family=vae"),
    ("per_prompt", "A number a prompt without prompts", "generate: {count: {per_prompt: 3}}\n"),
    ("captions_twice", "Captions of captions", NEEDS, "data.modality={kind: captioned, of: captioned}"),
    ("template", "A template of more than names", NEEDS, "data.modality={kind: captioned, text: '{a.b}'}"),
    ("prompts_template", "A template that takes nothing", "", "generate.prompts={source: x.csv, text: '{}'}"),
    ("unlabelled_family", "A family that needs labels", "", "data.unlabelled=true", "model.family=vae"),
    ("unlabelled_bare", "Unlabelled rows without labels", "", "data.label=null", "data.unlabelled=true"),
    ("repeated", "Labelled rows repeated among others", "", "data.repeat_labelled=5"),
    ("m2_free", "Few labels, of which none is heeded", "model: {family: m2, conditional: false}\n"),
):
    _faulty(RULES, _name, _title, _lines, *_settings)


@provokes(COLUMNS, "No column for the caption", job=CAPTIONS)
def caption_column(scene: Scene) -> None:
    _captions(scene, "data.modality.text=a {size} {animal}")


@provokes(ROWS, "A caption that is null", job=CAPTIONS)
def caption_null(scene: Scene) -> None:
    _captions(scene, rows=ROWS_CSV + "3,4,\n")


@provokes(ROWS, "A prompt that is longer than captions may be", job=NEEDS)
def prompt_long(scene: Scene) -> None:
    _captions(scene, f"generate.prompts=[small, {'very ' * 30}large]")


@provokes(FINDING, "No column for the prompts", job="generate: {prompts: {source: asked.csv, text: animal}}\n")
def prompts_column(scene: Scene) -> None:
    scene.write("asked.csv", "name\ncat\n")
    _captions(scene, "generate.prompts={source: asked.csv, text: animal}")


@provokes(FINDING, "Not one prompt", job="generate: {prompts: {source: asked.parquet, text: name}}\n")
def prompts_none(scene: Scene) -> None:
    pq.write_table(pa.table({"name": pa.array([], pa.string())}), scene.folder / "asked.parquet")
    _captions(scene, "generate.prompts={source: asked.parquet, text: name}")


@provokes(ROWS, "A prompt that is empty", job="generate: {prompts: {source: asked.csv, text: name}}\n")
def prompt_empty(scene: Scene) -> None:
    scene.write("asked.csv", "name,n\ncat,1\n ,2\n")
    _captions(scene, "generate.prompts={source: asked.csv, text: name}")


@provokes(FINDING, "More prompts than fit", job="generate: {prompts: {source: asked.txt}}\n")
def prompts_many(scene: Scene) -> None:
    scene.patch.setattr(prompts, "MOST", 2)
    scene.write("asked.txt", "cat\ndog\nbird\n")
    _captions(scene, "generate.prompts={source: asked.txt}")


@provokes(PINS, "Prompts for a checkpoint that knows no captions", job=NEEDS)
def prompts_pinned(scene: Scene) -> None:
    found = scene.finished()
    place = found.store.locate(f"checkpoints/{found.train_key}")
    scene.write("job.yaml", f"name: pinned\noutput: runs\nmodel: {{family: vae, checkpoint: '{place}'}}\n{NEEDS}")
    scene.run()


@provokes(PINS, "No prompts for a checkpoint that knows captions")
def prompts_missing(scene: Scene) -> None:
    _captions(scene)
    (config,) = (scene.folder / "runs").glob("captions/checkpoints/*/config.json")
    text = f"name: pinned\noutput: runs\nmodel: {{family: flow, checkpoint: '{config.parent}'}}\n"
    scene.write("job.yaml", text)
    scene.run()


@provokes(PREPARED, "Prompts in the store that are others")
def prompts_damaged(scene: Scene) -> None:
    scene.write("asked.csv", "name\ncat\n")
    settings = ("generate.prompts={source: asked.csv, text: name}",)
    _captions(scene, *settings)
    found = scene.target(*settings)
    (name,) = (entry.key for entry in found.store.list("prompts/") if entry.key.endswith(".json"))
    assert name == layout.prompts(name.split("/")[1].removesuffix(".json"))
    found.store.put(name, b"[]")
    scene.run(*settings)
