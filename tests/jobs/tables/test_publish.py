"""However often, by however many at once, and however rudely ended a dataset is published: each row is there once."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.tables import Added
from jobs.tables.delta import Delta
from tests.jobs.tables.conftest import Place, delta_table, exists, indices, loaded, sealed, version

ROOT = Path(__file__).parents[3]
KINDS = pytest.mark.parametrize("kind", ["iceberg", "delta"])

#: publishes as a process of its own, and is gone at a chosen call
CHILD = """
import os, sys
from jobs.stores import open_store
from jobs.tables import Sealed
from jobs.tables.delta import Delta
from jobs.tables.iceberg import Iceberg

kind, output, key, folder, root, at = sys.argv[1:]
properties = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"{root}/lake"}
tables = {"iceberg": Iceberg("samples.digits", "tests", properties).located(str), "delta": Delta(f"{root}/lake/digits")}
table = tables[kind]

def killed(*_, **__):
    os._exit(9)

if at == "metadata":
    from pyiceberg.catalog.sql import SqlCatalog
    SqlCatalog.commit_table = killed
elif at == "commit":
    from sqlalchemy.orm import Session
    from pyiceberg.catalog.sql import SqlCatalog
    write = SqlCatalog._write_metadata
    def last(*args, **more):
        write(*args, **more)
        Session.execute = killed
    SqlCatalog._write_metadata = staticmethod(last)
told = killed if at == "rows" else lambda rows, of: None
print(table.add(Sealed.open(open_store(output), key), told).rows)
"""


def child(kind, place, dataset, at="never"):
    command = [sys.executable, "-c", CHILD, kind, place.output, dataset.manifest.key, str(place.folder), place.root, at]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@KINDS
def test_a_repeated_publish_adds_nothing(place, kind):
    """The second leaves the table at the version of the first."""
    table, dataset = place.table(kind), sealed(place.output, 250)

    assert table.add(dataset) == Added(250, 3, 250)
    before = version(table)
    assert (table.add(dataset), version(table)) == (Added(0, 0, 250), before)
    assert indices(table) == list(range(250))


@KINDS
def test_a_larger_run_adds_only_what_is_new(place, kind):
    """Parts that are new, and of the one that takes the short one's place the rows that it had not."""
    table = place.table(kind)
    table.add(sealed(place.output, 250))

    assert table.add(sealed(place.output, 530)) == Added(280, 4, 530)
    assert indices(table) == list(range(530))


def test_whole_parts_are_registered_where_they_lie(place):
    """Only the rows of short parts are copied, so that no part that is still needed is a copy."""
    table = place.iceberg()
    for count in (250, 530):
        table.add(sealed(place.output, count))

    files = loaded(table).inspect.files().to_pylist()
    lying = sorted(file["file_path"].rpartition("/")[2] for file in files if f"{place.output}/" in file["file_path"])

    assert lying == [f"part-{number:05d}.parquet" for number in (0, 1, 3, 4)]
    assert sum(file["record_count"] for file in files) == 530


@pytest.mark.parametrize(
    ("place", "kind", "at"),
    [
        ("folder", "iceberg", "rows"),
        ("folder", "iceberg", "metadata"),
        ("bucket", "iceberg", "commit"),
        ("folder", "delta", "rows"),
        ("bucket", "delta", "rows"),
    ],
    indirect=["place"],
)
def test_a_killed_publish_leaves_the_table_as_it_was(place, kind, at):
    """In the middle of the rows, before the commit, and within it; the next one finishes, each row once."""
    table = place.table(kind)
    table.add(sealed(place.output, 150))
    before, dataset = version(table), sealed(place.output, 350)

    assert child(kind, place, dataset, at).wait() == 9
    assert (version(table), indices(table)) == (before, list(range(150)))
    assert table.add(dataset).rows == 200
    assert indices(table) == list(range(350))


@KINDS
def test_a_killed_first_publish_makes_no_table(folder, kind):
    """The table comes with its first rows, or not at all."""
    table, dataset = folder.table(kind), sealed(folder.output, 150)

    assert child(kind, folder, dataset, "rows").wait() == 9
    assert not exists(table)
    assert (table.add(dataset).rows, indices(table)) == (150, list(range(150)))


