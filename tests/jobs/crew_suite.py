"""What every crew does: one suite for scripted, local and Ray. To run it over another crew:

    from tests.jobs.crew_suite import *  # noqa: F403

    @pytest.fixture(scope="module")
    def crew(): ...

    @pytest.fixture(scope="module")
    def output(tmp_path_factory): ...   # where the crew's workers can write

A crew whose samples are real (`draws`, by default so) has to leave the very bytes that the crew of one process leaves.
The job is prepared and trained once a module.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from genai.checkpoint import CONFIG, MODEL, Checkpoint, digest_of
from genai.errors import InputError
from genai.identity import sha256
from genai.prepared import SPLITS, Prepared, load
from jobs import layout
from jobs.crew import Crew, Done, Failed, GenerateTask, Outcome, Pool, PrepareTask, TrainTask
from jobs.events import KINDS
from jobs.ledger import Receipt
from jobs.shards import Plan, Shard
from jobs.stores import Store
from tests.digits import digits
from tests.jobs.scripted import job
from workers.local import LocalCrew

__all__ = [
    "draws",
    "left",
    "made",
    "reference",
    "shared",
    "test_a_failed_shard_is_reported_and_the_pool_goes_on",
    "test_a_part_is_in_the_store_before_its_outcome_is_told",
    "test_a_pool_can_be_left_with_work_in_hand",
    "test_a_shard_made_again_has_the_same_bytes",
    "test_a_shard_that_has_to_be_alone_is_made_and_all_others_too",
    "test_a_wait_is_explained",
    "test_a_wait_without_work_ends",
    "test_every_submit_has_one_outcome",
    "test_prepare_leaves_the_blocks_that_its_index_names",
    "test_real_samples_are_those_of_the_crew_of_one_process",
    "test_room_is_kept",
    "test_train_leaves_a_checkpoint_and_tells_its_steps",
    "worked",
]

WAITS = 600  # of a second at most each; more is a pool that hangs
_KEYS = count()


def silent(kind: str, **fields: Any) -> None:
    """Somebody who listens and does nothing."""


@dataclass(frozen=True)
class Made:
    """A job that a crew has prepared and trained."""

    store: Store
    prepared: Prepared
    train: TrainTask
    told: tuple[str, ...]
    generate: GenerateTask

    @property
    def shards(self) -> list[Shard]:
        return list(self.generate.plan)


def make(crew: Crew, output: str) -> Made:
    """Prepare and train as the driver does."""
    spec = job(f"data.source={digits()}", output=output)
    store, told = layout.job_store(spec), []

    def note(kind: str, **fields: Any) -> None:
        assert kind in KINDS
        told.append(kind)

    prepared = crew.prepare(PrepareTask(spec, "0" * 16), note)
    store.put(layout.prepared("0" * 16), prepared.to_json())
    train = TrainTask(spec, layout.train_key(spec, prepared.digest), "0" * 16)
    crew.train(train, note)
    files = {name: store.get(layout.checkpoint(train.key, name)) for name in (CONFIG, MODEL)}
    plan = Plan(spec.generate.count, spec.generate.part_rows, (1,) * len(prepared.classes))
    return Made(store, prepared, train, tuple(told), GenerateTask(spec, "1" * 16, train.key, digest_of(files), plan))


@pytest.fixture(scope="module")
def draws() -> bool:
    """Whether the crew's samples are real."""
    return True


@pytest.fixture(scope="module")
def made(crew, output) -> Made:
    """The job, prepared and trained by the crew."""
    return make(crew, output)


@pytest.fixture(scope="module")
def reference(draws, tmp_path_factory) -> dict[str, str]:
    """Digests of the parts that the crew of one process makes."""
    if not draws:
        pytest.skip("this crew draws nothing")
    crew = LocalCrew()
    made = make(crew, str(tmp_path_factory.mktemp("reference")))
    return {o.receipt.name: o.receipt.sha256 for o in work_off(crew, made.generate, made.shards)}


@pytest.fixture(scope="module")
def worked(crew, made) -> list[Outcome]:
    """The outcomes of all shards of the job's own dataset, each asked for once."""
    return work_off(crew, made.generate, made.shards)


@pytest.fixture(scope="module")
def shared(crew, made) -> Iterator[Pool]:
    """A pool on a dataset of its own, with a worker that is ready. Who submits waits for the outcomes."""
    with crew.pool(apart(made.generate), WAITS, silent) as pool:
        assert pool.wait(0.01) == [], "nothing was submitted"
        assert pool.waiting()
        for _ in range(WAITS):
            if pool.room > 0:
                break
            assert pool.wait(1.0) == []
        yield pool


@dataclass(frozen=True)
class Left:
    """A pool that was left with work in hand, and another one after it, over the same dataset."""

    error: BaseException
    first: tuple[Outcome, ...]
    second: tuple[Outcome, ...]


