"""Real files of every kind that the program reads, small: what the fuzzers start from."""

import io
import json
import tarfile
from functools import cache
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import torch
from PIL import Image as Pillow

from genai import blocks, weights
from genai.blocks import Writer, fixed
from genai.checkpoint import CONFIG, MODEL, Checkpoint
from genai.families.flow import Flow
from genai.families.vae import Vae
from genai.formats import About, Samples
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.prepared import Prepared
from genai.recipe import Recipe
from genai.space import Space
from genai.train import Trained, initial
from jobs.events import Event
from jobs.ledger import Manifest, Receipt
from jobs.shards import Plan
from tests.genai.sources.avro import ENTRY, avro, deflated, entry, record, text

SHAPE = (2, 3, 1)  # of the prepared arrays
APART = b"\n#--set "  # between a job file and its overrides
JOBS = (
    "name: a\noutput: o\ndata: {source: sklearn://digits}\n",
    """\
name: a-b.c
seed: 7
output: s3://b/p
data:
  source: [x/*.parquet, y]
  test_source: z
  label: null
  split: {train: 0.9, validation: 0.1}
  on_bad_row: skip
  modality: {kind: image, size: [8, 9]}
""",
    """\
name: a
output: o
data: {source: s}
model: {family: vae, backbone: dense, latent: 8, width: null, beta: 0.5}
train: {steps: 1e3, batch: 64, optimizer: adamw, workers: {count: 2, gpu: 0.5}}
generate: {count: {per_class: 10}, labels: [0, 1], workers: {min: 1, max: 4}}
""",
    """\
name: &n a
output: *n
data: &d {source: &s [x, y]}
model: &m
  widths: [64, 128]
  depth: 2
train:
generate:
  count: {balance: true}
  labels: *s
  sampler: {method: euler, steps: 4, guidance: 1_0.5}
""",
    r'{"name": "a", "output": "\u00e9\ud83d\ude00", "data": {"source": "s"}, "generate": {"count": 7}}',
    """\
name: |-
  a
output: >-
  long
  text
? data
: source: 's'
train: {epochs: 0x1F, clip: ~}
""",
)
OVERRIDES = ("generate.count=100", "data.source=[x]", "data.source.0=y", "model={family: vae}", "train.workers.count=2")


@cache
def job() -> list[bytes]:
    more = APART + APART.join(o.encode() for o in OVERRIDES)
    return [text.encode() for text in JOBS] + [JOBS[0].encode() + more, JOBS[1].encode() + more]


@cache
def receipt() -> list[bytes]:
    digest = sha256(b"")
    return [
        Receipt("part-00000.parquet", 0, 40, 9000, digest, digest, (20, 20), {"draw": 1.5, "put": 0.25}, "w").to_json(),
        Receipt("part-00001.3-rows.parquet", 40, 43, 1, digest, digest, (), {}).to_json(),
    ]


@cache
def manifest() -> list[bytes]:
    def made(plan: Plan, classes: tuple[str, ...]) -> bytes:
        labels = (1,) * len(classes)
        parts = [Receipt(s.name, s.start, s.stop, 9, sha256(b"a"), sha256(b"b"), labels, {}) for s in plan]
        return Manifest("0" * 16, "job", plan, classes, sha256(b""), 7, tuple(parts), {"torch": "2"}).to_json()

    return [made(Plan(5, 2, (1, 2)), ("a", "é")), made(Plan(2, 2), ()), made(Plan(30, 10, (1, 0)), ("x", "y"))]


@cache
def event() -> list[bytes]:
    told = [
        Event("train_step", 1.8e9, {"step": 1, "steps": 9, "loss": 0.5, "rows_per_second": None}),
        Event("part_done", 1.8e9, {"part": "part-00000.parquet", "rows": 40, "seconds": {"draw": 0.1}}),
        Event("run_failed", 0.0, {"error": "it\nwas ☃", "exit_code": 2}),
    ]
    return [one.to_json().encode() for one in told]


@cache
def safetensors() -> list[bytes]:
    tensors = {"b": torch.arange(6.0).view(2, 3), "a": torch.tensor(3), "c": torch.zeros(0)}
    kinds = [torch.float16, torch.bfloat16, torch.bool, torch.uint8, torch.float64, torch.float8_e4m3fn]
    return [
        weights.to_bytes(tensors, {"step": 3, "loss": [0.1]}),
        weights.to_bytes({str(kind): torch.ones(2, dtype=kind) for kind in kinds}),
        weights.to_bytes({}),
    ]


