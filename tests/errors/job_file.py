"""What can be wrong in a job file, or after `--set`."""

from __future__ import annotations

from tests.errors.provoked import HEAD, Scene, provokes

FILE, RULES, KINDS = "The job file: reading it", "The job file: fields and rules", "The job file: families and kinds"


def _faulty(topic: str, name: str, title: str, lines: str, *settings: str) -> None:
    """A job file of the three lines that every one has, and these."""

    def provoke(scene: Scene) -> None:
        scene.genai("validate", "job.yaml", *(word for setting in settings for word in ("--set", setting)))

    provoke.__name__ = name
    provokes(topic, title, job=lines or "# and nothing more\n")(provoke)


def _odd(name: str, title: str, data: str | bytes, done: str) -> None:
    """A file of these bytes."""

    def provoke(scene: Scene) -> None:
        scene.write("job.yaml", data)
        scene.genai("validate", "job.yaml")

    provoke.__name__ = name
    provokes(FILE, title, f"`genai validate job.yaml`, {done}")(provoke)


_odd("file_empty", "An empty file", "", "which is empty")
_odd("file_no_mapping", "A file that holds something else", "- digits\n- runs\n", "which holds a list")
_odd("file_too_long", "A file that is no job file at all", "#" * 1_000_001, "which has a megabyte and one byte")
_odd("file_no_utf8", "A file in another encoding", HEAD.encode() + b"# caf\xe9\n", "which has an é in Latin-1")
_odd("file_unprintable", "A character that nobody can see", HEAD + "seed: 1\x07\n", "which has a BEL in line 4")
_faulty(FILE, "file_colon", "A colon that is missing", "train\nseed: 1\n")
_faulty(FILE, "file_bracket", "A bracket that stays open", "train: {steps: 100\n")
_faulty(FILE, "file_tab", "A tab for indentation", "train:\n\tsteps: 100\n")
_faulty(FILE, "file_two", "Two documents in a file", "---\nname: other\n")
_faulty(FILE, "file_tag", "A tag", "seed: !!python/object:os.system 7\n")
_faulty(FILE, "file_deep", "Values nested without end", "seed: " + "[" * 50 + "]" * 50 + "\n")
_faulty(
    FILE, "file_bomb", "Aliases that multiply", "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\nb: &b [*a, *a, *a, *a, *a,"
    " *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c, *c, *c]\n"
)  # fmt: skip
_faulty(FILE, "key_no_text", "A key that is no name", "7: seven\n[a, b]: c\n")
_faulty(FILE, "key_twice", "A key that stands twice", "seed: 1\nseed: 2\n")
_faulty(FILE, "long_number", "A number without end", f"seed: {'9' * 60}\n")
_faulty(FILE, "half_surrogate", "Half a character", 'model: {family: "\\ud800"}\n')
_faulty(FILE, "set_nothing", "`--set` without a value", "", "generate.count")
_faulty(
    FILE, "set_no_item", "`--set` of an item that is not there",
    "generate: {labels: [cat, dog]}\n", "generate.labels.2=bird",
)  # fmt: skip
_faulty(FILE, "set_below_value", "`--set` below a value", "seed: 1\n", "seed.of.samples=1")
_faulty(FILE, "set_unreadable", "`--set` with a value that cannot be read", "", "train={steps: 1")

_faulty(
    RULES, "many_faults", "Many faults at once",
    "sead: 3\nseed: 0.5\nmodel: {family: vea}\n"
    "train: {steps: -1, batch: many, ema: 2, precision: fp8, workers: {count: '2'}}\n"
    "generate: {count: none, labels: [], part_rows: 0, workers: 4}\n",
)  # fmt: skip
_faulty(RULES, "unknown_key", "A key that is not known", "train: {step: 100}\n")
_faulty(RULES, "job_name", "A name that can be no folder", "", "name=My Digits")
_faulty(RULES, "nothing_given", "A field that must be there", "data: null\n", "data=null")
_faulty(RULES, "shares", "Shares of the data that do not sum to 1", "", "data.split={train: 0.5, test: 0.1}")
_faulty(RULES, "two_tests", "Two kinds of test rows", "", "data.test_source=test.parquet", "data.split.test=0.1")
_faulty(RULES, "steps_and_epochs", "Steps and epochs", "train: {steps: 100, epochs: 2}\n")
_faulty(RULES, "many_workers", "More workers than micro-batches", "train: {workers: {count: 9}}\n")
_faulty(RULES, "small_batch", "More micro-batches than rows of a batch", "train: {batch: 4, micro_batches: 8}\n")
_faulty(RULES, "weight_decay", "Weight decay without AdamW", "train: {optimizer: adam, weight_decay: 0.1}\n")
_faulty(RULES, "least_workers", "Fewest workers above their number", "train: {workers: {count: 2, min: 3}}\n")
_faulty(
    RULES, "elastic_ddp", "Fewer workers with DDP, which cannot do with fewer",
    "train: {reduction: ddp, workers: {count: 2, min: 1}}\n",
)  # fmt: skip
_faulty(RULES, "max_below_min", "Fewer workers at most than at least", "generate: {workers: {min: 3, max: 2}}\n")
_faulty(RULES, "labels_twice", "A class that stands twice", "generate: {labels: [cat, dog, cat]}\n")
_faulty(RULES, "format", "A format that is not known", "generate: {format: csv}\n")
_faulty(
    RULES, "best_of_none", "The best weights without rows to tell them by",
    "train: {keep: best}\n", "data.split={validation: 0, test: 0.2}",
)  # fmt: skip
_faulty(
    RULES, "classes_of_none", "Classes asked of data without", "generate: {count: {per_class: 5}}\n", "data.label=null"
)

_faulty(KINDS, "family_no_name", "A family that is no name", "model: {family: [flow]}\n")
_faulty(KINDS, "family_unknown", "A family that is not known", "model: {family: flwo}\n")
_faulty(
    KINDS, "family_unimportable", "A family of your own that cannot be imported", "model: {family: 'mine.own:Family'}\n"
)
_faulty(KINDS, "family_no_family", "A family of your own that is none", "model: {family: 'pathlib:Path'}\n")

OWN = "from dataclasses import dataclass\nfrom typing import Any\nfrom genai.families.vae import Vae\n\n\n"


def _own(name: str, title: str, source: str) -> None:
    def provoke(scene: Scene) -> None:
        scene.write(f"{name}.py", OWN + source)
        scene.patch.syspath_prepend(str(scene.folder))
        scene.write("job.yaml", f"{HEAD}model: {{family: '{name}:Own'}}\n")
        scene.genai("validate", "job.yaml")

    provoke.__name__ = name
    provokes(KINDS, title, f"`genai validate job.yaml` with `model: {{family: '{name}:Own'}}`")(provoke)


_own(
    "unsayable", "A family with a field that no job file can say",
    "@dataclass(frozen=True)\nclass Own(Vae):\n    thing: 'Unwritten' = None\n",
)  # fmt: skip
_own(
    "unlikely", "A family that refuses its fields",
    "@dataclass(frozen=True)\nclass Own(Vae):\n    def __post_init__(self):\n"
    "        raise ValueError('found latent of 16 beside width of 64; allowed: a divisor')\n",
)  # fmt: skip
_own(
    "unfinished", "A family whose class is unfinished",
    "from genai.families import Family\n\n\nclass Own(Family):\n    pass\n",
)  # fmt: skip
