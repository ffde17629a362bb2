"""What a training script can ask of genai.augment that cannot be had."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from genai.augment import Augmented, Drawn
from genai.augment.files import open_files
from genai.checkpoint import Checkpoint
from genai.identity import sha256
from genai.modalities import Modality
from genai.sources import Fragment
from genai.sources.parquet import ParquetSource
from tests.errors.provoked import Scene, provokes
from tests.genai.augment.made import real_rows, sealed

MIXING, STATES, DATASET = "Augmenting: what is mixed", "Augmenting: going on", "Augmenting: the published dataset"
DRAWING = "Augmenting: samples drawn from a checkpoint"
LABELS = ("cat",) * 6 + ("cow",) * 4
COUNT = 12  # synthetic samples, four of each class
ASKED = "`Augmented('published/…', 'real.parquet', {})`"


def _mixed(labels: Sequence[str] = LABELS, real: str | None = "real.parquet", **how: Any) -> Augmented:
    """Real rows beside a published dataset of cats, cows and dogs, below the current folder."""
    real_rows(Path("real.parquet"), labels)
    return Augmented(sealed("published", COUNT, 6), real, **how)


def _refused(name: str, title: str, typed: str, **how: Any) -> None:
    """What cannot be mixed so."""

    def provoke(_: Scene) -> None:
        _mixed(**how)

    provoke.__name__ = name
    provokes(MIXING, title, ASKED.format(typed))(provoke)


_refused("mix_rank", "A rank without the number of ranks", "ratio=0.5, rank=0", ratio=0.5, rank=0)
_refused(
    "mix_unlabelled", "A share of each class, without labels", "balance=True, label=None", balance=True, label=None
)
_refused("mix_neither", "Neither ratio nor balance", "")
_refused("mix_words", "A ratio that is no number", "ratio='half'", ratio="half")
_refused("mix_range", "A ratio above 1", "ratio=1.5", ratio=1.5)
_refused("mix_too_much", "A ratio for which there are too few samples", "ratio=0.8", ratio=0.8)
_refused("mix_class", "A share of a class that is not there", "ratio={'horse': 0.5}", ratio={"horse": 0.5})
_refused("mix_all", "A share of 1 for one class", "ratio={'cat': 1}", ratio={"cat": 1})
_refused("mix_bare", "A share of a class without real rows", "ratio={'dog': 0.5}", ratio={"dog": 0.5})
_refused("mix_few", "A class with too few samples", "balance=True", balance=True)
_refused("mix_empty", "A real file without rows", "ratio=0.5", labels=(), ratio=0.5)


@provokes(MIXING, "A ratio without real rows", "`Augmented('published/…', ratio=0.5)`")
def mix_alone(_: Scene) -> None:
    _mixed(real=None, ratio=0.5)


@provokes(MIXING, "A scheme that nothing opens", "`Augmented('gopher://published')`")
def mix_scheme(_: Scene) -> None:
    Augmented("gopher://published")


@provokes(MIXING, "A source of your own without rows", "`Augmented('published/…', source, ratio=0.5)`")
def mix_no_row(_: Scene) -> None:
    class Nothing(ParquetSource):
        def fragments(self) -> list[Fragment]:
            return []

    real_rows(Path("real.parquet"), LABELS)
    Augmented(sealed("published", COUNT, 6), Nothing(open_files("."), "real.parquet", "label"), ratio=0.5)


@provokes(MIXING, "Balance with a dataset without classes", ASKED.format("balance=True"))
def mix_no_classes(_: Scene) -> None:
    Augmented(sealed("published", COUNT, weights=()), real_rows(Path("real.parquet"), LABELS), balance=True)


@provokes(MIXING, "A real file got shorter while it was read", "an epoch, after `real.parquet` was written anew")
def mix_shorter(_: Scene) -> None:
    rows = _mixed(ratio=0.5)
    real_rows(Path("real.parquet"), LABELS[:3])
    list(rows)


@provokes(STATES, "An epoch below 0", "`rows.set_epoch(-1)`")
def mix_state_epoch(_: Scene) -> None:
    _mixed(ratio=0.5).set_epoch(-1)


@provokes(
    STATES, "The place of a DataLoader's workers", "`rows.state_dict()`, read by `DataLoader(rows, num_workers=1)`"
)
def mix_state_workers(_: Scene) -> None:
    rows = _mixed(ratio=0.5)
    list(DataLoader(rows, batch_size=4, num_workers=1))
    rows.state_dict()


@provokes(STATES, "More batches than an epoch has", "`rows.state_after(100, batch_size=4)`")
def mix_state_batches(_: Scene) -> None:
    _mixed(ratio=0.5).state_after(100, 4)


@provokes(STATES, "Another number of ranks", "`rows.load_state_dict(state)`, of a training of one rank")
def mix_state_ranks(_: Scene) -> None:
    state = _mixed(ratio=0.5).state_dict()
    _mixed(ratio=0.5, rank=0, world=2).load_state_dict(state)


@provokes(STATES, "Another order of rows", "`rows.load_state_dict(state)`, of another seed")
def mix_state_other(_: Scene) -> None:
    state = _mixed(ratio=0.5).state_dict()
    _mixed(ratio=0.5, seed=1).load_state_dict(state)


@provokes(STATES, "Another number of workers", "an epoch without workers, going on from a state of two")
def mix_state_other_workers(_: Scene) -> None:
    rows = _mixed(ratio=0.5)
    rows.load_state_dict(rows.state_after(2, 4, num_workers=2))
    list(rows)


@provokes(STATES, "What is no state", "`rows.load_state_dict({})`")
def mix_state_none(_: Scene) -> None:
    _mixed(ratio=0.5).load_state_dict({})


def _damaged(name: str, title: str, done: str, damage: Callable[[Path], object]) -> None:
    """A dataset that was changed after it was sealed."""

    def provoke(_: Scene) -> None:
        place = sealed("published", COUNT, 6)
        damage(Path(place))
        list(Augmented(place))

    provoke.__name__ = name
    provokes(DATASET, title, f"`Augmented('published/…')`, {done}")(provoke)


def _version(folder: Path) -> None:
    data = json.dumps(json.loads((folder / "manifest.json").read_bytes()) | {"version": 2}).encode()
    (folder / "manifest.json").write_bytes(data)
    (folder / "_SUCCESS").write_text(json.dumps({"manifest": sha256(data)}))


PART = "data/part-00001.parquet"
_damaged("mix_dataset_unsealed", "It is not sealed", "without its `_SUCCESS`", lambda at: (at / "_SUCCESS").unlink())
_damaged(
    "mix_dataset_marker",
    "Its `_SUCCESS` is no JSON",
    "its `_SUCCESS` empty",
    lambda at: (at / "_SUCCESS").write_text(""),
)
_damaged(
    "mix_dataset_huge",
    "Its `_SUCCESS` is huge",
    "its `_SUCCESS` of 70,000 bytes",
    lambda at: (at / "_SUCCESS").write_text(" " * 70_000),
)
_damaged("mix_dataset_version", "It is of another version of this program", "its manifest of version 2", _version)
_damaged("mix_dataset_gone", "A part of it is gone", "without its second part", lambda at: (at / PART).unlink())
_damaged(
    "mix_dataset_cut", "A part of it breaks off", "its second part cut", lambda at: (at / PART).write_bytes(b"PAR1")
)


@provokes(DATASET, "A folder that is no dataset", "`Augmented('published')`")
def mix_dataset_none(_: Scene) -> None:
    Augmented("published")


def _model(scene: Scene) -> str:
    scene.finished()
    return str(next(Path("runs").rglob("checkpoints/*/config.json")).parent)


def _undrawn(name: str, title: str, typed: str, **how: Any) -> None:
    """What a checkpoint of digits cannot draw."""

    def provoke(scene: Scene) -> None:
        Augmented(Drawn(_model(scene), **how))

    provoke.__name__ = name
    provokes(DRAWING, title, f"`Augmented(Drawn('runs/digits/checkpoints/…'{typed}))`")(provoke)


_undrawn("mix_drawn_weights", "Weights of other classes", ", weights=(1, 1)", weights=(1, 1))
_undrawn("mix_drawn_count", "No samples", ", count=0", count=0)
_undrawn("mix_drawn_sampler", "A sampler's field that is none", ", sampler={'pace': 3}", sampler={"pace": 3})
_undrawn("mix_drawn_endless", "All samples, where there is no last one", "")


@provokes(DRAWING, "A checkpoint of what is no image", "`Drawn(checkpoint)`, of a modality of your own")
def mix_drawn_sound(scene: Scene) -> None:
    class Sound(Modality):
        """What has no pixels."""

    Sound.__abstractmethods__ = frozenset()
    files = {path.name: path.read_bytes() for path in Path(_model(scene)).iterdir() if path.is_file()}
    Drawn(replace(Checkpoint.from_files(files), modality=Sound()))


@provokes(DRAWING, "A folder without a checkpoint", "`Drawn('runs/digits')`")
def mix_drawn_none(_: Scene) -> None:
    Drawn("runs/digits")
