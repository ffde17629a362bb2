"""Short forms of the files of examples/: small data of the form that they read, a narrow network, a few steps, in this
process.

A file that reads what another reads needs nothing here. Else it needs a line in `SMALL`.
"""

import io
import itertools
import runpy
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from genai import modes
from genai.registry import names
from jobs import layout
from jobs.driver import run
from jobs.events import EventLog
from jobs.resolve import resolve
from jobs.spec import load
from jobs.survey import survey
from tests.pipelines import save_pictures, save_translator, save_words
from workers.local import LocalCrew

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SHORT = [
    "train.steps=2", "train.epochs=null", "train.batch=8", "train.micro_batches=2", "train.validate_every=2",
    "generate.count=20", "generate.part_rows=10", "generate.batch=16",
]  # fmt: skip


def pictures(path, rows=60):
    """Digits of 28x28 with their labels."""
    pq.write_table(pq.read_table(ROOT / "examples/data/digits.parquet").slice(0, rows), path)


def lines(path):
    """Words of one to four syllables."""
    words = ("".join(word) for n in (1, 2, 3) for word in itertools.product(["ka", "ri", "no", "el"], repeat=n))
    path.write_text("\n".join(words) + "\n")


def prose(path):
    """A page of ours."""
    path.write_text((ROOT / "docs/determinism.md").read_text())


def recordings(path):
    """Tones of half a second, a class for each pitch."""
    sounds = [io.BytesIO() for _ in range(60)]
    for number, sound in enumerate(sounds):
        wave = np.sin(np.arange(4000) * (1 + number % 10) / 10) * (0.5 + number / 200)
        soundfile.write(sound, wave, 8000, format="WAV")
    audio = [{"bytes": sound.getvalue(), "path": None} for sound in sounds]
    pq.write_table(pa.table({"audio": audio, "label": [number % 10 for number in range(60)]}), path)


def captions(path):
    """By the example's own script, which writes the prompts as well."""
    pictures(Path("digits.parquet"))
    script("captions", "digits.parquet", str(path.parent))


def few_labels(path):
    """By the example's own script, which writes three files: a hundred labels of more digits, twenty of biopsies."""
    if not path.exists():
        Path("data/mnist").mkdir(exist_ok=True)
        pictures(Path("data/mnist/train.parquet"), 300)
        script("few_labels", "0", str(path.parent))


def clips(path):
    """By what the example's own script is made of, which takes minutes for all of them."""
    made = runpy.run_path(str(EXAMPLES / "data/moving_digits.py"))
    pixels, labels = made["digits"]()
    made["write"](path, made["moving"](pixels[:60], np.random.default_rng(0)), labels[:60])


def molecules(path):
    """Some of those that we bring."""
    pq.write_table(pq.read_table(EXAMPLES / "data/molecules.parquet").slice(0, 200), path)


