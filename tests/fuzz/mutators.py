"""Changes that get past the first check: the JSON stays JSON, lengths and checksums are made to fit again.

Each takes a file's bytes and a random generator and gives other bytes; a file that it cannot take apart it changes
as mere bytes.
"""

import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import pyarrow as pa

from genai.checkpoint import CONFIG, MODEL
from genai.identity import canonical, sha256
from jobs.ledger import Manifest, Receipt
from jobs.shards import Plan
from tests.fuzz import seeds

Mutate = Callable[[bytes, Random], bytes]

NUMBERS = (0, 1, -1, 2, 7, 255, 256, 2**15, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30)
REALS = (0.0, -0.0, 0.5, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"))
TEXTS = (
    "", "a", "é", "\ud800", "\0", "\n", "../../x", "data/../../x", "/", ".", "..", ".genai", "x" * 300, "os:system",
    "image", "parquet", ".parquet", "..", "1", "true", "null", "s3://k:s@b/p", "http://u:p@h/x", "%", "%s", "{}", "*",
    "F32", "I64", "U8", "BOOL", "F8_E8M0", "F4", "L", "RGB", "vae", "flow", "__class__", "kind", "dense",
)  # fmt: skip


def flipped(data: bytes, random: Random) -> bytes:
    """Some bytes changed, put in, taken out or repeated."""
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at, much = random.randrange(len(made) + 1), random.choice((1, 1, 2, 4, 8, 100))
        match random.randrange(5):
            case 0 if made:
                made[at % len(made)] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
            case 1:
                made[at:at] = random.randbytes(much)
            case 2:
                del made[at : at + much]
            case 3:
                made[at:at] = made[at : at + much]
            case _:
                width = random.choice((1, 2, 4, 8))
                number = random.choice(NUMBERS) % 256**width
                made[at : at + width] = number.to_bytes(width, random.choice(("little", "big")))
    return bytes(made)


def value(random: Random, depth: int = 0) -> Any:
    """Any JSON value, of the kinds that readers stumble over."""
    kinds = (
        lambda: random.choice((None, True, False)),
        lambda: random.choice(NUMBERS),
        lambda: random.choice(REALS),
        lambda: random.choice(TEXTS),
        lambda: random.choice(({}, [], [[]], [{}])),
        lambda: [value(random, depth + 1) for _ in range(random.randrange(4))] if depth < 3 else [],
        lambda: {random.choice(TEXTS): value(random, 3) for _ in range(random.randrange(3))},
    )
    return random.choices(kinds, (1, 2, 1, 2, 1, 1, 1))[0]()


def replaced(found: Any, random: Random) -> Any:
    """A JSON value with one thing in it changed, at any depth."""
    if not isinstance(found, dict | list) or not found or random.random() < 0.1:
        return _nudged(found, random)
    keys = list(found) if isinstance(found, dict) else range(len(found))
    key = random.choice(keys)
    made = found.copy()
    match random.randrange(8):
        case 0:
            del made[key]
        case 1 if isinstance(made, dict):
            made[random.choice(TEXTS)] = made[key]
        case 1:
            made.append(made[key])
        case 2:
            made[key] = made[random.choice(keys)]
        case _:
            made[key] = replaced(made[key], random)
    return made


def _nudged(found: Any, random: Random) -> Any:
    if isinstance(found, int) and random.random() < 0.5:
        return found + random.choice((-1, 1, 2**32, -found, found))
    if isinstance(found, str) and random.random() < 0.5:
        return found + random.choice(TEXTS)
    return value(random)


def as_json(dump: Callable[[Any], bytes]) -> Mutate:
    """Changes of values; `dump` writes them so that the reader takes the form for its own."""

    def mutate(data: bytes, random: Random) -> bytes:
        try:
            return dump(replaced(json.loads(data), random))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, ZeroDivisionError):
            return flipped(data, random)

    return mutate


def plain(found: Any) -> bytes:
    return json.dumps(found).encode()