@pytest.fixture(scope="module")
def left(crew, made) -> Left:
    """The first makes one shard and is left with another in hand; the second makes all of them."""
    task, first = apart(made.generate), []

    def leave():
        with crew.pool(task, len(made.shards), silent) as pool:
            first.extend(outcomes(pool, made.shards[2:3]))
            pool.submit(made.shards[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        leave()
    return Left(caught.value, tuple(first), tuple(work_off(crew, task, made.shards)))


def apart(task: GenerateTask) -> GenerateTask:
    """The task of a dataset of its own, empty yet."""
    return replace(task, key=f"{next(_KEYS):016x}")


def work_off(crew: Crew, task: GenerateTask, shards: list[Shard]) -> list[Outcome]:
    """All outcomes of all shards, each tried once."""
    with crew.pool(task, len(shards), silent) as pool:
        return list(outcomes(pool, shards))


def outcomes(pool: Pool, shards: list[Shard], in_hand: int = 0) -> list[Outcome]:
    """Submit as there is room, and wait until there are as many outcomes as shards, those in hand before among them."""
    waiting, found, due = list(shards), [], len(shards) + in_hand
    for _ in range(WAITS):
        while waiting and pool.room > 0:
            pool.submit(waiting.pop(0))
        assert pool.room >= 0
        found += pool.wait(1.0)
        if len(found) >= due:
            return found
    pytest.fail(f"{len(found)} outcomes of {due} shards after {WAITS} waits")


def test_prepare_leaves_the_blocks_that_its_index_names(made):
    """All splits can be loaded from the store, with digests checked, and hold the rows that the index says."""
    for split in SPLITS:
        _, labels = load(made.prepared, split, lambda name: made.store.get(layout.prepared("0" * 16, name)))
        assert len(labels) == made.prepared.splits[split].rows
    assert made.prepared.splits["train"].rows > 0


def test_train_leaves_a_checkpoint_and_tells_its_steps(made, draws):
    """`metrics.json` stands beside the model, whose digest is the one of the files; no half-done state is left."""
    names = {e.key.split("/")[2] for e in made.store.list(layout.checkpoint(made.train.key, ""))}
    assert {"config.json", "model.safetensors", "metrics.json"} <= names
    assert "state" not in names
    assert "train_step" in made.told
    if draws:
        files = {name: made.store.get(layout.checkpoint(made.train.key, name)) for name in (CONFIG, MODEL)}
        assert Checkpoint.from_files(files, made.generate.checkpoint).classes == made.prepared.classes


def test_every_submit_has_one_outcome(made, worked):
    """No shard is told of twice, none is forgotten, and none fails without a reason."""
    assert sorted(o.shard for o in worked) == made.shards
    assert all(isinstance(o, Done) for o in worked)


def test_a_part_is_in_the_store_before_its_outcome_is_told(made, worked):
    """Bytes, digest and receipt are there when the driver hears of them, under the names of the plan."""
    task = made.generate
    for outcome in worked:
        receipt, shard = outcome.receipt, outcome.shard
        data = made.store.get(layout.part(task.key, shard.name))
        assert (sha256(data), len(data)) == (receipt.sha256, receipt.bytes)
        assert Receipt.from_json(made.store.get(layout.receipt(task.key, shard.name))) == receipt
        assert (receipt.name, receipt.start, receipt.stop) == (shard.name, shard.start, shard.stop)
        assert sum(receipt.labels) == shard.rows


def test_a_wait_without_work_ends(shared):
    """Nothing was submitted, so nothing comes back, whatever the pool does meanwhile."""
    assert shared.wait(0.01) == []


def test_room_is_kept(made, shared):
    """A submit takes one place, and no pool says that it has less than none."""
    before = shared.room
    shared.submit(made.shards[0])
    assert shared.room == before - 1 >= 0
    assert len(outcomes(shared, [], 1)) == 1


def test_a_wait_is_explained(made, shared):
    """In words, with work in hand and without."""
    assert shared.waiting()
    shared.submit(made.shards[0])
    assert shared.waiting()
    assert len(outcomes(shared, [], 1)) == 1


def test_a_shard_that_has_to_be_alone_is_made_and_all_others_too(made, shared):
    """Whoever has it takes nothing beside it; nobody is forgotten."""
    waiting, found = list(made.shards), []
    for _ in range(WAITS):
        while waiting and shared.room > 0:
            shared.submit(waiting[0], alone=len(waiting) % 2 == 0)
            waiting.pop(0)
        assert shared.room >= 0
        found += shared.wait(1.0)
        if len(found) == len(made.shards):
            break
    assert sorted(o.shard for o in found if isinstance(o, Done)) == made.shards


def test_a_failed_shard_is_reported_and_the_pool_goes_on(made, shared):
    """A part of a name that no store takes fails as an outcome, typed; the next shard is made."""
    good, bad = made.shards[1], Shard(0, 0, 10, "../outside")
    failed, *_ = outcomes(shared, [bad])
    assert isinstance(failed, Failed)
    assert failed.shard == bad
    assert isinstance(failed.error, InputError)
    assert "'..'" in str(failed.error)
    assert [o.receipt.name for o in outcomes(shared, [good])] == [good.name]


def test_a_pool_can_be_left_with_work_in_hand(made, left):
    """Whoever leaves by an error gets that error; another pool makes what is missing."""
    assert type(left.error) is KeyboardInterrupt
    assert {o.shard for o in left.second if isinstance(o, Done)} == set(made.shards)


def test_a_shard_made_again_has_the_same_bytes(made, left):
    """Two tries, in two pools and with other neighbours, put the same part."""
    (once,) = left.first
    (again,) = [o for o in left.second if o.shard == once.shard]
    assert once.shard == made.shards[2]
    assert (again.receipt.sha256, again.receipt.content) == (once.receipt.sha256, once.receipt.content)


def test_real_samples_are_those_of_the_crew_of_one_process(worked, reference):
    """Who does the work changes no bit of checkpoint or parts."""
    assert {o.receipt.name: o.receipt.sha256 for o in worked} == reference
