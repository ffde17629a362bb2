"""A table that a catalogue knows, as the source of a job: which of its snapshots is read."""

from collections import Counter

import pytest

from genai.errors import InputError
from genai.sources import open_source
from jobs import layout
from jobs.driver import run
from jobs.events import EventLog
from jobs.spec import load
from jobs.stores import open_store
from jobs.survey import sources, survey
from tests.genai.sources.made import iceberg, rows
from tests.jobs.scripted import ScriptedCrew
from tests.jobs.tables.conftest import loaded, sealed

JOB = "name: pets\noutput: {output}\ndata: {{source: {source}}}\ntrain: {{batch: 16}}\ngenerate: {{count: 20}}\n"


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of ten rows, in a catalogue that PyIceberg is told of by its variables."""
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/catalog.db")
    return iceberg(tmp_path, 2, name="lake")


@pytest.fixture
def job(tmp_path):
    """A job of a source."""
    return lambda source: load("job.yaml", JOB.format(output=tmp_path / "runs", source=source))


def count(spec):
    return sum(fragment.rows for group in sources(spec) for source in group for fragment in source.fragments())


class Noting(ScriptedCrew):
    """Keeps what it was asked to prepare."""

    def prepare(self, task, note):
        self.prepared = task
        return super().prepare(task, note)


def test_the_rows_are_those_of_the_snapshot_that_the_key_knows(table, job):
    """A snapshot that is added between the survey and the reading is another run's."""
    found = survey(job("iceberg://lake/pets.rows"))
    table.append(rows(5, 100))
    crew = Noting()
    with EventLog(found.store, layout.run_id(found.spec)) as events:
        run(found, crew, events)

    assert (count(crew.prepared.spec), count(found.spec)) == (10, 15)
    assert survey(found.spec).prepare_key != found.prepare_key == crew.prepared.key
    assert found.spec.data.source == ["iceberg://lake/pets.rows"]


def test_a_snapshot_by_its_number_stays(table, job):
    """Its key is that of the same metadata's snapshot, however the table goes on."""
    spec = job(f"iceberg://lake/pets.rows@{table.snapshots()[0].snapshot_id}")
    before = survey(spec).prepare_key
    table.append(rows(5, 100))

    assert (survey(spec).prepare_key, count(spec)) == (before, 5)


def test_the_metadata_file_makes_the_same_key(table, job):
    """Whoever found it."""
    keys = {survey(job(source)).prepare_key for source in ("iceberg://lake/pets.rows", table.metadata_location)}

    assert len(keys) == 1


def test_a_table_of_ours_is_a_source_with_its_class_names(folder):
    """Rows of parts where they lie and rows that were copied alike."""
    made = folder.iceberg()
    for size in (250, 530):
        made.add(sealed(folder.output, size))
    source = open_source(loaded(made).metadata_location, "label", open_store)
    found = Counter(row.label for fragment in source.fragments() for row in source.read(fragment))

    assert found == {"nought": 177, "one": 177, "two": 176}
    assert source.names() == ["nought", "one", "two"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("iceberg://lake/pets.cats", "Iceberg table pets.cats of catalogue lake: there is no such table"),
        ("iceberg://lake/no.rows", "Iceberg table no.rows of catalogue lake: there is no such table"),
        (
            "iceberg://sea/pets.rows",
            r"no catalogue 'sea' is .* or PYICEBERG_CATALOG__SEA__URI in the environment, with",
        ),
        ("iceberg://lake", r"found no table in it; allowed: iceberg://CATALOGUE/NAMESPACE\.TABLE"),
        ("iceberg://lake/rows", r"table: found 'rows'; allowed: namespace and name"),
        ("iceberg://lake/pets.rows@main", r"found no table in it; allowed: .* the number of a snapshot"),
        ("iceberg://lake/pets.rows@77", "found no snapshot 77; allowed: "),
    ],
)
def test_a_table_that_is_not_there_is_one_message(table, job, source, message):
    """Before anything is written."""
    with pytest.raises(InputError, match=message):
        survey(job(source))