@cache
def checkpoint() -> list[bytes]:
    """Length of the config in 4 bytes, the config, the model."""
    families = [Vae("dense", latent=2, width=4), Vae("conv", latent=2, width=4, likelihood="gaussian"), Flow((8, 8), 1)]
    return [joined(_checkpoint(family).to_files()) for family in families]


def _checkpoint(family: Flow | Vae) -> Checkpoint:
    state = initial(family, Space((1, 3, 2)), 2, 0).state_dict()
    trained = Trained(state, 7, {"loss": 1.0}, [])
    return Checkpoint.of(trained, family, Image((3, 2), "L"), ("no", "yes"), Recipe(steps=7), sha256(b""))


def joined(files: dict[str, bytes]) -> bytes:
    return len(files[CONFIG]).to_bytes(4, "big") + files[CONFIG] + files[MODEL]


def parted(data: bytes) -> dict[str, bytes]:
    cut = 4 + int.from_bytes(data[:4], "big")
    return {CONFIG: data[4:cut], MODEL: data[cut:]}


def _rows(count: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(count)
    content = random.integers(0, 256, (count, 32), dtype=np.uint8)
    arrays = random.integers(0, 256, (count, *SHAPE), dtype=np.uint8).reshape(count, -1)
    return content, np.arange(count, dtype=np.int32) % 2, arrays


@cache
def prepared() -> list[bytes]:
    def made(rows: int, classes: tuple[str, ...]) -> bytes:
        splits = {}
        for name in ("train", "validation", "test"):
            writer = Writer(name, SHAPE, len(classes), lambda *_: None)
            if rows and name != "test":
                writer.add(*_rows(rows))
            splits[name] = writer.finish()
        return Prepared(Image(SHAPE[:2], "L"), classes, splits, 1, ("x row 1: null",)).to_json()

    return [made(5, ("a", "b")), made(70_000, ()), made(0, ())]


@cache
def block() -> list[bytes]:
    content, labels, arrays = _rows(7)
    plain = pa.table({"content": fixed(content), "label": pa.array(labels), "array": fixed(arrays)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, plain.schema) as file:
        file.write_table(plain, 3)
    return [blocks.pack(content, labels, arrays), blocks.pack(*_rows(2000)), sink.getvalue().to_pybytes()]


def _image(kind: str, mode: str = "L", **options: object) -> bytes:
    """5x4 of a ramp."""
    ramp = np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4
    picture = Pillow.fromarray(ramp).convert(mode)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@cache
def image() -> list[bytes]:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [Pillow.new("L", (5, 4), 9)]}
    return [
        *(_image(kind, mode) for kind, mode in product(("PNG", "BMP", "TIFF", "GIF"), ("L", "1", "P", "RGB"))),
        *(_image("PNG", mode, exif=exif) for mode in ("LA", "RGBA", "I;16")),
        *(_image("TIFF", "RGB", compression=kind) for kind in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")),
        _image("TIFF", "1", compression="group4"),
        *(_image("JPEG", mode, exif=exif) for mode in ("L", "RGB", "CMYK")),
        _image("JPEG", "RGB", progressive=True, icc_profile=b"p" * 40, comment="c"),
        *(_image("WEBP", "RGBA", lossless=lossless, exif=exif) for lossless in (True, False)),
        *(_image(kind, "L", **frames) for kind in ("GIF", "PNG", "WEBP", "TIFF")),
    ]


@cache
def sound() -> list[bytes]:
    """Recordings of every container and encoding that is taken, and of some that are not."""
    whole = ("PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "ALAW")
    kinds = [*(("WAV", one) for one in whole), ("WAVEX", "PCM_16"), ("WAV", "IMA_ADPCM")]
    kinds += [("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS")]
    return [_sound(kind, encoding, channels) for kind, encoding in kinds for channels in (1, 2)]


def _sound(kind: str, encoding: str, channels: int) -> bytes:
    sink = io.BytesIO()
    samples = np.random.default_rng(0).uniform(-1, 1, (300, channels))
    soundfile.write(sink, samples, 8000, encoding, format=kind)
    return sink.getvalue()


def _table(images: list[bytes | None], labels: pa.Array, **more: object) -> pa.Table:
    return pa.table({"image": pa.array(images, pa.binary()), "label": labels, **more})


def write(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


@cache
def source() -> list[bytes]:
    png = _image("PNG")
    struct = pa.array([{"bytes": png, "path": None}] * 4, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    names = {"huggingface": json.dumps({"info": {"features": {"label": {"_type": "ClassLabel", "names": ["a"]}}}})}
    whole = pa.array([0, 1, 0, None], pa.int64())
    texts = pa.array(["a", "b", "", "ä"]).dictionary_encode()
    return [
        write(_table([png, None, b"", png], whole), row_group_size=3),
        write(_table([png] * 4, texts), compression="zstd", data_page_version="2.0"),
        write(_table([png] * 4, pa.array([True, False, None, True])), compression="gzip", use_dictionary=False),
        write(pa.table({"image": struct, "label": whole}).replace_schema_metadata(names), compression="snappy"),
        write(_table([png] * 4, pa.array(["x", "y"] * 2, pa.large_string()), other=pa.array([[1], [], None, [2]]))),
        write(
            _table([png] * 4, pa.array([1, 2, 3, 4], pa.uint8())),
            use_dictionary=False,
            compression="none",
            column_encoding={"image": "DELTA_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"},
        ),
    ]


STATE = b'{"_data_files": [{"filename": "x.arrow"}]}'
INFO = b'{"features": {"label": {"_type": "ClassLabel", "names": ["a", "b"]}}}'


@cache
def saved() -> list[bytes]:
    """Arrow streams."""
    return [_stream(pq.read_table(io.BytesIO(data))) for data in source()]


def _stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, 3)
    return sink.getvalue()


@cache
def samples() -> list[bytes]:
    """Tars."""
    png = _image("PNG")
    members = [("a.png", png), ("a.cls", b"1"), ("b/c.png", png), ("b/c.json", b'{"label": "x", "breed": 3}')]
    members += [("d" * 90 + "\u00e9" * 20 + ".txt", b"x"), ("d" * 90 + "\u00e9" * 20 + ".jpg", png), ("e.breed", b"y")]
    return [_tar(members, style) for style in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]


def _tar(members: list[tuple[str, bytes]], style: int) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=style) as made:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    return sink.getvalue()


def iceberg() -> dict[str, bytes]:
    """The files of a table of three rows."""
    fields = [{"id": number, "name": name} for number, name in enumerate(("image", "label"))]
    snapshot = {"snapshot-id": 7, "manifest-list": "/list", "summary": {"genai.classes": '["a", "b"]'}, "schema-id": 0}
    metadata = {
        "table-uuid": "t", "current-snapshot-id": 7, "snapshots": [snapshot, {**snapshot, "snapshot-id": 6}],
        "schemas": [{"schema-id": 0, "fields": fields}], "current-schema-id": 0,
        "properties": {"schema.name-mapping.default": '[{"field-id": 0, "names": ["image", "picture"]}]'},
    }  # fmt: skip
    rows = write(_table([_image("PNG")] * 3, pa.array([0, 1, 0])))
    return {
        "1.metadata.json": json.dumps(metadata).encode(),
        "list": avro(record("string"), text(b"/manifest")),
        "manifest": avro(ENTRY, entry(file=b"/rows.parquet", rows=3)),
        "rows.parquet": rows,
    }


@cache
def table() -> list[bytes]:
    found = iceberg()
    squeezed = deflated(entry(file=b"/rows.parquet", rows=3))
    return [*(found[name] for name in ("1.metadata.json", "list", "manifest")), avro(ENTRY, squeezed, codec=b"deflate")]


def texts() -> list[bytes]:
    return ["One\r\n two\n\nThree é\n".encode(), b"\xef\xbb\xbfabc", "李".encode() * 40, b"\xff\n\0\n"]


def records() -> list[bytes]:
    """CSV, TSV, and JSON lines."""
    rows = [{"text": 'a "b", c\nd', "label": "x"}, {"text": None, "label": "é"}, {"label": "x", "text": "", "n": 1.5}]
    said = "\n".join(json.dumps(row) for row in rows)
    table = 'text,label\r\n"a ""b"", c\nd",x\r\n\r\n,y\r\nz,x,\r\n'
    return [table.encode(), table.replace(",", "\t").encode(), said.encode(), b"\xef\xbb\xbf" + table.encode()]


@cache
def part() -> list[bytes]:
    words = np.frombuffer(b"one\0\0\0\0\0\0\xc3\x89mile\0\0\0", np.uint8).reshape(2, 9)
    text = About(Text(length=9), sha256(b""), 7, "0" * 16, "genai")

    def made(rows: int, mode: str, classes: tuple[str, ...]) -> bytes:
        modality = Image(4, mode)
        indices = np.arange(rows) + 100
        arrays = np.random.default_rng(rows).integers(0, 256, (rows, *modality.array_shape), dtype=np.uint8)
        about = About(modality, sha256(b""), 7, "0" * 16, "genai", classes, {"a": "b"})
        return Parquet(group_rows=3).encode(Samples(indices, indices % 2 if classes else None, arrays), about)

    return [
        made(5, "L", ("a", "b")),
        made(4, "RGB", ()),
        made(0, "L", ("a",)),
        Parquet().encode(Samples(np.arange(2), None, words), text),
    ]
