"""Every door through which bytes come from outside, as a function of bytes: they are read, or refused by a GenaiError.

Anything else is a finding: another exception, a crash, memory without bound, or a wait. `benchmarks/fuzz.py` runs them
for long, guided by coverage; `test_targets` for a moment, on every run of the tests.
"""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import BinaryIO

from genai import weights
from genai.blocks import Block, read_block, record_batch
from genai.checkpoint import Checkpoint
from genai.errors import GenaiError, NotFound
from genai.formats.parquet import Parquet
from genai.identity import canonical, sha256
from genai.modalities.audio import Audio
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.prepared import Prepared
from genai.sources import Source
from genai.sources.csv import CsvSource
from genai.sources.huggingface import HuggingfaceSource
from genai.sources.iceberg import IcebergSource
from genai.sources.jsonl import JsonlSource
from genai.sources.parquet import ParquetSource
from genai.sources.text import TextSource
from genai.sources.webdataset import WebdatasetSource
from jobs import layout
from jobs.events import Event
from jobs.ledger import Manifest, Receipt
from jobs.spec import load
from tests.fuzz import mutators, seeds


@dataclass(frozen=True)
class Target:
    """A reader, the files to begin with, and the changes that get past its first check."""

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    mutate: mutators.Mutate = mutators.flipped
    longest: int = 4096  # bytes of an input

    def __call__(self, data: bytes) -> bool:
        """Whether it was read."""
        try:
            self.read(data)
        except GenaiError:
            return False
        return True


def job(data: bytes) -> None:
    """What is accepted says the same when it is written and read again, and its name makes a key of its own."""
    text, *overrides = data.split(seeds.APART)
    with nothing_imported():
        spec = load("job.yaml", text, [o.decode(errors="surrogateescape") for o in overrides])
    again = load("again.yaml", spec.to_yaml())
    assert (again, again.digest) == (spec, spec.digest)
    assert layout.run_id(spec).rpartition("-")[0] == spec.name
    assert "/" not in spec.name
    spec.anchored()


@contextmanager
def nothing_imported() -> Iterator[None]:
    """A job file may name any module there is; while it is made up at random, only those of packages in use."""
    guard = SimpleNamespace(find_spec=_refused)
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)


def _refused(name: str, *_: object) -> None:
    if name.partition(".")[0] not in sys.modules:
        raise ModuleNotFoundError(name)


def receipt(data: bytes) -> None:
    found = Receipt.from_json(data)
    assert found.to_json() == data
    assert isinstance(found.rows + found.bytes + sum(found.labels) + sum(found.seconds.values()), int | float)


def manifest(data: bytes) -> None:
    found = Manifest.from_json(data)
    assert found.to_json() == data
    assert [part.name for part in found.parts] == [shard.name for shard in found.plan]
    assert all("/" not in name for name in (found.key, *(part.name for part in found.parts)))


def event(data: bytes) -> None:
    found = Event.from_json(data)
    assert "\n" not in found.to_json()


def safetensors(data: bytes) -> None:
    """Each reader by itself: one that refuses does not spare the others."""
    for reader in (weights.facts, weights.shapes):
        with suppress(GenaiError):
            reader(data).items()
    tensors, facts = weights.from_bytes(data)
    assert facts == weights.facts(data)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == weights.shapes(data)


def checkpoint(data: bytes) -> None:
    found = Checkpoint.from_files(seeds.parted(data))
    assert isinstance(found.digest, str)
    found.network()


def prepared(data: bytes) -> None:
    found = Prepared.from_json(data)
    assert found.to_json() == data
    for split in found.splits.values():
        assert sum(block.rows for block in split.blocks) == split.rows
        assert len(split.labels) == len(found.classes)


def block(data: bytes) -> None:
    """As a whole, under a digest that fits, and by its record batches."""
    for rows in (7, 2000):
        claimed = Block("x.arrow", rows, len(data), sha256(data))
        for number in range(3):
            with suppress(GenaiError):
                _check(record_batch(claimed, lambda _: io.BytesIO(data), number, seeds.SHAPE))
        with suppress(GenaiError):
            _check(read_block(claimed, data, seeds.SHAPE))


def _check(found: tuple) -> None:
    arrays, labels = found
    assert arrays.shape == (len(labels), *seeds.SHAPE)
    int(arrays.sum()) + int(labels.sum())  # every byte can be read


def image(data: bytes) -> None:
    settled = Image().resolve(data)
    assert settled.decode(data)[0].shape == settled.array_shape
    assert Image(4, "RGB").decode(data)[0].shape == (4, 4, 3)


def sound(data: bytes) -> None:
    settled = Audio().resolve(data)
    assert settled.decode(data)[0].shape == settled.array_shape
    assert Audio(9000, 0.01, 2).decode(data)[0].shape == (90, 2, 2)