def as_manifest(found: dict[str, Any]) -> bytes:
    """With its sums and its digest made to fit."""
    plan = found["plan"]
    parts = [
        Receipt(p["name"].removeprefix("data/"), *(p[n] for n in ("start", "stop", "bytes", "sha256", "content")),
                tuple(p["labels"]), {})
        for p in found["parts"]
    ]  # fmt: skip
    plan = Plan(plan["count"], plan["part_rows"], tuple(plan["weights"]), plan["suffix"])
    facts = (tuple(found["classes"]), found["checkpoint"], found["seed"], tuple(parts), found["versions"])
    return Manifest(found["key"], found["job"], plan, *facts).to_json()


def as_index(found: dict[str, Any]) -> bytes:
    """With its digest made to fit."""
    rows = {name: [split["rows"], split["content"]] for name, split in found["splits"].items()}
    told = {name: found[name] for name in ("version", "modality", "classes")}
    return canonical(found | {"digest": sha256(canonical({**told, "splits": rows}))})


def safetensors(data: bytes, random: Random) -> bytes:
    """The header's values, with its length made to fit."""
    size = int.from_bytes(data[:8], "little")
    head = (as_json(plain) if random.random() < 0.8 else flipped)(data[8 : 8 + size], random)
    rest = data[8 + size :]
    return len(head).to_bytes(8, "little") + head + (flipped(rest, random) if random.random() < 0.2 else rest)


def checkpoint(data: bytes, random: Random) -> bytes:
    """Its config or its model."""
    files = seeds.parted(data)
    name, change = random.choice(((CONFIG, as_json(canonical)), (MODEL, safetensors), (CONFIG, flipped)))
    return seeds.joined(files | {name: change(files[name], random)})


_YAML = (
    "\n", "  ", "- ", ": ", "&a ", "*a", "<<: *a", "!!python/object:os.system ", "|\n", ">\n", "? ", "[", "]", "{", "}",
    "#", "%TAG", "---\n", "'", '"', "\t", "\u2028", "\x85", "\ufeff", "1e999", ".nan", "0x", "1_0", "~", "true", "no",
    "{per_class: 1}", "[1, 2]", "null", "\\ud800", "9" * 50,
)  # fmt: skip
_FIELDS = re.findall(
    r"\w+",
    """name output seed data source test_source label split train validation test on_bad_row max_bad_rows modality kind
    size mode fit resample model family widths depth times label_dropout backbone latent width beta likelihood
    conditional steps epochs batch micro_batches optimizer schedule clip ema precision workers count cpu gpu
    max_failures generate per_class match balance labels part_rows threads sampler method guidance attempts format min
    max""",
)


def yaml(data: bytes, random: Random) -> bytes:
    """Words of YAML and names of fields, put in, swapped or repeated; also a further `--set`."""
    text = data.decode(errors="surrogateescape")
    words = re.split(r"(\W)", text)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(words))
        new = random.choice((random.choice(_YAML), random.choice(_FIELDS), str(value(random)), random.choice(TEXTS)))
        match random.randrange(4):
            case 0:
                words.insert(at, new)
            case 1:
                words[at] = new
            case 2:
                words.append(f"{seeds.APART.decode()}{random.choice(_FIELDS)}.{random.choice(_FIELDS)}={new}")
            case _:
                words[at:at] = words[at : at + random.randrange(20)]
    return "".join(words).encode(errors="surrogatepass")


def image(data: bytes, random: Random) -> bytes:
    """Chunks of PNG and WebP and segments of JPEG, with lengths and checksums made to fit."""
    if data.startswith(b"\x89PNG"):
        return data[:8] + b"".join(_png_chunk(*one) for one in _shuffled(list(_png_chunks(data)), random))
    if data[:4] == b"RIFF":
        body = b"".join(_riff_chunk(*one) for one in _shuffled(list(_riff_chunks(data)), random))
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    if data.startswith(b"\xff\xd8"):
        parts = [(part[:2], part[2:]) for part in re.split(rb"(?=\xff[\xc0-\xfe])", data) if part]
        return b"".join(kind + body for kind, body in _shuffled(parts, random))
    return flipped(data, random)


