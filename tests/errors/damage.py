"""What is in the store, but not as it was written: every digest that does not fit, every file that cannot be read."""

from __future__ import annotations

import io
import json

import pyarrow as pa

from genai import weights
from genai.blocks import Block, pack, read_block
from genai.checkpoint import CONFIG, CONFIG_BYTES, MODEL, Checkpoint
from genai.formats import of
from genai.identity import sha256
from genai.prepared import Prepared, load
from jobs import layout
from jobs.survey import Survey
from tests.errors.provoked import Scene, provokes
from workers.train import States

CHECKPOINT, PREPARED, PART = "Damage: the checkpoint", "Damage: the prepared data", "Damage: parts and other files"
AGAIN = "`genai repair job.yaml` makes it again, to the same bytes."
PREPARE = "`genai repair job.yaml`; where nothing was published yet, remove `prepared/<key>` and run the job again."
SAMPLE = ("sample", "job.yaml", "--index", "0")


def checkpoint(found: Survey) -> dict[str, bytes]:
    return {name: found.store.get(layout.checkpoint(found.train_key, name)) for name in (CONFIG, MODEL)}


def reread(scene: Scene, **files: bytes) -> None:
    """`Checkpoint.from_files`, with some files replaced."""
    Checkpoint.from_files(checkpoint(scene.finished()) | {name.replace("_", "."): data for name, data in files.items()})


@provokes(
    CHECKPOINT, "Another checkpoint than the dataset was made from", hint="`genai repair job.yaml` makes it again."
)
def checkpoint_other(scene: Scene) -> None:
    found = scene.finished()
    found.store.put(layout.checkpoint(found.train_key, CONFIG), checkpoint(found)[CONFIG] + b" ")
    scene.genai(*SAMPLE)


@provokes(
    CHECKPOINT,
    "One of its two files is not there",
    "`Checkpoint.from_files({'config.json': …})`",
    hint=AGAIN,
)
def checkpoint_half(scene: Scene) -> None:
    Checkpoint.from_files({CONFIG: b"{}"})


@provokes(
    CHECKPOINT,
    "Its config is no JSON",
    "`Checkpoint.from_files(…)` of a config that breaks off",
    hint=AGAIN,
)
def config_broken(scene: Scene) -> None:
    reread(scene, config_json=b'{"format": 1')


@provokes(
    CHECKPOINT,
    "Its config is huge",
    "`Checkpoint.from_files(…)` of a config of a megabyte and more",
    hint=AGAIN,
)
def config_huge(scene: Scene) -> None:
    reread(scene, config_json=b" " * (CONFIG_BYTES + 1))


@provokes(
    CHECKPOINT, "It is of another version of this program", "`Checkpoint.from_files(…)` of a checkpoint of format 2"
)
def config_version(scene: Scene) -> None:
    reread(scene, config_json=b'{"format": 2}')


@provokes(
    CHECKPOINT,
    "Its weights are those of another network",
    "`Checkpoint.from_files(…)` of a config with another width",
    hint=AGAIN,
)
def config_width(scene: Scene) -> None:
    found = checkpoint(scene.finished())
    config = json.loads(found[CONFIG])
    config["family"]["width"] = 32
    Checkpoint.from_files(found | {CONFIG: json.dumps(config).encode()})


@provokes(
    CHECKPOINT,
    "Its family is one that this program has not imported",
    "`Checkpoint.from_files(…)` of a family of your own",
)
def config_foreign(scene: Scene) -> None:
    found = checkpoint(scene.finished())
    config = json.loads(found[CONFIG])
    config["family"]["kind"] = "mine.own:Family"
    Checkpoint.from_files(found | {CONFIG: json.dumps(config).encode()})


@provokes(
    CHECKPOINT,
    "Its weights break off",
    "`Checkpoint.from_files(…)` of half of its weights",
    hint=AGAIN,
)
def weights_half(scene: Scene) -> None:
    found = checkpoint(scene.finished())
    Checkpoint.from_files(found | {MODEL: found[MODEL][:-100]})


