import threading
from dataclasses import replace

import pytest

from genai.errors import DataError, InputError, IntegrityError
from jobs import layout, ledger
from jobs.resolve import Target
from jobs.stores.memory import MemoryStore
from jobs.survey import survey
from jobs.verify import PARTS, dataset_of, look, made_by, paced, verify
from tests.jobs.published import published, put
from tests.jobs.scripted import job

NAMES = [f"part-{number:05d}.parquet" for number in range(4)]


@pytest.fixture
def whole():
    """A whole dataset of four parts, in memory."""
    return published(job())


def problems(found, *, deep=True):
    """What is told, as (part, kind)."""
    again = survey(found.spec, found.store)
    _, told = verify(found.store, found.dataset_key, deep=deep, found=again)
    return [(problem.part, problem.kind) for problem in told]


def flip(store, key, at=100):
    data = bytearray(store.get(key))
    data[at % len(data)] ^= 1
    store.put(key, bytes(data))


@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_dataset_has_no_problem(whole, deep):
    """Neither its parts, nor what it was made from."""
    assert problems(whole, deep=deep) == []


DAMAGE = {
    "gone": ("missing", "missing", lambda s, part, receipt: s.delete(part)),
    "gone with its receipt": ("missing", "missing", lambda s, part, receipt: (s.delete(part), s.delete(receipt))),
    "cut off": ("size", "size", lambda s, part, receipt: s.put(part, s.get(part)[:50])),
    "one bit": (None, "bytes", lambda s, part, receipt: flip(s, part)),
    "one bit, and no receipt": ("receipt", "bytes", lambda s, part, receipt: (flip(s, part), s.delete(receipt))),
    "no receipt": ("receipt", "receipt", lambda s, part, receipt: s.delete(receipt)),
    "no receipt in it": ("receipt", "receipt", lambda s, part, receipt: s.put(receipt, b"{}")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_damage_of_a_part_is_named_once(whole, damage):
    """By its cause; what only reading finds is left to `--deep`."""
    kind, deep, strike = DAMAGE[damage]
    strike(whole.store, layout.part(whole.dataset_key, NAMES[2]), layout.receipt(whole.dataset_key, NAMES[2]))
    assert problems(whole) == [(NAMES[2], deep)]
    assert problems(whole, deep=False) == ([(NAMES[2], kind)] if kind else [])


def test_a_receipt_that_contradicts_the_manifest_is_named(whole):
    """It would become part of a larger dataset."""
    part = replace(whole.manifest.parts[1], sha256="f" * 64)
    whole.store.put(layout.receipt(whole.dataset_key, part.name), part.to_json())
    assert problems(whole) == [(part.name, "receipt")]


@pytest.mark.parametrize("data", [b"no Parquet", b""])
def test_a_part_that_cannot_be_decoded_is_a_problem_and_no_crash(whole, data):
    """Its bytes are those of the manifest, but nobody can read them."""
    manifest = whole.manifest
    changed = put(whole.store, manifest, manifest.parts[3], data)
    whole.store.delete(layout.dataset(manifest.key))
    ledger.seal(whole.store, replace(manifest, parts=(*manifest.parts[:3], changed)))
    assert problems(whole) == [(NAMES[3], "content")]


def test_rows_that_are_not_those_of_the_content_digest(whole):
    """The bytes are right and readable, what they decode to is not what was said."""
    manifest = whole.manifest
    data = whole.store.get(layout.part(manifest.key, NAMES[0]))
    changed = put(whole.store, manifest, replace(manifest.parts[3], content="f" * 64), data)
    whole.store.delete(layout.dataset(manifest.key))
    ledger.seal(whole.store, replace(manifest, parts=(*manifest.parts[:3], changed)))
    assert problems(whole) == [(NAMES[3], "content")]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("_SUCCESS", None, ("_SUCCESS", "marker")),
        ("_SUCCESS", b"{}", ("_SUCCESS", "marker")),
        ("data/part-00009.parquet", b"foreign", ("part-00009.parquet", "foreign")),
        ("data/notes.txt", b"mine", ("notes.txt", "foreign")),
        ("receipts/part-00009.parquet.json", b"{}", ("receipts/part-00009.parquet.json", "receipt")),
    ],
)
def test_what_does_not_belong_is_named(whole, name, data, told):
    """The marker, parts of no manifest, receipts of no part."""
    key = layout.dataset(whole.dataset_key, name)
    if data is None:
        whole.store.delete(key)
    else:
        whole.store.put(key, data)
    assert problems(whole) == problems(whole, deep=False) == [told]


