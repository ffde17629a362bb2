import pytest

from genai.errors import IntegrityError, LeaseHeld, StoreError
from genai.identity import sha256
from jobs import gc, layout, ledger
from jobs.driver import run
from jobs.events import EventLog
from jobs.lease import Leases
from jobs.spec import load
from jobs.stores import open_store
from jobs.survey import survey
from tests.jobs.published import ran
from tests.jobs.scripted import ScriptedCrew, job


class Killed(BaseException):
    pass


def killed(spec, kind="part_done", times=1):
    """A run that is killed when it has told of something so often; its survey afterwards."""
    found, left = survey(spec), [times]

    def listen(event):
        left[0] -= event.kind == kind
        if not left[0]:
            raise Killed

    found.store.put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
    with pytest.raises(Killed), EventLog(found.store, layout.run_id(spec), listen) as events:
        run(found, ScriptedCrew(), events)
    return survey(spec)


def beside(found, *overrides):
    """Another job in the same folder."""
    return job(*overrides, output=found.spec.output)


def garbage(store):
    """What may go: kind, and names without their place."""
    return {
        (each.kind, entry.key.removeprefix(f"{each.place}/"))
        for each in gc.look(store).garbage
        for entry in each.entries
    }


def kept(store):
    return [each.reason for each in gc.look(store).kept]


def keys(store):
    return {entry.key for entry in store.list()}


def litter(numbers, folders=("data/{}", "receipts/{}.json")):
    return {("parts", folder.format(f"part-{n:05d}.parquet")) for n in numbers for folder in folders}


def test_a_finished_job_has_no_garbage():
    """Nor one that was extended, or made with another seed, or is not begun."""
    found = ran(job("generate.count=35"))
    ran(beside(found, "generate.count=60"))
    ran(beside(found, "seed=1"))
    assert garbage(found.store) == set()
    assert kept(found.store) == []


def test_a_run_that_was_killed_is_no_garbage():
    """At whatever it was: the same command goes on with what is there."""
    for kind in ("stage_started", "train_step", "part_done"):
        found = killed(job(), kind)
        assert garbage(found.store) == set()


def test_a_larger_run_given_up_before_a_smaller_one_was_sealed_leaves_litter():
    """Its full parts lie among the published ones, where whoever reads the folder finds them."""
    found = killed(job("generate.count=90"), times=6)
    smaller = ran(beside(found, "generate.count=25"))
    names = [f"part-{number:05d}.parquet" for number in range(2, 9)]
    there = {
        number for number, name in enumerate(names, 2) if layout.part(smaller.dataset_key, name) in keys(found.store)
    }
    assert len(there) >= 4
    assert garbage(found.store) == litter(there)

    gc.remove(gc.look(found.store))

    assert garbage(found.store) == set()
    assert survey(smaller.spec).complete
    assert ran(found.spec).manifest.rows == 90


def test_a_larger_run_that_was_at_work_since_is_kept():
    """It can go on with its parts."""
    found = ran(job("generate.count=20"))
    larger = killed(beside(found, "generate.count=90"), times=3)
    before = keys(found.store)
    assert garbage(found.store) == set()
    (reason,) = kept(found.store)
    assert f"run {layout.run_id(larger.spec)} can go on with" in reason
    gc.remove(gc.look(found.store))
    assert keys(found.store) == before


def test_foreign_parts_go_and_what_has_no_name_of_ours_stays():
    """Also half of a removal that was cut short: a part without its receipt."""
    found = ran(job())
    for name in ("data/part-00077.parquet", "receipts/part-00078.parquet.json", "data/notes.txt", "README.md"):
        found.store.put(layout.dataset(found.dataset_key, name), b"x")
    found.store.put("datasets/mine/data/part-00000.parquet", b"x")
    found.store.put("checkpoints/mine/model.safetensors", b"x")
    assert garbage(found.store) == litter([77], ["data/{}"]) | litter([78], ["receipts/{}.json"])
    gc.remove(gc.look(found.store))
    assert survey(found.spec).complete
    assert "datasets/mine/data/part-00000.parquet" in keys(found.store)


def test_what_a_change_of_the_job_left_behind_goes_with_its_run():
    """A killed run whose job file is removed: its parts, its checkpoint, and the data that only it needs."""
    found = killed(job("data.split={train: 0.5, validation: 0.3, test: 0.2}"))
    other = ran(beside(found))
    assert garbage(found.store) == set()
    found.store.delete(layout.run(layout.run_id(found.spec)))

    names = {each.place: each.kind for each in gc.look(found.store).garbage}

    assert names == {
        f"datasets/{found.dataset_key}": "dataset",
        f"checkpoints/{found.train_key}": "checkpoint",
        f"prepared/{found.prepare_key}": "prepared",
    }
    gc.remove(gc.look(found.store))
    left = {key.split("/")[1] for key in keys(found.store) if key.startswith(("datasets", "checkpoints", "prepared"))}
    assert left == {other.dataset_key, other.train_key, other.prepare_key}
    assert survey(other.spec).complete


