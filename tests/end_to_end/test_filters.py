"""Filters all the way: what is refused is drawn again, counted, and told wherever a dataset is."""

import json

import pyarrow.parquet as pq
import pytest

from genai.errors import DataError, Incomplete, InputError, SpecError
from jobs import layout, view
from jobs.crew import GenerateTask
from jobs.describe import describe
from jobs.draw import preview, sample
from jobs.driver import run
from jobs.events import EventLog
from jobs.page import write
from jobs.slice import make_slice
from jobs.spec import load
from jobs.survey import survey
from jobs.verify import verify
from jobs.verify import view as verified
from workers.local import LocalCrew
from workers.maker import maker_of

JOB = """
name: words
output: {folder}/runs
data:
  source: {folder}/words.txt
  label: null
  split: {{train: 1, validation: 0, test: 0}}
  modality: text
model: {{family: "tests.tokens:Places"}}
train: {{steps: 30, batch: 4, micro_batches: 2, learning_rate: 0.3}}
generate: {{count: 60, part_rows: 25, batch: 16{filters}}}
"""
WITHOUT = ', filters: [{kind: "tests.judges:Without", letter: n}]'
REASON = "tests.judges:Without: has n"
WORDS = ("moon\nbone\nmood\nboot\nroad\nlead\nmeal\nbeat\n",)


def surveyed(folder, filters=WITHOUT, *settings):
    """The job, looked at."""
    (folder / "words.txt").write_text(*WORDS)
    return survey(load("job.yaml", JOB.format(folder=folder, filters=filters), settings))


def minted(found):
    """Run in this process; the survey afterwards."""
    spec = found.spec
    with EventLog(found.store, layout.run_id(spec)) as events:
        found.store.put(layout.run(layout.run_id(spec)), spec.to_yaml().encode())
        run(found, LocalCrew(), events)
    return survey(spec)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return minted(surveyed(tmp_path_factory.mktemp("filters")))


def texts(found):
    """What was published, by index."""
    place = layout.dataset_place(found.store, found.dataset_key)
    rows = pq.read_table(f"{place.removeprefix('file://')}/data").sort_by("index")
    return dict(zip(rows["index"].to_pylist(), rows["text"].to_pylist(), strict=True))


def test_every_index_is_published_and_passes(made):
    """Exact counts, whatever was refused on the way."""
    published = texts(made)
    assert list(published) == list(range(60))
    assert not any("n" in text for text in published.values())
    assert made.manifest.rejected.keys() == {REASON}


def test_draws_add_up_wherever_they_are_told(made):
    """In receipts, manifest, verification, status, page and card."""
    manifest = made.manifest
    drawn, refused = manifest.drawn, manifest.rejected[REASON]
    assert drawn == 60 + refused == sum(receipt.drawn for receipt in manifest.parts)
    said = json.loads(made.store.get(layout.dataset(manifest.key)))
    assert (said["drawn"], said["published"], said["rejected"]) == (drawn, 60, {REASON: refused})
    line = f"drawn     {drawn:,} = 60 published + {refused:,} rejected ({REASON} {refused:,})"
    assert line in view.state_lines(view.state(made, layout.run_id(made.spec)))
    found, problems = verify(made.store, manifest.key, deep=True, found=made)
    assert (problems, verified(found, problems, made, deep=True)["drawn"]) == ([], drawn)
    write(made, "genai run job.yaml")
    page = made.store.get(layout.dataset(manifest.key, "report.html")).decode()
    assert f'<td class="any">rejected: {REASON}</td><td class="n">{refused}</td>' in page
    assert json.loads(made.store.get(layout.dataset(manifest.key, "report.json")))["rejected"] == {REASON: refused}
    describe(made)
    assert (
        f"| Draws | {drawn}, of which filters refused {refused}"
        in made.store.get(layout.dataset(manifest.key, "README.md")).decode()
    )


