"""Tables as a job file says them, and every error that PyIceberg may raise."""

import inspect
import subprocess
import sys
from importlib import import_module
from queue import Empty

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

import jobs.tables
from genai.errors import GenaiError
from jobs.plugin import Plugin
from jobs.tables import Raced, Table, _iceberg_catalog
from jobs.tables.delta import Delta
from jobs.tables.iceberg import Iceberg

TABLE = Plugin("kind", jobs.tables, Table, "")

ENTRIES = [
    {"kind": "delta", "to": "lake/digits"},
    {"kind": "iceberg", "table": "samples.digits", "catalog": "lake", "properties": {"warehouse": "s3://bucket/lake"}},
]


@pytest.mark.parametrize("entry", ENTRIES, ids=["delta", "iceberg"])
def test_an_entry_comes_back_as_it_was_said(entry):
    """Read, and written into the job's copy."""
    assert TABLE.write(TABLE.read(entry)) == entry


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"kind": "delta"}, "Field required"),
        ({"kind": "delta", "to": "x", "table": "y"}, "unknown key"),
        ({"kind": "iceberg", "table": "digits"}, "allowed: namespace and name"),
        ({"kind": "iceberg", "table": "a.b", "properties": {"token": "x"}}, "found a secret in 'token'"),
        ({"kind": "iceberg", "table": "a.b", "properties": {"port": 1}}, "valid string"),
    ],
)
def test_an_entry_with_a_fault_is_refused(entry, found):
    """As the other parts of a job are."""
    with pytest.raises((ValidationError, PydanticCustomError), match=found):
        TABLE.read(entry)


def test_paths_are_made_absolute():
    """Those that are paths: of a table, of a warehouse, of a database; a name of a warehouse is none."""
    properties = {"uri": "sqlite:///lake.db", "warehouse": "./lake"}
    made = Iceberg("a.b", "lake", properties).located(lambda path: f"/root/{path.removeprefix('./')}")
    named = Iceberg("a.b", "lake", {"uri": "sqlite:////lake.db", "warehouse": "lake"})

    assert made.properties == {"uri": "sqlite:////root/lake.db", "warehouse": "file:///root/lake"}
    assert named.located(lambda path: f"/root/{path}") == named
    assert Delta("lake/x").located(lambda path: f"/root/{path}") == Delta("/root/lake/x")


def test_reading_a_job_loads_no_library_of_a_table():
    """The command line answers in a blink."""
    heavy = ("pyiceberg", "deltalake", "pyarrow", "boto3", "sqlalchemy", "numpy")
    script = "import sys, jobs.tables.iceberg, jobs.tables.delta; jobs.tables.iceberg.Iceberg('a.b')"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; print(*sorted(set({heavy}) & set(sys.modules)))"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_every_error_of_a_library_becomes_ours():
    """One that a library grows, and nobody maps, fails here."""
    unmapped = [
        f"{module}.{name}"
        for module in (
            "pyiceberg.exceptions",
            "sqlalchemy.exc",
            "requests.exceptions",
            "botocore.exceptions",
            "pyarrow.lib",
        )
        for name, kind in vars(import_module(module)).items()
        if inspect.isclass(kind) and issubclass(kind, Exception) and not issubclass(kind, Warning | Empty)
        if not isinstance(_iceberg_catalog._ours(kind.__new__(kind), "", "", ""), GenaiError | Raced)
    ]

    assert unmapped == []
