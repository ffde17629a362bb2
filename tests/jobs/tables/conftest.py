"""A small sealed dataset that grows, and each kind of table, in a folder and on S3.

`pytest tests/jobs/tables` takes no job and no crew: parts are encoded here as a worker does it, and sealed.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from deltalake import DeltaTable
from pyarrow.fs import LocalFileSystem, S3FileSystem, SubTreeFileSystem

from genai.formats import About, Samples, content_digest
from genai.formats.parquet import Parquet
from genai.identity import sha256
from genai.modalities.image import Image
from jobs import layout, ledger
from jobs.ledger import Manifest, Receipt
from jobs.shards import Plan
from jobs.stores import open_store
from jobs.stores.credentials import access
from jobs.tables import Sealed
from jobs.tables.delta import Delta
from jobs.tables.iceberg import Iceberg

CLASSES = ("nought", "one", "two")
IMAGE = Image(size=(2, 2), mode="L")


def sealed(output, count, key="0a1b2c3d4e5f6071", part_rows=100):
    """The dataset of a key with `count` samples: what is there of it stays."""
    store, plan = open_store(str(output)), Plan(count, part_rows, (1, 1, 1))
    parts = tuple(_part(store, key, plan, shard) for shard in plan)
    ledger.seal(store, Manifest(key, "digits", plan, CLASSES, sha256(b"model"), 7, parts, {"genai": "0"}))
    return Sealed.open(store, key)


def _part(store, key, plan, shard):
    indices = np.arange(shard.start, shard.stop)
    labels = np.array(plan.labels(shard.start, shard.stop))
    arrays = np.broadcast_to(indices.astype(np.uint8)[:, None], (len(indices), 4)).reshape(-1, 2, 2, 1)
    samples = Samples(indices, labels, np.ascontiguousarray(arrays))
    data = Parquet().encode(samples, About(IMAGE, sha256(b"model"), 7, key, "tests", CLASSES))
    counts = tuple(np.bincount(labels, minlength=3).tolist())
    receipt = Receipt(shard.name, shard.start, shard.stop, len(data), sha256(data), content_digest(samples), counts, {})
    store.put(layout.part(key, shard.name), data)
    store.put(layout.receipt(key, shard.name), receipt.to_json())
    return receipt


@dataclass(frozen=True)
class Place:
    """Where a test's datasets and tables lie: a folder, or a bucket."""

    root: str
    folder: object  # for what is a file in any case: the catalogue's database

    @property
    def output(self):
        return f"{self.root}/out"

    def iceberg(self, table="samples.digits"):
        properties = {"type": "sql", "uri": f"sqlite:///{self.folder}/catalog.db", "warehouse": f"{self.root}/lake"}
        return Iceberg(table, "tests", properties).located(str)

    def delta(self):
        return Delta(f"{self.root}/lake/digits")

    def table(self, kind):
        return getattr(self, kind)()


@pytest.fixture
def folder(tmp_path):
    """A folder of its own."""
    return Place(str(tmp_path), tmp_path)


@pytest.fixture
def bucket(moto_s3, monkeypatch, tmp_path):
    """A bucket that has to be found by the AWS variables."""
    return Place(moto_s3.use(monkeypatch), tmp_path)


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.soak)])
def place(request):
    """Each of the two."""
    return request.getfixturevalue(request.param)


def loaded(table):
    """The Iceberg table as PyIceberg has it."""
    with table._opened("", "") as catalog:
        return catalog.load_table(table.table)


def exists(table):
    """Whether the table is there."""
    if isinstance(table, Delta):
        return DeltaTable.is_deltatable(table.to, table._options() or None)
    with table._opened("", "") as catalog:
        return catalog.table_exists(table.table)


def delta_table(table):
    """The Delta table as deltalake has it."""
    return DeltaTable(table.to, storage_options=table._options() or None)


def delta_dataset(table):
    """Its files as a dataset of Arrow, by Arrow's own file system: with that of deltalake, a process that ends soon
    after a read is aborted (deltalake 1.6, pyarrow 26).
    """
    system, path = LocalFileSystem(), table.to
    if path.startswith("s3://"):
        reached, path = access("bucket"), path.removeprefix("s3://")
        system = S3FileSystem(
            access_key=reached.key, secret_key=reached.secret, endpoint_override=reached.endpoint, region=reached.region
        )
    return delta_table(table).to_pyarrow_dataset(filesystem=SubTreeFileSystem(path, system))


def rows_of(table):
    """All rows of a table, by its own library, as Arrow."""
    if isinstance(table, Iceberg):
        return loaded(table).scan().to_arrow()
    return delta_dataset(table).to_table()


def indices(table):
    """The index of each row, sorted."""
    return sorted(rows_of(table).column("index").to_pylist())


def version(table):
    """What changes when the table does."""
    return loaded(table).metadata_location if isinstance(table, Iceberg) else delta_table(table).version()