def test_a_published_dataset_stays_without_its_run():
    """With the checkpoint that it names; who removes job files does not unpublish."""
    found = ran(job())
    ran(beside(found, "seed=1"))
    store = found.store
    for entry in list(store.list(f"runs/{layout.run_id(found.spec)}/")):
        store.delete(entry.key)
    store.delete(layout.dataset(found.dataset_key, "_SUCCESS"))
    assert garbage(store) == set()


def test_states_of_a_finished_training_and_notes_of_ray_go():
    """The states of one that goes on stay."""
    found = killed(job(), "train_step")
    state, note = (layout.checkpoint(found.train_key, f"{name}/1") for name in ("state", "ray"))
    found.store.put(state, b"x")
    found.store.put(note, b"x")
    assert garbage(found.store) == {("notes", "1")}
    ran(found.spec)
    assert garbage(found.store) == {("notes", "1"), ("states", "1")}
    gc.remove(gc.look(found.store))
    assert keys(found.store) & {state, note} == set()
    assert survey(found.spec).complete


def pipeline_job(folder):
    """A job of a pipeline that is just listed, under the prompts of a file."""
    (folder / "words").mkdir()
    (folder / "words/config.json").write_text('{"architectures": ["GPT2LMHeadModel"]}')
    (folder / "words/model.safetensors").touch()
    (folder / "asked.csv").write_text("prompt\na cat\n")
    text = f"""\
name: given
output: memory://{folder.name}
model: {{family: transformers, pipeline: "{folder}/words"}}
generate: {{prompts: {{source: "{folder}/asked.csv"}}, count: 20, part_rows: 10}}
"""
    return load("job.yaml", text)


def test_prompts_and_listings_of_pipelines_that_no_run_needs_go(tmp_path):
    """Where the file of prompts has others now, and the folder of the pipeline is listed in another way."""
    spec = pipeline_job(tmp_path)
    first = ran(spec)
    assert garbage(first.store) == set()
    (tmp_path / "asked.csv").write_text("prompt\na large dog\n")
    (tmp_path / "words/README.md").write_text("of words")
    (tmp_path / "words/tokenizer.json").write_text("{}")
    second = ran(spec)
    before = {key for key in keys(first.store) if key.startswith(("prompts", "pipelines"))}

    gc.remove(gc.look(first.store))

    left = {key for key in keys(first.store) if key.startswith(("prompts", "pipelines"))}
    assert (len(before), len(left)) == (6, 3)
    assert {second.pinned.kept, layout.prompts(second.prompted)} < left
    assert first.pinned.kept in before - left
    assert garbage(first.store) == set()
    assert survey(spec).complete


def test_prompts_that_cannot_be_judged_are_kept(tmp_path):
    """A run is not done, and its prompts are away; what has another name is not ours."""
    spec = pipeline_job(tmp_path)
    found = killed(spec)
    found.store.put("prompts/notes.txt", b"x")
    found.store.put(layout.prompts(sha256(b"x")), b"x")
    assert {name for _, name in garbage(found.store)} == {f"{sha256(b'x')}.json"}
    (tmp_path / "asked.csv").unlink()

    assert garbage(found.store) == set()
    assert any("cannot be judged" in reason for reason in kept(found.store))


@pytest.fixture
def littered():
    """A finished job with garbage of each kind, most of it of a run whose job file was removed."""
    found = killed(job("data.split={train: 0.5, validation: 0.3, test: 0.2}"))
    found.store.delete(layout.run(layout.run_id(found.spec)))
    done = ran(beside(found))
    found.store.put(layout.dataset(done.dataset_key, "data/part-00099.parquet"), b"x")
    found.store.put(layout.checkpoint(done.train_key, "state/1"), b"x")
    assert {each.kind for each in gc.look(found.store).garbage} == {
        "dataset",
        "checkpoint",
        "prepared",
        "parts",
        "states",
    }
    return done


def test_beside_a_live_run_only_litter_goes(littered):
    """And not even that where the dataset is leased. Who is at work is named."""
    store, leases = littered.store, Leases(littered.store, "tiny-0123456789ab")
    leases.take("tiny-0123456789ab")
    assert garbage(store) == litter([99], ["data/{}"])
    assert len(kept(store)) == 4
    assert all("run tiny-0123456789ab on " in reason for reason in kept(store))
    leases.take(littered.dataset_key)
    assert garbage(store) == set()
    leases.release()
    assert len({kind for kind, _ in garbage(store)}) == 5


def test_a_run_that_began_after_the_look_is_heeded(littered):
    """Nothing is removed beside it."""
    sweep, before = gc.look(littered.store), keys(littered.store)
    leases = Leases(littered.store, "tiny-0123456789ab")
    leases.take("tiny-0123456789ab")
    with pytest.raises(LeaseHeld, match="tiny-0123456789ab"):
        gc.remove(sweep)
    assert before <= keys(littered.store)
    leases.release()


