"""What can be wrong with a pretrained pipeline."""

from __future__ import annotations

import json
import os
from pathlib import Path

from genai import pipeline
from genai.families.transformers import Transformers
from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import Scene, provokes
from tests.pipelines import save_words

PIPELINES = "Pretrained pipelines"
WORDS = "model: {family: transformers, pipeline: words, new_tokens: 4, prompt_tokens: 8}\n"
ASKED = "generate: {prompts: [a cat], count: 4, batch: 16}\n"
INDEX = {
    "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}  # fmt: skip

_faulty(RULES, "pipeline_missing", "A pretrained family without its pipeline", f"model: transformers\n{ASKED}")
_faulty(RULES, "pipeline_prompts", "A pipeline without prompts", WORDS)
_faulty(
    RULES, "pipeline_count", "A pipeline's samples, counted by rows", WORDS + ASKED, "generate.count={balance: true}"
)  # fmt: skip


def _wrong(name: str, title: str, files: dict[str, object], *settings: str, job: str = WORDS, done: str = "") -> None:
    """A folder of these files."""

    def provoke(scene: Scene) -> None:
        for path, data in files.items():
            _put(scene.folder / "words" / path, data)
        scene.run(*settings)

    provoke.__name__ = name
    provokes(PIPELINES, title, done, job=job + ASKED)(provoke)


def _put(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())


GPT = {"architectures": ["GPT2LMHeadModel"], "n_positions": 128}
SAFE = {"model.safetensors": b""}
PICTURES = "model: {family: diffusers, pipeline: words}\n"
LATENTS = {"unet/config.json": {"sample_size": 8}, "vae/config.json": {"block_out_channels": [8, 8]}}

_wrong("pipeline_pickle", "Pickled weights", {"config.json": GPT, "pytorch_model.bin": b""})
_wrong("pipeline_code", "Code beside the weights", {**SAFE, "config.json": GPT, "pipeline.py": b""})
_wrong("pipeline_empty", "No weights", {"config.json": GPT})
_wrong("pipeline_no_json", "A config that is no JSON", {**SAFE, "config.json": b"{"})
_wrong("pipeline_no_mapping", "A config that is no mapping", {**SAFE, "config.json": [1]})
_wrong("pipeline_auto_map", "A config that asks for code", {**SAFE, "config.json": {"auto_map": {"AutoModel": "m.M"}}})
_wrong("pipeline_odd", "A config of another form", {**SAFE, "config.json": {"architectures": 3}})
_wrong("pipeline_t5", "A model that goes on with nothing", {**SAFE, "config.json": {"architectures": ["T5Model"]}})
_wrong(
    "pipeline_places", "More tokens than a model has places",
    {**SAFE, "config.json": GPT}, "model.new_tokens=1000", "model.length=64",
)  # fmt: skip
_wrong("pipeline_digest", "A pipeline of another digest", {**SAFE, "config.json": GPT}, f"model.digest={'0' * 64}")
_wrong("pipeline_damaged", "Weights that cannot be loaded", {**SAFE, "config.json": GPT})
_wrong(
    "pipeline_kind", "A pipeline of another kind", {**SAFE, "model_index.json": {"_class_name": "Wan"}}, job=PICTURES
)
_wrong(
    "pipeline_library", "A part of another library",
    {**SAFE, "model_index.json": {**INDEX, "vae": ["os", "system"]}}, job=PICTURES,
)  # fmt: skip
_wrong(
    "pipeline_size", "A size that is no multiple",
    {**SAFE, "model_index.json": INDEX, **LATENTS}, "model.size=17", job=PICTURES,
)  # fmt: skip


@provokes(PIPELINES, "Files without end", job=WORDS + ASKED)
def pipeline_files(scene: Scene) -> None:
    scene.patch.setattr(pipeline, "FILES", 2)
    for number in range(3):
        _put(scene.folder / f"words/{number}.json", {})
    scene.run()


@provokes(PIPELINES, "A library that is not installed", job=WORDS + ASKED)
def pipeline_library_missing(scene: Scene) -> None:
    scene.patch.setattr(Transformers, "libraries", ("transformers_of_tomorrow",))
    save_words(scene.folder / "words")
    scene.run()


@provokes(PIPELINES, "A prompt of more tokens than the job says", job=WORDS + ASKED)
def pipeline_prompt_long(scene: Scene) -> None:
    save_words(scene.folder / "words")
    scene.run("generate.prompts=[a large grey cat]")


@provokes(PIPELINES, "Files that have changed since the run began", job=WORDS + ASKED)
def pipeline_changed(scene: Scene) -> None:
    save_words(scene.folder / "words")
    scene.run()
    path = scene.folder / "words/generation_config.json"
    times, data = path.stat(), path.read_bytes()
    path.write_bytes(data.replace(b": ", b" :"))  # of one size, and of one age
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    scene.genai("sample", "job.yaml", "--index", "0")