@dataclass(frozen=True)
class OneFile:
    """A place that holds one file."""

    data: bytes
    uri: str = "nowhere"

    def list(self, prefix: str = "") -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(key="x.parquet", size=len(self.data), version="1")

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass(frozen=True)
class SomeFiles:
    """A place that holds some."""

    files: dict[str, bytes]
    uri: str = "/"

    def list(self, prefix: str = "") -> Iterator[SimpleNamespace]:
        for key in sorted(self.files):
            if key.startswith(prefix):
                yield SimpleNamespace(key=key, size=len(self.files[key]), version="1")

    def open(self, key: str) -> BinaryIO:
        if key not in self.files:
            raise NotFound(key)
        return io.BytesIO(self.files[key])


def source(data: bytes) -> None:
    for label in ("label", None):
        _check_rows(ParquetSource(OneFile(data), "", label))


def saved(data: bytes) -> None:
    """An Arrow stream, beside a state that names it."""
    files = SomeFiles({"state.json": seeds.STATE, "dataset_info.json": seeds.INFO, "x.arrow": data})
    for label in ("label", None):
        _check_rows(HuggingfaceSource(files, "", label))


def samples(data: bytes) -> None:
    for label in ("label", "breed", None):
        _check_rows(WebdatasetSource(SomeFiles({"x.tar": data}), "", label))


def table(data: bytes) -> None:
    """Metadata of a table, or, as far as it is Avro, its list of manifests and each of them."""
    files = SomeFiles(seeds.iceberg())
    name = "manifest" if data.startswith(b"Obj") and b"status" in data else "list"
    files.files["1.metadata.json" if not data.startswith(b"Obj") else name] = data
    _check_rows(IcebergSource(files, "1.metadata.json", "label"))
    _check_rows(IcebergSource(files, "1.metadata.json@7", None))


def texts(data: bytes) -> None:
    """Cut in every way, and each row as a text."""
    for unit in ("line", "paragraph", "file", "window"):
        modality = Text(length=40, unit=unit)
        found = TextSource(SomeFiles({"a/x.txt": data}), "", "label", modality)
        _check_rows(found)
        with suppress(GenaiError):
            for row in found.read(found.fragments()[0]):
                with suppress(GenaiError):
                    assert modality.decode(row.value)[0].shape == (40,)


def records(data: bytes) -> None:
    """As CSV, as TSV, and as JSON lines."""
    for label in ("label", None):
        for kind, name in ((CsvSource, "x.csv"), (CsvSource, "x.tsv"), (JsonlSource, "x.jsonl")):
            _check_rows(kind(SomeFiles({name: data}), "", label, Text(length=40)))


def _check_rows(found: Source) -> None:
    """Every row has a value and a label, or says why not."""
    with suppress(GenaiError):
        found.names()
    with suppress(GenaiError):
        for fragment in found.fragments():
            with suppress(GenaiError):
                for row in found.read(fragment):
                    assert row.error or isinstance(row.value, bytes)
                    assert row.error or found.label is None or isinstance(row.label, int | str)
                    str(row.label).encode()
                    row.where.encode()


def part(data: bytes) -> None:
    for modality in (None, Image(4, "L"), Text(length=9)):
        with suppress(GenaiError):
            found = Parquet().decode(data, modality)
            assert len(found.indices) == len(found.arrays)


#: by the name that `--target` takes
TARGETS = {
    "job": Target(job, seeds.job, mutators.yaml),
    "receipt": Target(receipt, seeds.receipt, mutators.as_json(canonical), 2048),
    "manifest": Target(manifest, seeds.manifest, mutators.as_json(mutators.as_manifest)),
    "event": Target(event, seeds.event, mutators.as_json(mutators.plain), 1024),
    "safetensors": Target(safetensors, seeds.safetensors, mutators.safetensors),
    "checkpoint": Target(checkpoint, seeds.checkpoint, mutators.checkpoint, 1 << 18),
    "prepared": Target(prepared, seeds.prepared, mutators.as_json(mutators.as_index)),
    "block": Target(block, seeds.block, mutators.messages, 1 << 16),
    "image": Target(image, seeds.image, mutators.image, 1 << 14),
    "sound": Target(sound, seeds.sound, mutators.sound, 1 << 14),
    "source": Target(source, seeds.source, mutators.footed, 1 << 14),
    "saved": Target(saved, seeds.saved, mutators.stream, 1 << 14),
    "samples": Target(samples, seeds.samples, mutators.tar, 1 << 14),
    "table": Target(table, seeds.table, mutators.as_json(mutators.plain), 1 << 14),
    "texts": Target(texts, seeds.texts),
    "records": Target(records, seeds.records),
    "part": Target(part, seeds.part, mutators.footed, 1 << 14),
}