def test_parts_that_were_sealed_meanwhile_stay():
    """A larger run found them with their receipts, sealed them and ended between the look and the removal."""
    found = killed(job("generate.count=90"), times=6)
    ran(beside(found, "generate.count=25"))
    sweep = gc.look(found.store)
    sealed = ran(found.spec).manifest
    assert {entry.key for each in sweep.garbage for entry in each.entries} <= keys(found.store)

    removed = gc.remove(sweep)

    assert removed.garbage == []
    assert "sealed meanwhile" in removed.kept[0].reason
    assert {layout.part(sealed.key, part.name) for part in sealed.parts} <= keys(found.store)


@pytest.mark.parametrize(
    ("text", "said"),
    [("name: [", "cannot be judged"), ("sklearn://faces", "sklearn://faces"), ("", "its data is not prepared")],
)
def test_what_a_run_may_need_that_cannot_be_judged_is_kept(littered, text, said):
    """Its job file cannot be read, its data is away, or it has only begun; a run that is done needs nothing more."""
    spec = beside(littered, "data.split={train: 0.6, validation: 0.2, test: 0.2}")
    if "://" in text:
        text = spec.to_yaml().replace("sklearn://digits", text)
    littered.store.put(layout.run("tiny-0123456789ab"), (text or spec.to_yaml()).encode())
    kinds = {kind for kind, _ in garbage(littered.store)}
    assert not kinds & {"dataset", "checkpoint", "prepared"}
    assert all(said in reason and "run tiny-0123456789ab" in reason for reason in kept(littered.store))
    littered.store.put(layout.run("tiny-0123456789ab", "result.json"), b'{"state":"done"}')
    assert len({kind for kind, _ in garbage(littered.store)}) == 5


def test_a_dataset_whose_manifest_cannot_be_read_is_kept(littered):
    """Or is gone, although a run that is done has made it."""
    key = layout.dataset(littered.dataset_key)
    littered.store.put(key, b"damaged")
    assert "parts" not in {kind for kind, _ in garbage(littered.store)}
    littered.store.delete(key)
    assert "parts" not in {kind for kind, _ in garbage(littered.store)}
    assert any("its manifest is gone" in reason for reason in kept(littered.store))


class Order(type(open_store("memory://x"))):
    """A memory store that remembers what was deleted, and fails after so many."""

    def __init__(self, uri):
        super().__init__(uri)
        self.deleted, self.left = [], 10**6

    def delete(self, key):
        if self.left <= 0:
            raise StoreError(f"{key}: 503")
        self.left -= 1
        self.deleted.append(key)
        super().delete(key)


def test_what_speaks_for_others_goes_before_them(littered):
    """A receipt before its part, `metrics.json` and the index before all else of their folders."""
    store = Order(littered.store.uri)
    gc.remove(gc.look(store))
    at = {key: n for n, key in enumerate(store.deleted)}
    parts = [key for key in at if "/data/" in key]
    speak = {key: key.replace("/data/", "/receipts/") + ".json" for key in parts}
    speak |= {
        key: key.rpartition("/")[0] + "/metrics.json" for key in at if key.endswith((".safetensors", "config.json"))
    }
    speak |= {key: key.rpartition("/")[0] + "/index.json" for key in at if key.endswith(".arrow")}
    assert parts
    assert [key for key, speaker in speak.items() if speaker in at and at[speaker] > at[key]] == []


def test_a_removal_that_was_cut_short_is_completed_by_the_next(littered):
    """Wherever it ended, and what is published is whole all the time."""
    total = len(garbage(littered.store))
    for left in range(total):
        store = Order(littered.store.uri)
        store.left = left % 3
        with pytest.raises(StoreError):
            gc.remove(gc.look(store))
        assert ledger.sealed(store, littered.dataset_key)
        assert survey(littered.spec).complete
        if not garbage(store):
            break
    assert left > 1
    gc.remove(gc.look(littered.store))
    assert garbage(littered.store) == set()


def test_jobs_are_found_by_their_runs():
    """A folder without is no job's, whatever lies in it."""
    found = ran(job())
    store = open_store(found.spec.output)
    store.put("other/datasets/0123456789abcdef/data/part-00000.parquet", b"x")
    assert [each.uri for each in gc.folders(found.spec.output)] == [found.store.uri]
    assert [each.uri for each in gc.folders(found.spec.output, "tiny")] == [found.store.uri]


@pytest.mark.parametrize(("output", "name"), [("memory://nothing-here", None), ("memory://nothing-here", "tiny")])
def test_an_output_that_is_not_there(output, name):
    """It says what is allowed."""
    with pytest.raises(Exception, match=r"memory://nothing-here: found no run of .* allowed:") as raised:
        gc.folders(output, name)
    assert raised.value.exit_code == 2


def test_a_manifest_that_the_store_itself_finds_damaged_is_kept(littered):
    """With all that lies beside it, as where it cannot be read."""

    class Damaged(type(littered.store)):
        def get(self, key):
            if key == layout.dataset(littered.dataset_key):
                raise IntegrityError(f"{key}: checksum")
            return super().get(key)

    assert "parts" not in {kind for kind, _ in garbage(Damaged(littered.store.uri))}