def script(name, *arguments):
    """Run a script of examples/data in this process."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):
        patch.setattr("sys.argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / f"data/{name}.py"), run_name="__main__")


#: what an example reads -> what makes a small file of that form
SMALL = {
    "examples/data/digits.parquet": pictures,
    "data/mnist/train.parquet": pictures,
    "data/mnist/test.parquet": pictures,
    "data/names.txt": lines,
    "data/tinyshakespeare.txt": prose,
    "data/spoken_digits.parquet": recordings,
    "data/moses.parquet": molecules,
    "data/moving_digits/train.parquet": clips,
    "data/moving_digits/test.parquet": clips,
    "data/captions/captions.parquet": captions,
    "data/few_labels/digits.parquet": few_labels,
    "data/few_labels/biopsies.parquet": few_labels,
    "data/few_labels/biopsies-test.parquet": few_labels,
}

#: the example that has a family and a kind of data, and what is changed in it
CASES: Mapping[str, tuple[str, ...]] = {
    "flow, image": ("demo",),
    "flow, audio": ("spoken_digits",),
    "flow, table": ("wine",),
    "vae, image": ("mnist-vae-conv",),
    "vae, table": ("wine", "model={family: vae}", "generate.sampler={}"),
    "gan, image": ("mnist_gan",),
    "vqvae, image": ("mnist_vqvae",),
    "gpt, text": ("names",),
    "flow, captioned": ("captions",),
    "flow, video": ("moving_digits",),
    "m2, image": ("mnist_m2",),
    "m2, table": ("few_labels",),
}

#: the way to draw from rows, and what is changed in the example that draws new ones
MODES: Mapping[str, tuple[str, ...]] = {
    mode: ("demo", f"generate.mode={mode}", "generate.source=examples/data/digits.parquet", "generate.count=20")
    for mode in names(modes)
}

_WORDS = "new_tokens: 6, length: 24, prompt_tokens: 20"

_ROWS = "source: {rows: digits.parquet, label: null}"

#: a pretrained pipeline of each kind -> what saves a small one, its fields, and how it is drawn from
GIVEN: Mapping[str, tuple[Callable[[str], object], str, str]] = {
    "transformers, that go on": (save_words, f"family: transformers, {_WORDS}", "temperature: 0.9}"),
    "transformers, that encode": (save_translator, f"family: transformers, {_WORDS}", "repetition_penalty: 1.5}"),
    "diffusers, SD": (save_pictures, "family: diffusers", "steps: 2}"),
    "diffusers, SD XL": (partial(save_pictures, xl=True), "family: diffusers", "steps: 2}"),
    "diffusers, image to image": (save_pictures, "family: diffusers", f"steps: 3}}, mode: variation, {_ROWS}"),
    "diffusers, inpainting": (
        partial(save_pictures, xl=True),
        "family: diffusers",
        f"steps: 2}}, mode: inpaint, {_ROWS}",
    ),
}


def given(case):
    """Save the pipeline of a case into the current folder; its job file."""
    save, fields, sampler = GIVEN[case]
    save("given")
    pictures(Path("digits.parquet"), 12)
    text = f"""\
name: given
output: runs
model: {{{fields}, pipeline: given}}
generate: {{prompts: [a cat, two black dogs, a fish], count: 20, part_rows: 10, batch: 16, sampler: {{{sampler}}}
"""
    Path("job.yaml").write_text(text)
    return Path("job.yaml")


def narrow(spec):
    """Settings by which the job's own model is a small one."""
    family = spec.model.family
    widths = [8, 16, 16][: len(getattr(family, "widths", ()))]
    return {
        "flow": [f"model.widths={widths}", "model.depth=1", "generate.sampler.steps=1"],
        "gan": [f"model.widths={widths}"],
        "gpt": ["model.width=16", "model.depth=1", "model.heads=2"],
        "m2": ["model.width=8", "model.latent=4", "model.classifier=8"],
        "vae": ["model.width=8", "model.latent=4"],
        "vqvae": ["model.width=8", "model.prior_width=16", "model.prior_depth=1", "model.prior_heads=2"],
    }.get(kind_of(family), [])


def kind_of(part):
    """The name of a family or modality."""
    return type(part).__module__.rpartition(".")[2]


def short(name, *changes):
    """Make the data of an example in the current folder; the settings of its short form, `changes` among them."""
    text = (EXAMPLES / f"{name}.yaml").read_text()
    spec = load(name, text, changes)
    for source in filter(None, [*spec.data.source, spec.data.test_source]):
        if "://" not in source:
            assert source in SMALL, f"{name}.yaml: reads {source}, of which there is no small form: add a line to SMALL"
            Path(source).parent.mkdir(parents=True, exist_ok=True)
            SMALL[source](Path(source))
    open_to_all = ["generate.filters=[]"] if spec.generate.filters else []  # two steps draw nothing that passes
    return [*changes, *SHORT, *narrow(spec), *open_to_all]


def ran(file, settings, crew=None):
    """Run a job in this process; what there is of it then."""
    target = resolve(str(file), overrides=settings)
    found = survey(target.spec, target.store)
    with EventLog(found.store, layout.run_id(found.spec)) as events:
        found.store.put(layout.run(layout.run_id(found.spec)), found.spec.to_yaml().encode())
        run(found, crew or LocalCrew(), events)
    return survey(target.spec, target.store)
