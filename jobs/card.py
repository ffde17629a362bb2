"""The dataset card, `README.md`: front matter that the Hugging Face Hub and `datasets` read, and text for people; and
`LICENSE`, the note on where the training data is from and under which licence.

The front matter says which files are the data, so that `load_dataset(FOLDER)` and the Hub's viewer pass over what else
lies there, and how many rows there are: where files have been lost or left over, `datasets` stops. Its strings are
quoted wherever some YAML would read them as something else, since the Hub, `datasets` and we differ in that.
Text of the job and of the data (class names) is escaped: it makes no markup. Pure: equal facts give equal bytes.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from jobs import license as licenses
from jobs.facts import Facts

if TYPE_CHECKING:
    from jinja2 import Template

CARD, LICENSE = "README.md", "LICENSE"
CLASSES = 100  # rows of the table

COLUMNS = {
    "label": "number of the class; its name is in the schema",
    "index": "number of the sample",
    "checkpoint": "digest of the model that drew it",
    "synthetic": "true, in every row",
}
_CELLS = {
    "image": " (PNG)",
    "recording": " (16 bits, {sampling_rate:,} of them a second)",
    "clip": " (animated WebP)",
}
READ = {  # by Hugging Face datasets
    "image": "a PIL image",
    "recording": "a recording; needs datasets[audio]",
    "clip": "a PIL image of n_frames frames: seek(number)",
}
_TASKS = {  # by what has classes, or has none
    ("image", True): "image-classification",
    ("image", False): "unconditional-image-generation",
    ("recording", True): "audio-classification",
    ("clip", True): "video-classification",
}
_SIZES = ("K", 10**3), ("M", 10**6), ("B", 10**9), ("T", 10**12)


def card(facts: Facts) -> str:
    """The card as Markdown."""
    column, feature = facts.files
    read, cell = READ.get(facts.noun, "a file"), _CELLS.get(facts.noun, "").format(**feature)
    columns = {name: described(name, feature) + cell * (name == column) for name, feature in facts.features.items()}
    text = _template().render(
        facts=facts, manifest=facts.manifest, column=column, read=read, columns=columns, shown=CLASSES
    )
    return headed(front_matter(facts), text)


def described(name: str, feature: dict[str, Any]) -> str:
    """What is in a column."""
    whole = "the sample" if feature.get("_type") != "Value" else f"a value of the sample ({feature['dtype']})"
    return COLUMNS.get(name, whole)


def headed(front: dict[str, Any], text: str) -> str:
    """A card of front matter and text."""
    head = yaml.dump(front, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)
    return f"---\n{head}---\n\n{text}"


def front_matter(facts: Facts) -> dict[str, Any]:
    """What programs read of the card."""
    manifest = facts.manifest
    size = {"num_bytes": manifest.bytes, "num_examples": manifest.rows}
    features = [{"name": name, **_feature(feature)} for name, feature in facts.features.items()]
    info = {"splits": [{"name": "train", **size}], "download_size": manifest.bytes, "dataset_size": manifest.bytes}
    task = _TASKS.get((facts.noun, bool(manifest.classes)))
    return {
        **licenses.hub(facts.license),
        "pretty_name": manifest.job,
        "size_categories": [_size(manifest.rows)],
        **({"task_categories": [task]} if task else {}),
        "annotations_creators": ["machine-generated"],
        "tags": ["synthetic", "genai"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": f"data/*{manifest.plan.suffix}"}]}
        ],
        "dataset_info": ({"features": features} if features else {}) | info,
    }


def note(facts: Facts) -> str:
    """The note on source and licence."""
    stated = facts.license or licenses.NOT_STATED
    link = licenses.page(facts.license)
    lines = {
        "Training data": facts.source, "Licence of the training data": f"{stated} ({link})" if link else stated,
        "Origin": facts.credit, "Described at": facts.homepage, "Published by": facts.card.creator,
    }  # fmt: skip
    said = "\n".join(f"{name + ':':<30}{_line(value)}" for name, value in lines.items() if value)
    return f"{_NOTE.format(job=facts.manifest.job, digest=facts.manifest.digest)}\n{said}\n\n{_EXTENT}"


_NOTE = """\
Source and licence of the dataset "{job}"
(digest {digest})

Its samples are synthetic: a generative model drew them, which had been trained on the rows that are named here.
"""
_EXTENT = """\
This is what the job states; nobody has checked it. Whether the licence of training data holds for what a model makes of
it depends on the licence and on where you are. Whoever passes the samples on does well to keep to it, and to pass on
this note.
"""


def _feature(feature: dict[str, Any]) -> dict[str, Any]:
    """A column's feature as front matter has it."""
    kind, rest = feature["_type"], {name: value for name, value in feature.items() if name != "_type"}
    if kind == "Value":
        return rest
    if kind == "ClassLabel":
        rest = {"names": {str(number): name for number, name in enumerate(rest["names"])}}
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    return {"dtype": {snake: rest} if rest else snake}


def _size(rows: int) -> str:
    """The Hub's category of a number of rows."""
    at = next((i for i, (_, size) in enumerate(_SIZES) if rows < size), None)
    if at is None:
        return "n>1T"
    if at == 0:
        return "n<1K"
    unit, low = _SIZES[at - 1]
    steps = [f"{10**power}{unit}" for power in range(3)] + [f"1{_SIZES[at][0]}"]
    power = len(str(rows // low)) - 1
    return f"{steps[power]}<n<{steps[power + 1]}"


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _markdown(text: str) -> str:
    """Text that is only text, in one line or one cell of a table."""
    return re.sub(r"([\\`*_\[\]<>|~&$#])", r"\\\1", _line(text))


def _code(text: str) -> str:
    """A name as code, or where that could not be told from markup, as text."""
    return f"`{text}`" if re.fullmatch(r"[\w ./:()%+-]+", text) else _markdown(text)


class _Dumper(yaml.SafeDumper):
    """Quotes all text but plain names."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        plain = re.fullmatch(r"[A-Za-z][\w/*.<-]*", data, re.ASCII) and data.lower() not in _WORDS
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if plain else '"')


_WORDS = {"y", "yes", "n", "no", "on", "off", "true", "false", "null"}
_Dumper.add_representer(str, _Dumper.represent_str)


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(  # noqa: S701  # Markdown, escaped by its own filter
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"md": _markdown, "code": _code, "number": lambda value: f"{value:,}"}
    return environment.from_string(resources.files("jobs").joinpath("card.md.j2").read_text("utf-8"))