@KINDS
def test_two_publishes_at_once_end_with_each_row_once(place, kind):
    """Both have looked before either commits: when the table is made, and when it is there."""
    table = place.table(kind)
    for count in (150, 280, 410):
        dataset, both = sealed(place.output, count), threading.Barrier(2, timeout=60)
        with ThreadPoolExecutor(2) as pool:
            added = list(pool.map(meeting, [table] * 2, [both] * 2, [dataset] * 2))

        assert indices(table) == list(range(count))
        assert sorted(one.there for one in added) == [count, count]
        assert min(one.rows for one in added) == 0


def meeting(table, barrier, dataset):
    """A publish that, the first time that it has looked, waits until the others have looked as well."""
    return before(table, "_write" if isinstance(table, Delta) else "_changed", barrier.wait).add(dataset)


def before(table, step, call):
    """The same table; the first time that it comes to a step, something else is done first."""
    kind, first = type(table), iter([True])

    def wait(self, *args):
        if next(first, False):
            call()
        return getattr(kind, step)(self, *args)

    return type(kind.__name__, (kind,), {step: wait})(**vars(table))


@pytest.mark.parametrize(("kind", "step"), [("iceberg", "_changed"), ("iceberg", "_stage"), ("delta", "_write")])
def test_a_publish_that_is_overtaken_adds_nothing(place, kind, step):
    """Between its look and its commit another one makes the table, and adds to it."""
    table = place.table(kind)
    for count in (150, 280):
        dataset = sealed(place.output, count)
        slow = before(table, step, lambda d=dataset: table.add(d))

        assert slow.add(dataset) == Added(0, 0, count)
        assert indices(table) == list(range(count))


@KINDS
def test_processes_at_once_end_with_each_row_once(folder, kind):
    """Four of them make a table; what they say they added is what is there."""
    dataset = sealed(folder.output, 350)
    children = [child(kind, folder, dataset) for _ in range(4)]
    added = [int(one.communicate(timeout=120)[0]) for one in children]

    assert sum(added) == 350
    assert indices(folder.table(kind)) == list(range(350))


@KINDS
def test_datasets_at_once_are_all_there(folder, kind):
    """Each is known by its key: three, which one table takes at the same time."""
    table, waits = folder.table(kind), threading.Barrier(3, timeout=60)
    datasets = [sealed(folder.output, 150, key=f"{number}f") for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        added = list(pool.map(meeting, [table] * 3, [waits] * 3, datasets))

    assert [one.rows for one in added] == [150, 150, 150]
    assert indices(table) == sorted([*range(150)] * 3)


@KINDS
def test_paths_may_have_spaces(tmp_path, kind):
    """Of the dataset, of the table and of the catalogue."""
    (tmp_path / "a folder").mkdir()
    spaced = Place(str(tmp_path / "a folder"), tmp_path / "a folder")
    table = spaced.table(kind)
    table.add(sealed(spaced.output, 150))

    assert indices(table) == list(range(150))


@KINDS
def test_a_smaller_run_finds_its_rows(folder, kind):
    """A table that has more of a dataset than the run asks for has what it asks for."""
    table = folder.table(kind)
    table.add(sealed(folder.output, 250))
    smaller = sealed(f"{folder.root}/elsewhere", 120)

    assert table.add(smaller) == Added(0, 0, 250)


def test_each_commit_says_what_it_brings(folder):
    """Class names, checkpoint and dataset: a table alone says what its labels mean, and that it is synthetic."""
    iceberg, delta, dataset = folder.iceberg(), folder.delta(), sealed(folder.output, 150)
    for table in (iceberg, delta):
        table.add(dataset)

    for said in (loaded(iceberg).current_snapshot().summary, delta_table(delta).history()[0]):
        assert said["genai.dataset"] == dataset.manifest.key
        assert (said["genai.classes"], said["genai.synthetic"]) == ('["nought", "one", "two"]', "true")