def test_three_workers_make_what_one_does(made, tmp_path):
    """Each holds some of the parts, and the last is made first."""
    spec = made.spec.model_copy(update={"output": str(tmp_path)})
    for key in ("config.json", "model.safetensors"):
        layout.job_store(spec).put(layout.checkpoint(made.train_key, key),
                                   made.store.get(layout.checkpoint(made.train_key, key)))  # fmt: skip
    task = GenerateTask(spec, made.dataset_key, made.train_key, made.checkpoint, made.plan)
    receipts = [maker_of(task, f"worker {shard.number}").make(shard) for shard in reversed(list(made.plan))]
    facts = [(r.name, r.sha256, r.content, r.rejected) for r in reversed(receipts)]
    assert facts == [(r.name, r.sha256, r.content, r.rejected) for r in made.manifest.parts]


def test_a_single_sample_and_a_slice_go_through_the_same_door(made, tmp_path):
    """An index whose first draw was refused comes out as it was published."""
    plain = survey(load("job.yaml", made.spec.to_yaml(), ["generate.filters=[]"]))
    index = next(i for i in range(60) if b"n" in sample(plain, i).cell)
    assert sample(made, index).equal
    (part,) = make_slice(made, range(index, index + 1), str(tmp_path), lambda _: None)
    assert pq.read_table(part)["text"].to_pylist() == [texts(made)[index]]
    assert "Samples 0 to 3" in preview(made, "genai preview", 4)


def test_filters_belong_to_the_datasets_key_and_their_bound_does_not(made):
    """Without them a job is the one that it was; what was trained is shared."""
    other, bound, none = (
        survey(load("job.yaml", made.spec.to_yaml(), [setting]))
        for setting in ("generate.filters.0.letter=o", "generate.draws=7", "generate.filters=[]")
    )
    assert made.train_key == other.train_key == none.train_key
    assert made.dataset_key == bound.dataset_key
    assert len({made.dataset_key, other.dataset_key, none.dataset_key}) == 3
    assert not {"filters", "draws"} & none.spec.model_dump()["generate"].keys()


def test_an_index_that_never_passes_leaves_its_part_undone(made):
    """It is tried once; a larger bound would go on with the parts that there are."""
    found = survey(load("job.yaml", made.spec.to_yaml(), ["generate.filters.0.letter=''", "generate.draws=2"]))
    heard = []
    told = pytest.raises(Incomplete, match="sample 0 was refused 2 times")
    with EventLog(found.store, "x", heard.append) as events, told:
        run(found, LocalCrew(), events)
    assert [e.fields["decision"] for e in heard if e.kind == "shard_failed"] == ["quarantine"] * 3


def test_rows_to_train_on_are_filtered_too(tmp_path):
    """A row that a filter refuses is a bad row: an error that names it, or left out and counted."""
    settings = 'data.filters=[{kind: "tests.judges:Without"}]'
    with pytest.raises(DataError, match=r"found 'moon', refused by tests.judges:Without: has n; .*on_bad_row: skip"):
        minted(surveyed(tmp_path, "", settings))
    found = minted(surveyed(tmp_path, "", settings, "data.on_bad_row=skip", "data.max_bad_rows=0.5"))
    assert (found.prepared.skipped, found.training_rows) == (2, 6)


def test_a_filter_that_cannot_judge_the_rows_is_told_at_once(made):
    """By the job file; where a checkpoint is pinned, which knows what its rows are, before anything is drawn."""
    asked = "generate.filters=[tests.judges:Never]"
    with pytest.raises(SpecError, match=r"generate.filters.0: found texts; allowed: none"):
        load("job.yaml", made.spec.to_yaml(), [asked])
    place = made.store.locate(f"checkpoints/{made.train_key}")
    pinned = f'model={{family: "tests.tokens:Places", checkpoint: "{place}"}}'
    found = survey(load("job.yaml", made.spec.to_yaml(), [asked, pinned]))
    with pytest.raises(InputError, match="found texts; allowed: none"), EventLog(found.store, "y") as events:
        run(found, LocalCrew(), events)