def sound(data: bytes, random: Random) -> bytes:
    """Chunks of WAV, the header of FLAC, and pages of Ogg, with lengths and checksums made to fit."""
    if data[:4] == b"RIFF":
        body = b"".join(_riff_chunk(*one) for one in _shuffled(list(_riff_chunks(data)), random))
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
    if data[:4] == b"fLaC":
        return data[:8] + flipped(data[8:42], random)[:34].ljust(34, b"\0") + data[42:]
    if data[:4] == b"OggS":
        pages = [(b"OggS", page) for page in data.split(b"OggS")[1:]]
        return b"".join(_ogg_page(page) for _, page in _shuffled(pages, random))
    return flipped(data, random)


def _ogg_page(body: bytes) -> bytes:
    """What follows `OggS` as a page whose CRC is right: x^32 + 0x04c11db7, from 0, at bytes 22 to 25."""
    page = bytearray(b"OggS" + body.ljust(23, b"\0"))
    page[22:26] = bytes(4)
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _OGG_CRC[crc >> 24 ^ byte]
    page[22:26] = crc.to_bytes(4, "little")
    return bytes(page)


def _shifted(crc: int) -> int:
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc


_OGG_CRC = [_shifted(byte << 24) for byte in range(256)]


def _shuffled(chunks: list[tuple[bytes, bytes]], random: Random) -> list[tuple[bytes, bytes]]:
    if not chunks:
        return chunks
    at = random.randrange(len(chunks))
    kind, body = chunks[at]
    match random.randrange(6):
        case 0:
            chunks.insert(random.randrange(len(chunks)), chunks[at])
        case 1:
            del chunks[at]
        case 2:
            chunks.insert(at, random.choice(_CHUNKS))
        case 3 if kind == b"IDAT":
            chunks[at] = kind, zlib.compress(flipped(b"\0\1\2\3" * 6, random) * random.choice((1, 1000)))
        case _:
            chunks[at] = kind, flipped(body, random)
    return chunks


