"""Who mints, in what order, and how often they are stopped changes no byte of a part: for each family, each kind of
data, each mode and each kind of pretrained pipeline that we ship. (With a real Ray, and a real SIGKILL:
benchmarks/digests.py.)
"""

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from genai import families, modalities
from genai.families import Family
from genai.registry import find, names
from jobs import layout
from jobs.crew import GenerateTask
from jobs.spec import load
from tests.short import CASES, EXAMPLES, GIVEN, MODES, given, kind_of, ran, short
from workers.generate import Minter
from workers.local import LocalCrew

PARTS = ("generate.count=44", "generate.part_rows=10")  # the last one is short, and each of part of a batch


def parts(found):
    """Name -> bytes of what the dataset holds."""
    return {part.name: found.store.get(layout.part(found.dataset_key, part.name)) for part in found.manifest.parts}


@pytest.fixture(scope="module", params=[*CASES, *MODES, *GIVEN])
def quiet(request, tmp_path_factory):
    """The job's file, its settings, its folder, and what one worker made of it without a pause."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("quiet"))
        file, settings = asked(request.param)
        return file, settings, Path.cwd(), ran(file, settings)


def asked(case):
    """A job file and its settings, after its data, or its pipeline, was made in the current folder."""
    if case in GIVEN:
        return given(case), [*PARTS]
    name, *changes = (CASES | MODES)[case]
    return EXAMPLES / f"{name}.yaml", [*short(name, *changes), *PARTS]


def test_three_workers_at_once_make_the_bytes_of_one(quiet):
    """Each draws other shards beside those of the others, two at a time and in another order."""
    *_, found = quiet
    key, beside = found.dataset_key, (found.prompted, found.source_key or None)
    task = GenerateTask(found.spec, key, found.train_key, found.checkpoint, found.plan, *beside)
    made, shards = parts(found), list(found.plan)
    for name in made:
        found.store.delete(layout.part(key, name))
    minters = [Minter(task, worker=str(number)) for number in range(3)]
    random.Random(1).shuffle(shards)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda shard: minters[shard.number % 3].make(shard), shards))

    assert len(made) == 5
    assert parts(found) == made


class Stopped(LocalCrew):
    """Is killed after two parts."""

    @contextmanager
    def pool(self, task, backlog, note):
        with super().pool(task, backlog, note) as pool:
            made, wait = [], pool.wait

            def struck(seconds):
                made.extend(wait(seconds))
                if len(made) >= 2:
                    raise KeyboardInterrupt
                return made[-1:]

            pool.wait = struck
            yield pool


def test_a_run_that_is_stopped_and_run_again_ends_in_the_same_digest(quiet, tmp_path, monkeypatch):
    """It makes the parts that are missing, to the bytes of the run that was never stopped."""
    file, settings, folder, whole = quiet
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(next(tmp_path.glob("runs/*/datasets")))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        ran(file, settings, Stopped())
    left = len(list(tmp_path.glob("runs/*/datasets/*/data/*.parquet")))
    found = ran(file, settings)

    assert left == 2
    assert (found.manifest.digest, parts(found)) == (whole.manifest.digest, parts(whole))


def test_every_family_and_kind_of_data_has_its_case():
    """Those that there are, and each pair of them that an example shows."""
    shown = {name: load(name, (EXAMPLES / f"{name}.yaml").read_text()) for name, *_ in CASES.values()}
    every = [load(path.name, path.read_text()) for path in sorted(EXAMPLES.glob("*.yaml"))]
    pairs = {f"{kind_of(spec.model.family)}, {kind_of(spec.data.modality)}" for spec in every}

    assert pairs - set(CASES) == set(), "add a line to CASES"
    pretrained = {name for name in names(families) if find(families, name, Family).pretrained}
    assert pretrained - {case.split(", ")[0] for case in GIVEN} == set(), "add a line to GIVEN"
    assert set(names(families)) - pretrained - {case.split(", ")[0] for case in CASES} == set(), "add a line to CASES"
    assert set(names(modalities)) - {case.split(", ")[1] for case in CASES} == set(), "add a line to CASES"
    assert all(kind_of(shown[name].data.modality) == case.split(", ")[1] for case, (name, *_) in CASES.items())
