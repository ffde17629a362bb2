import json
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genai.errors import Incomplete, IntegrityError, StoreError
from genai.identity import canonical, sha256
from jobs import layout, ledger
from jobs.crew import GenerateTask
from jobs.ledger import Manifest, Receipt, check_counts, seal, sealed
from jobs.shards import Plan
from jobs.stores.memory import MemoryStore
from tests.jobs.scripted import job, mint

KEY = "k" * 16
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.integers(0, 2**63)
RECEIPTS = st.builds(
    Receipt, TEXTS, NUMBERS, NUMBERS, NUMBERS, TEXTS, TEXTS, st.lists(NUMBERS, max_size=3).map(tuple),
    st.dictionaries(TEXTS, st.floats(0, 1e6), max_size=2), TEXTS,
)  # fmt: skip
PLANS = st.builds(Plan, st.integers(1, 60), st.integers(1, 20), st.sampled_from([(), (1, 1), (3, 0, 1)]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(-1e9, 1e9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
HOSTILE = [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"version": 1}', b'{"version": NaN}']
_NAMES = count()


class Recording(MemoryStore):
    """A memory store that remembers what was written, in order; `refuse` is an ending of keys that it fails to put."""

    def __init__(self, uri: str = "", refuse: str = "nothing") -> None:
        super().__init__(uri or f"memory://ledger-{next(_NAMES)}")
        self.writes, self.refuse = [], refuse

    def put(self, key: str, data: bytes) -> None:
        if key.endswith(self.refuse):
            raise StoreError(f"{key}: refused")
        super().put(key, data)
        self.writes.append(("put", key))

    def delete(self, key: str) -> None:
        super().delete(key)
        self.writes.append(("delete", key))


SPEC = job()


def manifest_of(store: MemoryStore, plan: Plan) -> Manifest:
    """A manifest whose parts and receipts were put into the store."""
    task = GenerateTask(SPEC, KEY, "t", "c" * 64, plan)
    parts = tuple(mint(store, task, shard, f"worker {shard.number}") for shard in plan)
    classes = tuple("abc"[: len(plan.weights)])
    return Manifest(KEY, "tiny", plan, classes, "c" * 64, 7, parts, {"genai": "1"})


MANIFEST = manifest_of(Recording(), Plan(5, 2, (1, 1))).to_json()


@given(RECEIPTS)
def test_a_receipt_comes_back(receipt):
    """Whatever its texts and numbers."""
    assert Receipt.from_json(receipt.to_json()) == receipt


@given(PLANS)
def test_a_manifest_comes_back(plan):
    """All but who made a part, and how long it took: equal datasets have equal manifests."""
    manifest = manifest_of(Recording(), plan)
    again = Manifest.from_json(manifest.to_json())
    assert again == replace(manifest, parts=tuple(replace(p, worker="", seconds={}) for p in manifest.parts))
    assert again.to_json() == manifest.to_json()
    assert (again.digest, again.rows, again.bytes) == (manifest.digest, plan.count, sum(p.bytes for p in again.parts))


@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: repr(data[:20]))
@pytest.mark.parametrize("kind", [Receipt, Manifest])
def test_bytes_that_are_none_are_refused(kind, data):
    """Cut off, empty, of another shape, not text, or nested without end."""
    with pytest.raises(IntegrityError, match="this is no"):
        kind.from_json(data)


@given(st.sampled_from(sorted(json.loads(Receipt("p", 0, 3, 9, "s", "c", (), {}).to_json()))), JSON)
def test_a_receipt_with_any_field_replaced_is_one_or_is_refused(name, value):
    """What comes through has the types of one, so nothing later stumbles over it."""
    good = json.loads(Receipt("p", 0, 3, 9, "s", "c", (1, 2), {"draw": 1.5}).to_json())
    kind = type(good[name])
    try:
        found = Receipt.from_json(canonical(good | {name: value}))
    except IntegrityError:
        assert type(value) is not kind or kind in (list, dict) or name == "version"
    else:
        assert type(value) is kind
        assert isinstance(sum(found.seconds.values()) + sum(found.labels) + found.rows + found.bytes, int | float)


@given(st.sampled_from(["version", "digest", "rows", "bytes", "labels", "planned", "published", "plan", "parts"]), JSON)
def test_a_manifest_with_any_field_replaced_is_refused(name, value):
    """What it says twice has to agree; for all of it stands the digest in the marker."""
    good = json.loads(MANIFEST)
    assume(good[name] != value)
    changed = json.dumps(good | {name: value}, indent=1, ensure_ascii=False)
    with pytest.raises(IntegrityError, match="this is no manifest"):
        Manifest.from_json(changed.encode())


@given(PLANS, st.data())
def test_every_planned_index_is_accounted_for(plan, data):
    """The receipts of the plan pass; without one of them, with one twice or swapped they do not."""
    parts = list(manifest_of(Recording(), plan).parts)
    check_counts(plan, parts)
    at = data.draw(st.integers(0, len(parts) - 1))
    for wrong in (parts[:at] + parts[at + 1 :], parts[: at + 1] + parts[at:], [*parts, replace(parts[at], start=0)]):
        with pytest.raises(IntegrityError, match=r"index|starts at"):
            check_counts(plan, wrong)


def test_what_is_missing_is_named():
    """By the index that no part has."""
    plan = Plan(30, 10)
    parts = manifest_of(Recording(), plan).parts
    with pytest.raises(IntegrityError, match=r"part-00002\.parquet starts at 20, index 10 is not"):
        check_counts(plan, [parts[0], parts[2]])
    with pytest.raises(IntegrityError, match="end at index 20, planned were 30"):
        check_counts(plan, parts[:2])


@pytest.mark.parametrize(
    "data",
    [*HOSTILE, Receipt("part-00000.parquet", 0, 10, 1, "s", "c", (), {}).to_json()],
    ids=lambda data: repr(data[:20]),
)
def test_a_damaged_receipt_counts_as_none(data):
    """Also a good one that lies under another part's name; the others count."""
    store, plan = Recording(), Plan(30, 10)
    parts = manifest_of(store, plan).parts
    store.put(layout.receipt(KEY, parts[1].name), data)
    assert ledger.read(store, KEY, plan) == {part.name: part for part in (parts[0], parts[2])}


def test_only_receipts_of_the_plan_count():
    """Those of a larger plan are left alone, and so is what does not belong there."""
    store = Recording()
    parts = manifest_of(store, Plan(45, 10)).parts
    store.put(layout.dataset(KEY, "receipts/notes.txt"), b"mine")
    assert list(ledger.read(store, KEY, Plan(30, 10))) == [part.name for part in parts[:3]]
    assert ledger.read(store, "another key", Plan(30, 10)) == {}


def test_a_dataset_is_written_in_order():
    """A part, then its receipt; when all are there, the manifest, then the marker; nothing after it."""
    store, plan = Recording(), Plan(20, 10)
    seal(store, manifest_of(store, plan))
    names = [key.removeprefix(f"datasets/{KEY}/") for _, key in store.writes]
    one, two = (shard.name for shard in plan)
    assert names == [
        f"data/{one}", f"receipts/{one}.json", f"data/{two}", f"receipts/{two}.json", "manifest.json", "_SUCCESS",
    ]  # fmt: skip


def test_a_superseded_short_part_goes_when_the_larger_dataset_is_sealed():
    """With its receipt, after the marker; and full parts stay as they are."""
    store = Recording()
    seal(store, manifest_of(store, Plan(15, 10)))
    seal(store, manifest_of(store, Plan(30, 10)))
    short = "part-00001.5-rows.parquet"
    marker = store.writes.index(("put", layout.dataset(KEY, "_SUCCESS")))
    assert store.writes[-2:] == [("delete", layout.receipt(KEY, short)), ("delete", layout.part(KEY, short))]
    assert marker < len(store.writes) - 2
    assert sorted(e.key.rpartition("/")[2] for e in store.list(layout.dataset(KEY, "data/"))) == [
        "part-00000.parquet", "part-00001.parquet", "part-00002.parquet",
    ]  # fmt: skip


def test_nothing_is_sealed_that_is_not_whole():
    """A manifest that leaves an index out is not written at all."""
    store, plan = Recording(), Plan(30, 10)
    manifest = manifest_of(store, plan)
    with pytest.raises(IntegrityError):
        seal(store, replace(manifest, parts=manifest.parts[:2]))
    assert sealed(store, KEY) is None
    assert ("put", layout.dataset(KEY)) not in store.writes


@pytest.mark.parametrize("ending", ["manifest.json", "_SUCCESS"])
def test_a_seal_cut_short_shows_nothing_and_is_made_good(ending):
    """Also where an older, smaller dataset was sealed: readers see one or the other whole, or none."""
    store = Recording()
    old = manifest_of(store, Plan(15, 10))
    seal(store, old)
    new, store.refuse = manifest_of(store, Plan(30, 10)), ending
    with pytest.raises(StoreError):
        seal(store, new)
    seen = sealed(store, KEY)
    assert seen is None or seen.to_json() == old.to_json()
    store.refuse = "nothing"
    seal(store, new)
    assert sealed(store, KEY).to_json() == new.to_json()


@pytest.mark.parametrize("marker", [*HOSTILE, canonical({"manifest": sha256(b"other")}), canonical({"manifest": 1})])
def test_a_marker_that_does_not_fit_seals_nothing(marker):
    """Damaged, of another manifest, or of another shape."""
    store = Recording()
    seal(store, manifest_of(store, Plan(20, 10)))
    store.put(layout.dataset(KEY, "_SUCCESS"), marker)
    assert sealed(store, KEY) is None


def test_a_marker_on_what_is_no_manifest_is_an_error():
    """The digest fits, so nobody damaged it on the way: somebody sealed something else."""
    store = Recording()
    store.put(layout.dataset(KEY), b"{}")
    store.put(layout.dataset(KEY, "_SUCCESS"), canonical({"manifest": sha256(b"{}")}))
    with pytest.raises(IntegrityError, match="no manifest"):
        sealed(store, KEY)


@pytest.mark.parametrize("data", [None, b"", b"cut off"])
def test_a_receipt_whose_part_is_not_whole_counts_as_none(data):
    """Somebody removed the part, or cut it off; it is made again."""
    store, plan = Recording(), Plan(20, 10)
    one, other = manifest_of(store, plan).parts
    store.delete(layout.part(KEY, one.name))
    if data is not None:
        store.put(layout.part(KEY, one.name), data)
    assert ledger.read(store, KEY, plan) == {other.name: other}


@pytest.mark.parametrize("data", [None, b"cut off"])
def test_nothing_is_sealed_whose_parts_are_not_there(data):
    """A part that went after its receipt was read is missing again: its receipt goes, and the next run makes it."""
    store, plan = Recording(), Plan(20, 10)
    manifest = manifest_of(store, plan)
    one, other = manifest.parts
    store.delete(layout.part(KEY, other.name))
    if data is not None:
        store.put(layout.part(KEY, other.name), data)
    with pytest.raises(Incomplete, match=r"1 parts are gone .*part-00001\.parquet.* the same command makes them again"):
        seal(store, manifest)
    assert sealed(store, KEY) is None
    assert [entry.key for entry in store.list(layout.dataset(KEY, "receipts/"))] == [layout.receipt(KEY, one.name)]


@pytest.mark.parametrize(("content", "said"), [("same", "its pixels are the same"), ("other", "its pixels differ")])
def test_what_was_published_is_not_taken_back(content, said):
    """A part that comes out otherwise is named with both digests and the versions; the manifest stays, unsealed."""
    store, plan = Recording(), Plan(20, 10)
    manifest = manifest_of(store, plan)
    seal(store, manifest)
    store.delete(layout.dataset(KEY, "_SUCCESS"))
    one, part = manifest.parts
    changed = replace(part, sha256="f" * 64, content=part.content if content == "same" else content)
    with pytest.raises(IntegrityError) as raised:
        seal(store, replace(manifest, parts=(one, changed), versions={"genai": "2"}))
    for text in (layout.part(KEY, part.name), part.sha256, "f" * 64, said, "made with genai 1 (here: 0.1.0)"):
        assert text in str(raised.value)
    assert store.get(layout.dataset(KEY)) == manifest.to_json()
    assert sealed(store, KEY) is None


def test_a_dataset_made_again_keeps_its_manifest():
    """To the byte, although the versions that made it again are others."""
    store, plan = Recording(), Plan(20, 10)
    manifest = manifest_of(store, plan)
    seal(store, manifest)
    store.delete(layout.dataset(KEY, "_SUCCESS"))
    seal(store, replace(manifest, versions={"genai": "2"}))
    assert sealed(store, KEY).to_json() == manifest.to_json()


def test_a_larger_dataset_that_was_sealed_meanwhile_stays():
    """It serves the smaller wish as well, although the short last part of that is superseded."""
    store = Recording()
    smaller, larger = (manifest_of(store, Plan(count, 10)) for count in (15, 40))
    seal(store, larger)
    seal(store, smaller)
    assert sealed(store, KEY).to_json() == larger.to_json()


def test_a_published_dataset_does_not_shrink():
    """While a larger one waits for its repair, no smaller one is sealed in its place."""
    store = Recording()
    smaller, larger = (manifest_of(store, Plan(count, 10)) for count in (20, 40))
    seal(store, larger)
    store.delete(layout.dataset(KEY, "_SUCCESS"))
    with pytest.raises(IntegrityError, match=r"40 samples, of which 20 .* `genai repair`"):
        seal(store, smaller)
    assert store.get(layout.dataset(KEY)) == larger.to_json()


def test_a_manifest_says_what_the_dataset_is():
    """Counts by class, planned and published, and that it is synthetic; no clock and no worker."""
    said = json.loads(manifest_of(Recording(), Plan(5, 2, (3, 0, 1))).to_json())
    assert (said["planned"], said["published"], said["labels"]) == (5, 5, {"a": 4, "b": 0, "c": 1})
    assert said["synthetic"] is True
    assert said["parts"][2]["name"] == "data/part-00002.1-rows.parquet"
    assert "worker" not in json.dumps(said)


def resealed(**changes):
    """The manifest with other fields, under sums and a digest that fit."""
    found = json.loads(MANIFEST) | changes
    parts = [
        Receipt(p["name"].removeprefix("data/"), *(p[n] for n in ("start", "stop", "bytes", "sha256", "content")),
                tuple(p["labels"]), {})
        for p in found["parts"]
    ]  # fmt: skip
    plan = Plan(*(found["plan"][n] for n in ("count", "part_rows", "weights", "suffix")))
    facts = (tuple(found["classes"]), found["checkpoint"], found["seed"], tuple(parts), found["versions"])
    return Manifest(found["key"], found["job"], plan, *facts).to_json()


def with_part(**changes):
    parts = json.loads(MANIFEST)["parts"]
    return {"parts": [parts[0] | changes, *parts[1:]]}


def with_plan(**changes):
    return {"plan": json.loads(MANIFEST)["plan"] | changes}


@pytest.mark.parametrize(
    "changes",
    [
        with_part(name="data/../../x"),
        with_part(name="data//etc/passwd"),
        with_part(name="data/part-00001.parquet"),
        with_part(name="data/part-00000.parquet.json"),
        with_part(bytes=-1),
        with_part(bytes=1.5),
        with_part(sha256=7),
        with_part(labels=[1.0, 1.0]),
        with_plan(suffix="/../../x"),
        with_plan(suffix=".antigravity:x"),
        with_plan(suffix=""),
        with_plan(part_rows=0),
        with_plan(part_rows=-2),
        with_plan(part_rows=2.0),
        with_plan(weights=[1, -1]),
        with_plan(weights=[1, "1"]),
        {"key": "../other"},
        {"key": "a/b"},
        {"key": ""},
        {"key": 7},
        {"job": "../x"},
        {"classes": ["a", 7]},
        {"seed": "7"},
        {"seed": None},
        {"checkpoint": None},
        {"versions": {"": "1"}},
        {"versions": {"a b": "1"}},
        {"versions": {"torch": 2}},
        {"versions": []},
        {"parts": json.loads(MANIFEST)["parts"][:-1]},
    ],
    ids=count(),
)
def test_a_manifest_that_fits_itself_and_names_what_it_should_not_is_refused(changes):
    """Its digest is right, since whoever wrote it has worked it out; names still follow from the plan alone."""
    assert Manifest.from_json(resealed()).to_json() == MANIFEST
    with pytest.raises(IntegrityError, match="this is no manifest"):
        Manifest.from_json(resealed(**changes))


def test_a_manifest_of_a_quintillion_samples_is_refused_at_once():
    """Its parts are counted, not listed."""
    one = json.loads(MANIFEST)["parts"][0]
    for rows in (1, 2**61):
        with pytest.raises(IntegrityError, match="this is no manifest"):
            Manifest.from_json(resealed(parts=[one | {"stop": 2**62}], **with_plan(count=2**62, part_rows=rows)))
