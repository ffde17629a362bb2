"""What a table may refuse, by itself: its entry in `publish`, its columns, its catalogue, damaged parts."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table as Found

from genai.identity import sha256
from jobs import layout
from jobs.ledger import seal
from jobs.survey import Survey
from jobs.tables import Sealed
from jobs.tables._rows import schema_of
from tests.errors.job_file import RULES, _faulty
from tests.errors.provoked import HEAD, SMALL, Scene, provokes

TABLES, PART = "Running a job", "Damage: parts and other files"
DELTA = "publish: [{kind: delta, to: lake/digits}]\n"
ICEBERG = """\
publish:
  - kind: iceberg
    table: samples.digits
    catalog: lake
    properties: {type: sql, uri: "sqlite:///catalog.db", warehouse: ./warehouse}
"""
ELSEWHERE = 'publish: [{kind: iceberg, table: samples.digits, catalog: lake, properties: {type: sql, uri: "%s"}}]\n'
SERVED = 'publish: [{kind: iceberg, table: samples.digits, catalog: lake, properties: {type: rest, uri: "%s"}}]\n'
MEND = "`genai repair job.yaml`, then `genai run job.yaml`: nothing of it was added."

_faulty(RULES, "delta_scheme", "A Delta table where none can be", 'publish: [{kind: delta, to: "ftp://host/lake"}]\n')
_faulty(
    RULES, "delta_key", "A key in the place of a Delta table",
    'publish: [{kind: delta, to: "s3://key:secret@bucket/lake"}]\n',
)  # fmt: skip
_faulty(
    RULES, "iceberg_name", "An Iceberg table without its namespace", "publish: [{kind: iceberg, table: digits}]\n"
)  # fmt: skip
_faulty(
    RULES, "iceberg_secret", "A catalogue's token in the job file",
    "publish: [{kind: iceberg, table: samples.digits, catalog: lake, properties: {token: only-here}}]\n",
)  # fmt: skip


def finished(scene: Scene, lines: str) -> Survey:
    """The finished run, whose job has these lines now."""
    found = scene.finished()
    scene.write("job.yaml", HEAD + SMALL + lines)
    return found


def columns(found: Survey, **others: pa.Field) -> pa.Schema:
    """Those of the dataset, some of them changed, and more of them."""
    fields = {field.name: field for field in schema_of(found.store, found.manifest)} | others
    return pa.schema(list(fields.values()))


@contextmanager
def lake(scene: Scene) -> Iterator[Catalog]:
    """The catalogue of the job, as another program opens it."""
    place = {"uri": f"sqlite:///{scene.folder}/catalog.db", "warehouse": f"file://{scene.folder}/warehouse"}
    with closing(load_catalog("lake", type="sql", **place)) as catalog:
        catalog.create_namespace_if_not_exists("samples")
        yield catalog


def register(scene: Scene) -> Found:
    """Have the finished run registered by the job; the table, to be changed."""
    scene.run()
    with lake(scene) as catalog:
        return catalog.load_table("samples.digits")


def part(found: Survey, number: int) -> str:
    """The key of a part."""
    return layout.part(found.dataset_key, found.manifest.parts[number].name)


@provokes(TABLES, "A table of a dataset that is not sealed", "`Sealed.open(open_store('runs/digits'), key)`")
def table_unsealed(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.dataset(found.dataset_key, "_SUCCESS"))
    Sealed.open(found.store, found.dataset_key)


@provokes(
    TABLES,
    "A table of parts of a format of your own",
    "`Sealed.of(store, manifest)` of a manifest whose parts end with .npy",
)
def table_format(scene: Scene) -> None:
    found = scene.finished()
    Sealed.of(found.store, replace(found.manifest, plan=replace(found.manifest.plan, suffix=".npy")))


@provokes(TABLES, "A Delta table without the library that writes it", job=DELTA)
def delta_library(scene: Scene) -> None:
    finished(scene, DELTA)
    scene.patch.setitem(sys.modules, "deltalake", None)
    scene.run()


@provokes(TABLES, "An Iceberg table without the library that writes it", job=ICEBERG)
def iceberg_library(scene: Scene) -> None:
    finished(scene, ICEBERG)
    scene.patch.setitem(sys.modules, "pyiceberg", None)
    scene.run()


def _other(name: str, title: str, **others: pa.Field) -> None:
    """A Delta table that is there, with other columns."""

    def provoke(scene: Scene) -> None:
        DeltaTable.create("lake/digits", columns(finished(scene, DELTA), **others))
        scene.run()

    provoke.__name__ = name
    provokes(TABLES, title, job=DELTA)(provoke)


_other("table_type", "A table that has a column of another type", label=pa.field("label", pa.string()))
_other("table_null", "A table that needs a column more", day=pa.field("day", pa.date32(), nullable=False))


@provokes(TABLES, "A table that has other columns", job=DELTA)
def table_columns(scene: Scene) -> None:
    finished(scene, DELTA)
    DeltaTable.create("lake/digits", pa.schema({"label": pa.int64()}))
    scene.run()


@provokes(TABLES, "An Iceberg table that takes no nulls", job=ICEBERG)
def iceberg_null(scene: Scene) -> None:
    found = finished(scene, ICEBERG)
    with lake(scene) as catalog:
        catalog.create_table("samples.digits", columns(found, label=pa.field("label", pa.int64(), nullable=False)))
    scene.run()


@provokes(TABLES, "An Iceberg table that is partitioned", job=ICEBERG)
def iceberg_partitioned(scene: Scene) -> None:
    found = finished(scene, ICEBERG)
    with lake(scene) as catalog, catalog.create_table("samples.digits", columns(found)).update_spec() as spec:
        spec.add_identity("label")
    scene.run()


@provokes(TABLES, "A Delta table that cannot be reached", "`genai run job.yaml`, and `lake` is a file", job=DELTA)
def delta_out_of_reach(scene: Scene) -> None:
    finished(scene, DELTA)
    scene.write("lake", "a file")
    scene.run()


@provokes(TABLES, "A Delta table whose log is damaged", job=DELTA)
def delta_log(scene: Scene) -> None:
    finished(scene, DELTA)
    scene.write("lake/digits/_delta_log/00000000000000000000.json", "cut off")
    scene.run()


@provokes(TABLES, "An Iceberg table whose mark is no number", "`genai run job.yaml`, after others", job=ICEBERG)
def iceberg_mark(scene: Scene) -> None:
    found = finished(scene, ICEBERG)
    with register(scene).transaction() as change:
        change.set_properties({f"genai.dataset.{found.dataset_key}": "many"})
    scene.run()


@provokes(TABLES, "An Iceberg table that has lost its mark", "`genai run job.yaml`, after another program", job=ICEBERG)
def iceberg_forgotten(scene: Scene) -> None:
    found = finished(scene, ICEBERG)
    with register(scene).transaction() as change:
        change.remove_properties(f"genai.dataset.{found.dataset_key}")
    scene.run()


@provokes(TABLES, "Parts where no Iceberg table can find them", job=ICEBERG)
def iceberg_path(scene: Scene) -> None:
    finished(scene, ICEBERG)
    shutil.move("runs", "runs#1")
    scene.run("output=runs#1")


@provokes(TABLES, "A new Iceberg table in a namespace too deep", job=ICEBERG)
def iceberg_deep(scene: Scene) -> None:
    finished(scene, ICEBERG)
    scene.run("publish.0.table=samples.digits.new")


def _catalogue(name: str, title: str, lines: str, done: str = "") -> None:
    """A job with a catalogue that cannot be had."""

    def provoke(scene: Scene) -> None:
        finished(scene, lines)
        scene.patch.setenv("PYICEBERG_HOME", str(scene.folder))
        scene.run()

    provoke.__name__ = name
    provokes(TABLES, title, done, job=lines)(provoke)


_catalogue(
    "catalogue_unknown", "A catalogue that is not set up",
    "publish: [{kind: iceberg, table: samples.digits, catalog: my-lake}]\n",
)  # fmt: skip
_catalogue(
    "catalogue_type", "A catalogue of a kind that PyIceberg does not know",
    "publish: [{kind: iceberg, table: samples.digits, catalog: lake, properties: {type: files}}]\n",
)  # fmt: skip
_catalogue("catalogue_no_uri", "A catalogue whose address is none", ELSEWHERE % "catalog.db")
_catalogue(
    "catalogue_library", "A catalogue whose library is not installed", ELSEWHERE % "postgresql+psycopg2://host/lake"
)
_catalogue("catalogue_down", "A catalogue whose database cannot be reached", ELSEWHERE % "sqlite:////no/where.db")
_catalogue("catalogue_away", "A catalogue whose server cannot be reached", SERVED % "http://127.0.0.1:9")
_catalogue("catalogue_homeless", "A new Iceberg table without a warehouse", ELSEWHERE % "sqlite:///catalog.db")


@provokes(TABLES, "PyIceberg's settings, damaged", "`genai run job.yaml`; ~/.pyiceberg.yaml breaks off", job=ICEBERG)
def catalogue_settings(scene: Scene) -> None:
    finished(scene, ICEBERG)
    scene.write(".pyiceberg.yaml", "catalog:\n  lake: {token: only-here\n")
    scene.patch.setenv("PYICEBERG_HOME", str(scene.folder))
    scene.run()


class Closed(BaseHTTPRequestHandler):
    """A catalogue that lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()
        self.wfile.write(b'{"error": {"message": "no token", "type": "NotAuthorizedException", "code": 401}}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


@provokes(TABLES, "A catalogue that does not let us in", job=SERVED % "https://catalog.example.com")
def catalogue_refuses(scene: Scene) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            finished(scene, SERVED % f"http://127.0.0.1:{server.server_port}")
            scene.run()
        finally:
            server.shutdown()


@provokes(PART, "A part has other bytes, as it goes into a table", job=DELTA, hint=MEND)
def table_part_other(scene: Scene) -> None:
    found = finished(scene, DELTA)
    data = found.store.get(part(found, 1))
    found.store.put(part(found, 1), data[:40] + bytes([data[40] ^ 1]) + data[41:])
    scene.run()


@provokes(PART, "A part is gone, as it goes into a Delta table", job=DELTA, hint=MEND)
def table_part_gone(scene: Scene) -> None:
    found = finished(scene, DELTA)
    found.store.delete(part(found, 1))
    scene.run()


@provokes(PART, "The first part is gone, as it goes into a table", job=DELTA, hint=MEND)
def table_first_gone(scene: Scene) -> None:
    found = finished(scene, DELTA)
    found.store.delete(part(found, 0))
    scene.run()


@provokes(PART, "A part is gone, as it goes into an Iceberg table", job=ICEBERG, hint=MEND)
def iceberg_part_gone(scene: Scene) -> None:
    found = finished(scene, ICEBERG)
    found.store.delete(part(found, 1))
    scene.run()


@provokes(PART, "The first part breaks off, as it goes into a table", job=DELTA, hint=MEND)
def table_part_broken(scene: Scene) -> None:
    found = finished(scene, DELTA)
    found.store.put(part(found, 0), found.store.get(part(found, 0))[:-9])
    scene.run()


@provokes(PART, "A part has other rows than its manifest says", "A dataset that another program has sealed", job=DELTA)
def table_part_rows(scene: Scene) -> None:
    found = finished(scene, DELTA)
    sink = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(found.store.get(part(found, 1)))).slice(0, 9), sink)
    found.store.put(part(found, 1), sink.getvalue())
    parts = list(found.manifest.parts)
    parts[1] = replace(parts[1], bytes=len(sink.getvalue()), sha256=sha256(sink.getvalue()))
    found.store.delete(layout.dataset(found.dataset_key))
    seal(found.store, replace(found.manifest, parts=tuple(parts)))
    scene.run()