@pytest.mark.parametrize("strike", [lambda s, key: s.delete(key), flip], ids=["gone", "flipped"])
@pytest.mark.parametrize(
    ("file", "kind", "named"),
    [
        ("config.json", "checkpoint", "checkpoints/"),
        ("model.safetensors", "checkpoint", "checkpoints/"),
        ("metrics.json", "checkpoint", "/metrics.json"),
        ("train-00000.arrow", "prepared", "/train-00000.arrow"),
        ("test-00000.arrow", "prepared", "/test-00000.arrow"),
        ("index.json", "prepared", "/index.json"),
    ],
)
def test_what_a_dataset_was_made_from_is_looked_at_too(whole, file, kind, named, strike):
    """With `--deep`: the checkpoint's files and every block of the prepared data, each fault once."""
    (key,) = (entry.key for entry in whole.store.list() if entry.key.endswith(f"/{file}"))
    strike(whole.store, key)
    ((place, told),) = problems(whole)
    assert told == kind
    assert named in place
    assert problems(whole, deep=False) == []


def test_a_run_that_makes_another_dataset_by_now_says_nothing_of_this_one(whole):
    """Its checkpoint is not the one of this dataset."""
    other = survey(job("seed=1", output=whole.spec.output))
    assert made_by(whole, whole.manifest)
    assert not made_by(other, whole.manifest)
    retrained = published(job("train.steps=5", output=whole.spec.output))
    assert not made_by(retrained, whole.manifest)


class Watched(MemoryStore):
    """A memory store that knows who read its parts, and finds one of them damaged on its way."""

    def __init__(self, uri):
        super().__init__(uri)
        self.readers, self.damaged = set(), ""

    def get(self, key):
        if "/data/" in key:
            self.readers.add(threading.get_ident())
        if key.endswith(self.damaged or "\n"):
            raise IntegrityError(f"{key}: the server's checksum is another")
        return super().get(key)


def test_parts_are_read_by_a_few(whole):
    """So no more than that are in memory, however many there are."""
    store, told = Watched(whole.store.uri), []
    verify(store, whole.dataset_key, deep=True, told=lambda done, of: told.append((done, of)))
    assert 1 <= len(store.readers) <= PARTS
    assert threading.get_ident() not in store.readers
    assert told == [(n, 4) for n in (1, 2, 3, 4)]


def test_bytes_that_the_store_itself_finds_damaged(whole):
    """What it says is the problem's text."""
    store = Watched(whole.store.uri)
    store.damaged = NAMES[1]
    _, (problem,) = verify(store, whole.dataset_key, deep=True)
    assert (problem.part, problem.kind) == (NAMES[1], "bytes")
    assert "the server's checksum" in problem.text


@pytest.mark.parametrize(
    ("data", "hint"), [(None, "was never sealed: `genai run`"), (b"{}", "`genai run` makes it again")]
)
def test_without_a_manifest_there_is_nothing_to_compare_with(whole, data, hint):
    """Its place is named, and what goes on."""
    key = layout.dataset(whole.dataset_key)
    whole.store.delete(key)
    if data:
        whole.store.put(key, data)
    with pytest.raises(IntegrityError, match=hint) as raised:
        verify(whole.store, whole.dataset_key)
    assert whole.store.locate(key) in str(raised.value)


def test_a_run_whose_checkpoint_is_gone_still_knows_its_dataset(whole):
    """By its result; one that never had a dataset says so."""
    target = Target(whole.spec, whole.store, layout.run_id(whole.spec))
    whole.store.delete(layout.checkpoint(whole.train_key))
    assert dataset_of(target, look(target)) == whole.dataset_key
    fresh = job()
    with pytest.raises(InputError, match="no dataset yet; `genai run` makes it"):
        dataset_of(Target(fresh, layout.job_store(fresh), "r"), None)


def test_a_dataset_whose_data_is_away_can_be_verified(whole):
    """Named by its place it needs no survey; named by its job file it needs the data."""
    away = whole.spec.model_copy(update={"data": whole.spec.data.model_copy(update={"source": ["sklearn://faces"]})})
    assert look(Target(away, whole.store, "r", whole.dataset_key)) is None
    with pytest.raises(DataError):
        look(Target(away, whole.store, "r"))


def test_progress_is_told_every_few_seconds():
    """And not at the end, which tells itself."""
    said, now = [], [0.0]
    told = paced(said.append, lambda: now[0])
    for done in range(1, 10):
        now[0] += 2.0
        told(done, 9)
    assert said == ["verify: 3 of 9 parts", "verify: 6 of 9 parts"]


@pytest.mark.s3
def test_damage_on_object_storage_is_named_alike(s3_uri):
    """A part gone, one of other bytes, a receipt gone, a foreign part."""
    found = published(job(output=f"{s3_uri}/runs"))
    found.store.delete(layout.part(found.dataset_key, NAMES[0]))
    flip(found.store, layout.part(found.dataset_key, NAMES[1]))
    found.store.delete(layout.receipt(found.dataset_key, NAMES[2]))
    found.store.put(layout.part(found.dataset_key, "part-00009.parquet"), b"foreign")
    assert problems(found) == [
        (NAMES[0], "missing"), (NAMES[1], "bytes"), (NAMES[2], "receipt"), ("part-00009.parquet", "foreign"),
    ]  # fmt: skip