_CHUNKS = (
    (b"zTXt", b"a\0\0" + zlib.compress(bytes(3000))), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation='6'"),
    (b"iCCP", b"a\0\0" + zlib.compress(bytes(3000))), (b"tRNS", b"\0\1"), (b"PLTE", b"\0\1\2"), (b"gAMA", b"\0\0\1\0"),
    (b"acTL", b"\0\0\xff\xff\0\0\0\0"), (b"fcTL", bytes(26)), (b"pHYs", bytes(9)),
    (b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0"),
    (b"ICCP", b"p" * 9), (b"EXIF", b"Exif\0\0II*\0"), (b"ANIM", bytes(6)), (b"ALPH", bytes(4)),
    (b"\xff\xe1", b"\0\x10Exif\0\0MM\0*\0\0\0\x08"), (b"\xff\xda", b"\0\2"), (b"\xff\xdd", b"\0\4\0\1"),
)  # fmt: skip


def _png_chunks(data: bytes) -> Any:
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        yield kind, data[at + 8 : at + 8 + size]
        at += 12 + size


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    kind = (kind + bytes(4))[:4]
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _riff_chunks(data: bytes) -> Any:
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack("<4sI", data[at : at + 8])
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return (kind + bytes(4))[:4] + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def footed(data: bytes, random: Random) -> bytes:
    """A Parquet file: mostly its footer, whose length is made to fit, or its first page headers; or another table."""
    chance = random.random()
    if chance < 0.2:
        return seeds.write(
            table(random), compression=random.choice(("none", "snappy", "gzip", "zstd", "brotli", "lz4"))
        )
    size = int.from_bytes(data[-8:-4], "little")
    body, footer = data[: -8 - size], data[-8 - size : -8]
    if chance < 0.6:
        footer = flipped(footer, random)
    elif chance < 0.8:
        body = body[:4] + flipped(body[4:60], random) + body[60:]
    else:
        body = flipped(body, random)
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def table(random: Random) -> pa.Table:
    """A valid table of columns that a source may or may not take."""
    kinds = (
        pa.binary(), pa.large_binary(), pa.string(), pa.int64(), pa.uint64(), pa.float64(), pa.bool_(), pa.date32(),
        pa.binary(3), pa.list_(pa.binary()), pa.struct([("bytes", pa.binary())]), pa.null(), pa.decimal128(5, 2),
        pa.struct([("bytes", pa.struct([("bytes", pa.binary())]))]), pa.map_(pa.string(), pa.binary()), pa.int8(),
        pa.dictionary(pa.int32(), pa.string()), pa.struct([("path", pa.string()), ("bytes", pa.large_binary())]),
    )  # fmt: skip
    names = random.choices(
        ("image", "label", "index", "bytes", "image.bytes", "", "é", "a\nb"), k=random.randrange(1, 5)
    )
    names = random.choice((names, ["image", "label"], ["image", "label", "index"], ["image", "image", "label"]))
    metadata = {b"genai": plain(value(random)), b"huggingface": plain(value(random)), b"\xff": b"\xff"}
    columns = [_column(random.choice(kinds), random) for _ in names]
    return pa.Table.from_arrays(columns, names).replace_schema_metadata(random.choice((None, metadata)))


def _column(kind: pa.DataType, random: Random) -> pa.Array:
    png = seeds.image()[random.randrange(len(seeds.image()))]
    given = [
        random.choice((None, png, b"", "a", "\xff", 0, 1, True, [png], {"bytes": png}, {"bytes": None})) for _ in "123"
    ]
    try:
        return pa.array(given, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, AttributeError):
        return pa.nulls(3, kind)


def messages(data: bytes, random: Random) -> bytes:
    """An Arrow file: flipped bytes, or another table under the same names."""
    if random.random() < 0.8:
        return flipped(data, random)
    sink = io.BytesIO()
    made = table(random)
    made = made.rename_columns([random.choice(("content", "label", "array")) for _ in made.column_names])
    with pa.ipc.new_file(sink, made.schema) as file:
        file.write_table(made)
    return sink.getvalue()


def stream(data: bytes, random: Random) -> bytes:
    """An Arrow stream: flipped bytes, or another table."""
    if random.random() < 0.7:
        return flipped(data, random)
    sink = io.BytesIO()
    made = table(random)
    made = made.rename_columns([random.choice(("image", "label", "image", "x")) for _ in made.column_names])
    with pa.ipc.new_stream(sink, made.schema) as file:
        file.write_table(made, 2)
    return sink.getvalue()


def tar(data: bytes, random: Random) -> bytes:
    """A block of a tar: a field of its header with a checksum that fits, or moved, or gone."""
    blocks = [bytearray(data[at : at + 512].ljust(512, b"\0")) for at in range(0, len(data), 512)]
    at = random.randrange(len(blocks) or 1)
    if not blocks or random.random() < 0.1:
        return flipped(data, random)
    match random.randrange(4):
        case 0:
            del blocks[at]
        case 1:
            blocks.insert(random.randrange(len(blocks)), bytearray(blocks[at]))
        case _:
            begin, size = random.choice(((0, 100), (124, 12), (156, 1), (257, 8), (345, 155), (482, 13)))
            text = random.choice(TEXTS).encode(errors="surrogatepass")[:size]
            octal = b"%o" % (random.choice(NUMBERS) % 8**size)
            binary = (random.choice(NUMBERS) % 2**95 | 2**95).to_bytes(12, "big")
            kind = bytes([random.choice(b"0125LKxgS7AX\xff")])
            new = random.choice((text, octal, binary, kind, random.randbytes(size)))[:size]
            blocks[at][begin : begin + size] = new.ljust(size, b"\0")
            blocks[at][148:156] = b" " * 8
            blocks[at][148:156] = b"%06o\0 " % sum(blocks[at])
    return b"".join(blocks)