@provokes(
    CHECKPOINT,
    "Its weights are no safetensors file",
    "`Checkpoint.from_files(…)` of weights that are another file",
    hint=AGAIN,
)
def weights_none(scene: Scene) -> None:
    reread(scene, model_safetensors=b"\xff" * 16)


@provokes(
    CHECKPOINT,
    "Its weights have a header that is none",
    "`genai.weights.shapes(…)` of a header that is a list",
    hint=AGAIN,
)
def weights_header(scene: Scene) -> None:
    weights.shapes((2).to_bytes(8, "little") + b"[]")


@provokes(
    CHECKPOINT,
    "A saved state of a training that is damaged",
    "`genai run job.yaml`, as another worker than the first reads it",
)
def state_damaged(scene: Scene) -> None:
    found = scene.finished()
    name = layout.checkpoint(found.train_key, f"state/000000040-{'0' * 16}.safetensors")
    found.store.put(name, b"cut off")
    States(found.store, found.train_key)._read(name)


@provokes(
    PREPARED,
    "Its index was changed",
    "`Prepared.from_json(…)` of an index that somebody edited",
    hint=PREPARE,
)
def index_changed(scene: Scene) -> None:
    found = scene.finished()
    data = found.store.get(layout.prepared(found.prepare_key))
    Prepared.from_json(data + b" ")


@provokes(
    PREPARED,
    "A block has other bytes than its index says",
    hint=PREPARE,
)
def block_other(scene: Scene) -> None:
    found = scene.finished()
    name = layout.prepared(found.prepare_key, "train-00000.arrow")
    found.store.put(name, found.store.get(name) + b" ")
    for entry in list(found.store.list("checkpoints/")):
        found.store.delete(entry.key)
    scene.run()


def block(data: bytes, rows: int = 4) -> Block:
    return Block("train-00000.arrow", rows, len(data), sha256(data))


@provokes(
    PREPARED,
    "A block that is no Arrow file",
    "`read_block(…)` of bytes that are as the index says, and no Arrow file",
    hint=PREPARE,
)
def block_broken(scene: Scene) -> None:
    data = b"no Arrow file"
    read_block(block(data), data, (8, 8, 1))


@provokes(
    PREPARED,
    "A label that is no class",
    "`load(…)` of a block whose labels were written by another program",
    hint=PREPARE,
)
def block_label(scene: Scene) -> None:
    from dataclasses import replace

    found = scene.finished().prepared
    split = found.splits["train"]
    rows = split.rows
    import numpy as np

    size = found.modality.array_shape[0] * found.modality.array_shape[1]
    data = pack(np.zeros((rows, 32), np.uint8), np.full(rows, 77, np.int32), np.zeros((rows, size), np.uint8))
    odd = replace(split, blocks=(replace(block(data, rows), name=split.blocks[0].name),))
    load(replace(found, splits={**found.splits, "train": odd}), "train", lambda _: data)


@provokes(
    PART,
    "A part that is none",
    "`genai.formats.of('.parquet').decode(…)` of a part that breaks off",
    hint=AGAIN,
)
def part_broken(scene: Scene) -> None:
    found = scene.finished()
    part = found.store.get(layout.part(found.dataset_key, found.manifest.parts[0].name))
    of(".parquet").decode(part[:-100])


@provokes(
    PART, "A part of a modality of your own", "`genai.formats.of('.parquet').decode(part)` where that is not imported"
)
def part_foreign(scene: Scene) -> None:
    import pyarrow.parquet as pq

    said = json.dumps({"modality": {"kind": "mine.own:Sound"}})
    sink = io.BytesIO()
    pq.write_table(pa.table({"index": [0]}).replace_schema_metadata({"genai": said}), sink)
    of(".parquet").decode(sink.getvalue())


@provokes(
    PART, "Parts whose names end strangely", "`genai.formats.of(…)`, as a manifest of another program may ask for"
)
def part_suffix(scene: Scene) -> None:
    of(".mine.own:Format")
