"""Names that come from outside make no key outside of the output."""

import json
import re
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genai.errors import InputError, IntegrityError
from genai.identity import canonical
from jobs import layout, ledger
from jobs.ledger import Receipt
from jobs.resolve import resolve
from jobs.shards import Plan
from jobs.spec import JobSpec
from jobs.stores import check_key, open_store
from jobs.stores.memory import MemoryStore

_STORES = count()
PIECES = st.sampled_from(
    ["a", "0", "..", ".", "/", "\\", "%2e", "\0", "\n", "~", ".genai", "-0123456789ab", "runs", "é"]
)
NAMES = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=8).map("".join))
KEYS = [layout.run("r"), layout.prepared("k"), layout.checkpoint("k"), layout.dataset("k"), layout.part("k", "p")]


class Watching(MemoryStore):
    """A memory store that remembers every key that it was asked for; its children tell it, too."""

    def __init__(self, uri: str, asked: list[str]) -> None:
        super().__init__(uri)
        self.asked = asked

    def _path(self, key: str) -> str:
        path = super()._path(key)
        self.asked.append(path)
        return path

    def child(self, prefix: str) -> "Watching":
        return Watching(f"{self.uri}/{check_key(prefix)}", self.asked)


def inside(path: str, root: str) -> bool:
    """Whether a full key lies below a folder, whatever a file system makes of it."""
    return path.startswith(f"{root}/") and not {"", ".", ".."} & set(path.split("/"))


@given(NAMES)
def test_a_job_name_that_passes_is_one_folder_of_the_output(name):
    """All that a job writes is below it."""
    try:
        spec = JobSpec.model_validate(
            {"name": name, "output": f"memory://names-{next(_STORES)}/out", "data": {"source": "s"}}
        )
    except ValueError:
        return
    store = Watching(spec.output, []).child(spec.name)
    for key in (*KEYS, layout.run(layout.run_id(spec))):
        store.put(key, b"")
    assert re.fullmatch("[a-z0-9._-]+", name)
    assert all(inside(path, f"out/{name}") for path in store.asked)


@given(NAMES)
def test_a_run_that_is_asked_for_is_looked_for_below_the_output(name):
    """An id, a path or a URI: what is read lies below the folder that it names, or nothing is read."""
    root = open_store(f"memory://names-{next(_STORES)}/out")
    root.put("a/runs/a-0123456789ab/job.yaml", b"name: a\noutput: o\ndata: {source: s}\n")
    for text in (name, f"{root.uri}/a/runs/{name}", f"{root.uri}/a/datasets/{name}", f"{name}-0123456789ab"):
        try:
            found = resolve(text, root.uri)
        except InputError:
            continue
        else:
            assert found.spec.name == "a"
            assert "/" not in found.run_id
            assert found.store.uri == f"{root.uri}/a"


@given(NAMES)
def test_a_part_name_of_a_receipt_leads_nowhere(name):
    """A receipt is looked for by the name that the plan gives, and counts only if it says the same."""
    store, plan = Watching(f"memory://names-{next(_STORES)}", []), Plan(3, 3)
    try:
        data = Receipt(name, 0, 3, 9, "s", "c", (), {}).to_json()
    except ValueError:
        return
    (shard,) = plan
    store.put(layout.receipt("k", shard.name), data)
    store.put(layout.part("k", shard.name), bytes(9))
    assert list(ledger.read(store, "k", plan)) == [name] * (name == shard.name)
    assert all(inside(path, "datasets/k") for path in store.asked)


@given(NAMES)
def test_a_part_name_of_a_manifest_leads_nowhere(name):
    """It is refused before anything is read or deleted by it, also where the marker vouches for it."""
    store, plan = Watching(f"memory://names-{next(_STORES)}", []), Plan(3, 3)
    (shard,) = plan
    try:
        part = Receipt(name, 0, 3, 9, "s", "c", (), {})
        data = ledger.Manifest("k", "j", plan, (), "c", 7, (part,), {}).to_json()
    except ValueError:
        return
    store.put(layout.dataset("k"), data)
    store.put(layout.dataset("k", "_SUCCESS"), canonical({"manifest": ledger.sha256(data)}))
    if name == shard.name:
        assert ledger.sealed(store, "k").parts == (part,)
    else:
        with pytest.raises(IntegrityError, match="this is no manifest"):
            ledger.sealed(store, "k")
    assert set(store.asked) == {layout.dataset("k"), layout.dataset("k", "_SUCCESS")}


def test_a_name_too_long_for_a_file_system_is_no_run():
    """It says so, as it does for any other."""
    with pytest.raises(InputError, match=r"no run at|is \d+ bytes"):
        resolve("a" * 5000 + "-0123456789ab", f"memory://names-{next(_STORES)}")


@pytest.mark.parametrize("result", [b"", b"[]", b"null", b"\x80\x04K\x07.", b"[" * 100_000, b'{"dataset": {}}'])
def test_a_damaged_result_is_of_no_dataset(result):
    """The dataset's path leads to the run that names it, past those that cannot be read."""
    root = open_store(f"memory://names-{next(_STORES)}/out")
    for run, data in (("a-000000000000", result), ("a-111111111111", json.dumps({"dataset": "k"}).encode())):
        root.put(f"a/runs/{run}/job.yaml", b"name: a\noutput: o\ndata: {source: s}\n")
        root.put(f"a/runs/{run}/result.json", data)
    root.put("a/runs/a-222222222222/result.json", result)
    assert resolve(f"{root.uri}/a/datasets/k").run_id == "a-111111111111"
