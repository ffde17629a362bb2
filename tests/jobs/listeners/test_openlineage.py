"""Lineage by OpenLineage's own client, over its own transports."""

import json
import os
import re
import socket
import sys
from unittest.mock import patch

import pytest

from genai.errors import GenaiError, InputError
from jobs import layout
from jobs.events import Event
from jobs.listeners import asked
from jobs.listeners.openlineage import named
from tests.hook import hook

STARTED = Event("run_started", 1_795_572_909.5, {"run": "tiny-0123456789ab", "command": "genai run job.yaml"})
FAILED = Event("run_failed", 1_795_572_913.0, {"error": "no room", "exit_code": 1})


@pytest.fixture
def lineage(spec, tmp_path, monkeypatch):
    """`lineage(more)`: the listener of a job, with an empty home and folder, where no setting lies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with patch.dict(os.environ):  # the client leaves variables of its own there
        for name in [name for name in os.environ if name.startswith("OPENLINEAGE_")]:
            del os.environ[name]
        yield lambda more="": asked(spec("openlineage: true", more))[0][1]


@pytest.fixture
def to_file(tmp_path, monkeypatch):
    """Sends to a file by openlineage.yml; gives the events that are there."""
    file = tmp_path / "events.jsonl"
    (tmp_path / "openlineage.yml").write_text(f"transport: {{type: file, log_file_path: '{file}', append: true}}")
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


def test_a_run_starts_and_completes_with_its_data(lineage, to_file, finished_run):
    """The sources as inputs; the dataset with its columns, rows, bytes and digest as the output; one run id."""
    listener, done = lineage(), finished_run
    for event in (STARTED, done):
        listener(event)
    listener.close()
    start, complete = to_file()
    (output,) = complete["outputs"]

    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["eventTime"] == "2026-11-25T02:15:09.500000+00:00"
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert (start["job"]["namespace"], start["job"]["name"]) == ("genai", "tiny")
    assert [(one["namespace"], one["name"]) for one in complete["inputs"]] == [
        ("sklearn", "digits"), ("s3://bucket", "rows/*.parquet"),
    ]  # fmt: skip
    assert (output["namespace"], output["name"]) == ("file", done.fields["path"])
    assert {"rowCount": 3, "size": 77}.items() <= output["outputFacets"]["outputStatistics"].items()
    assert output["facets"]["version"]["datasetVersion"] == "abc"
    assert [(one["name"], one["type"]) for one in output["facets"]["schema"]["fields"]] == [
        ("image", "struct"), ("index", "int64"),
    ]  # fmt: skip
    assert [one["name"] for one in output["facets"]["schema"]["fields"][0]["fields"]] == ["bytes", "path"]


@pytest.fixture
def finished_run(spec):
    """The event of a run whose dataset has one part, in the store."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.nulls(3, image), "index": pa.array([0, 1, 2])})
    store, key = layout.job_store(spec("openlineage: true")), "0123456789abcdef"
    sink = pa.BufferOutputStream()
    write_table(table, sink)
    store.put(layout.part(key, "part-00000.parquet"), sink.getvalue().to_pybytes())
    told = {"dataset": key, "path": layout.dataset_place(store, key), "digest": "abc", "rows": 3, "bytes": 77}
    return Event("run_done", 1_795_572_913.0, told)


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_columns_that_cannot_be_read_cost_the_columns_alone(lineage, to_file, finished_run, spec, damage):
    """The run is complete, and is told so."""
    store = layout.job_store(spec("openlineage: true"))
    (entry,) = store.list("datasets/")
    store.delete(entry.key) if damage == "gone" else store.put(entry.key, b"PAR1")
    lineage()(finished_run)
    (complete,) = to_file()

    assert complete["eventType"] == "COMPLETE"
    assert "schema" not in complete["outputs"][0]["facets"]


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (FAILED, "FAIL"),
        (Event("run_incomplete", 5.0, {"error": "2 parts", "exit_code": 1}), "FAIL"),
        (Event("run_failed", 5.0, {"error": "stopped by SIGTERM", "exit_code": 143}), "ABORT"),
        (Event("run_failed", 5.0, {"error": "stopped by SIGINT", "exit_code": 130}), "ABORT"),
    ],
)
def test_a_run_that_fails_says_why(lineage, to_file, event, state):
    """And one that a person has stopped is aborted."""
    lineage()(event)
    (told,) = to_file()

    assert told["eventType"] == state
    assert told["run"]["facets"]["errorMessage"]["message"] == event.fields["error"]
    assert told["outputs"] == []


def test_a_dated_run_says_its_window(lineage, to_file):
    """And its run id, by which it is found again here."""
    lineage('logical_date: "2026-11-25"\nwindow: 6h\n')(STARTED)
    (told,) = to_file()
    facets = told["run"]["facets"]

    assert facets["nominalTime"]["nominalStartTime"] == "2026-11-24T18:00:00+00:00"
    assert facets["nominalTime"]["nominalEndTime"] == "2026-11-25T00:00:00+00:00"
    assert next(tag["value"] for tag in facets["tags"]["tags"] if tag["key"] == "genai.run").startswith("tiny-")


def test_a_server_gets_them_by_the_usual_variable(lineage, monkeypatch):
    """OPENLINEAGE_URL, with the namespace of OPENLINEAGE_NAMESPACE and the key of OPENLINEAGE_API_KEY."""
    with hook() as server:
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://{server.host}")
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "a-key")
        monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "nightly")
        listener = lineage()
        listener(STARTED)
        listener.close()
    (received,) = server.received

    assert received.path == "/api/v1/lineage"
    assert received.headers["Authorization"] == "Bearer a-key"
    assert json.loads(received.body)["job"]["namespace"] == "nightly"


def test_what_cannot_be_sent_is_told_without_the_address(lineage, tmp_path):
    """The address may hold a key; the class of the error is enough to go by."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://canary:canary@127.0.0.1:{bound.getsockname()[1]}/?canary"
        transport = f"{{type: http, url: '{url}', timeout: 1, retry: {{total: 0}}}}"
        (tmp_path / "openlineage.yml").write_text(f"transport: {transport}")
        with pytest.raises(GenaiError) as caught:
            lineage()(STARTED)

    assert re.fullmatch(r"OpenLineage could not send START: \w+", str(caught.value))


def test_a_place_that_nobody_named_is_told(lineage):
    """OpenLineage would print to the log of the driver, where nobody looks."""
    with pytest.raises(GenaiError, match=r"knows no place to send to; set OPENLINEAGE_URL, or write openlineage\.yml$"):
        lineage()(STARTED)


def test_without_the_library_the_job_is_refused(lineage, monkeypatch):
    """With the command that installs it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "openlineage"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openlineage", None)
    with pytest.raises(InputError, match=r"pip install 'genai-jobs\[lineage\]'$"):
        lineage()


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("/data/rows.parquet", ("file", "/data/rows.parquet")),
        ("file:///data/some%20rows", ("file", "/data/some rows")),
        ("s3://bucket/a/b.parquet", ("s3://bucket", "a/b.parquet")),
        ("s3://bucket", ("s3://bucket", "/")),
        ("sklearn://digits", ("sklearn", "digits")),
    ],
)
def test_datasets_are_named_as_openlineage_asks(uri, name):
    """So that what another tool says of the same data is joined to it."""
    assert named(uri) == name
