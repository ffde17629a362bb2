"""What can be wrong with a pretrained pipeline."""

from __future__ import annotations

import json
import os
from pathlib import Path

from genai import pipeline
from genai.families.transformers import Transformers
from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import Scene, provokes
from tests.pipelines import CHAT, save_translator, save_words, tokenizer

PIPELINES = "Pretrained pipelines"
WORDS = "model: {family: transformers, pipeline: words, new_tokens: 4, prompt_tokens: 8}\n"
ASKED = "generate: {prompts: [a cat], count: 4, batch: 16}\n"
INDEX = {
    "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}  # fmt: skip

_faulty(RULES, "pipeline_missing", "A pretrained family without its pipeline", f"model: transformers\n{ASKED}")
_faulty(RULES, "pipeline_prompts", "A pipeline without prompts", WORDS)
_faulty(RULES, "pipeline_system", "A turn of the system's without a dialogue", WORDS + ASKED, "model.system=be brief")
_faulty(
    RULES, "pipeline_day", "A day that is none", WORDS + ASKED, "model.chat=true", "model.day=today"
)  # fmt: skip
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
_wrong(
    "pipeline_encoder_places", "More tokens than an encoder has places",
    {**SAFE, "config.json": {"architectures": ["BartForConditionalGeneration"], "max_position_embeddings": 8}},
)  # fmt: skip
_wrong(
    "pipeline_experts", "A mixture of experts",
    {**SAFE, "config.json": {"architectures": ["MixtralForCausalLM"], "num_local_experts": 8}},
)  # fmt: skip
_wrong(
    "pipeline_no_translator", "A language for a model that goes on with prompts",
    {**SAFE, "config.json": GPT}, "model.target_language=deu_Latn",
)  # fmt: skip
_wrong("pipeline_adapter", "An adapter", {**SAFE, "adapter_config.json": {"peft_type": "LORA"}})
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
    "pipeline_scheduler", "A scheduler that draws by itself",
    {**SAFE, "model_index.json": {**INDEX, "scheduler": ["diffusers", "DPMSolverSDEScheduler"]}}, job=PICTURES,
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


@provokes(PIPELINES, "A pipeline that is not there", job=WORDS + ASKED)
def pipeline_nowhere(scene: Scene) -> None:
    scene.run("model.pipeline=elsewhere", f"model.digest={'0' * 64}")


@provokes(PIPELINES, "A tokenizer that does not fit its model", job=WORDS + ASKED)
def pipeline_odd_tokenizer(scene: Scene) -> None:
    save_words(scene.folder / "words")
    made = tokenizer()
    made.add_tokens(["cat"])
    made.save_pretrained(scene.folder / "words")
    scene.run()


def _translated(name: str, title: str, *settings: str) -> None:
    """By a small T5."""

    def provoke(scene: Scene) -> None:
        save_translator(scene.folder / "words")
        scene.run(*settings)

    provoke.__name__ = name
    provokes(PIPELINES, title, job=WORDS + ASKED)(provoke)


_translated("pipeline_language", "A language that its tokenizer has not", "model.target_language=deu_Latn")
_translated("pipeline_reads_one", "A language for a tokenizer of one", "model.source_language=<end>")


def _talked(name: str, title: str, chat: str | None, *settings: str) -> None:
    """Under a chat template."""

    def provoke(scene: Scene) -> None:
        save_words(scene.folder / "words", chat)
        scene.run("model.chat=true", *settings)

    provoke.__name__ = name
    provokes(PIPELINES, title, job=WORDS + ASKED)(provoke)


_talked("chat_none", "A dialogue without a chat template", None)
_talked(
    "chat_refuses", "A chat template that refuses the system's turn",
    "{{ raise_exception('System role not supported') if messages[0].role == 'system' }}" + CHAT,
    "model.system=be brief",
)  # fmt: skip
_talked("chat_clock", "A chat template that asks a clock", "{{ strftime_now(bos_token) }}" + CHAT)
_talked("chat_day", "A chat template that shows the day", "{{ strftime_now('%d %b %Y') }}" + CHAT)
_talked("chat_long", "A prompt without end under a chat template", "{{ 'x' * 2000000 }}")
_talked("chat_large", "A chat template without end", "x" * 2_000_000)


@provokes(PIPELINES, "Files that have changed since the run began", job=WORDS + ASKED)
def pipeline_changed(scene: Scene) -> None:
    save_words(scene.folder / "words")
    scene.run()
    path = scene.folder / "words/generation_config.json"
    times, data = path.stat(), path.read_bytes()
    path.write_bytes(data.replace(b": ", b" :"))  # of one size, and of one age
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    scene.genai("sample", "job.yaml", "--index", "0")
