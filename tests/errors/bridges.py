"""What sources of other programs can have wrong: Hugging Face folders, WebDatasets, Iceberg snapshots."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from genai.augment import Augmented
from tests.errors.provoked import Scene, provokes
from tests.errors.rows import check, png
from tests.genai.sources.avro import ENTRY, avro, entry, record, text
from tests.genai.sources.made import iceberg, write_tar

HUB, TARS, ICEBERG = "Data: Hugging Face folders", "Data: WebDatasets", "Data: Iceberg tables"
FILE, STATE, INFO = "data-00000-of-00001.arrow", "state.json", "dataset_info.json"
METADATA = "lake/pets/metadata/00001-a.metadata.json"


def _saved(scene: Scene, folder: str = "saved", **state: object) -> None:
    """A folder as `save_to_disk` writes it, of two rows; `state` is put over its state.json."""
    table = pa.table({"image": [png(0), png(1)], "label": [0, 1]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    classes = {"_type": "ClassLabel", "names": ["cat", "dog"]}
    scene.write(f"{folder}/{FILE}", sink.getvalue().to_pybytes())
    scene.write(f"{folder}/{INFO}", json.dumps({"features": {"image": {"_type": "Image"}, "label": classes}}))
    scene.write(f"{folder}/{STATE}", json.dumps({"_data_files": [{"filename": FILE}]} | state))


@provokes(HUB, "One Arrow file of a saved dataset", job="")
def hub_file(scene: Scene) -> None:
    _saved(scene)
    check(scene, f"saved/{FILE}")


@provokes(HUB, "Arrow files that `save_to_disk` has not written", job="")
def hub_no_state(scene: Scene) -> None:
    _saved(scene)
    (scene.folder / "saved" / STATE).unlink()
    check(scene, "saved")


@provokes(HUB, "A DatasetDict of several splits", job="")
def hub_splits(scene: Scene) -> None:
    scene.write("saved/dataset_dict.json", '{"splits": ["train", "test"]}')
    for split in ("train", "test"):
        _saved(scene, f"saved/{split}")
    check(scene, "saved")


@provokes(HUB, "A state that leads out of the folder", job="")
def hub_outside(scene: Scene) -> None:
    _saved(scene, _data_files=[{"filename": "../other.arrow"}])
    check(scene, "saved")


@provokes(HUB, "A dataset that was shuffled, and not flattened before it was saved", job="")
def hub_indices(scene: Scene) -> None:
    _saved(scene, _indices_data_files=[{"filename": "indices.arrow"}])
    check(scene, "saved")


@provokes(HUB, "A file of the dataset is gone", job="")
def hub_gone(scene: Scene) -> None:
    _saved(scene)
    (scene.folder / "saved" / INFO).unlink()
    check(scene, "saved")


@provokes(HUB, "A state that is no JSON", job="")
def hub_unreadable(scene: Scene) -> None:
    _saved(scene)
    scene.write(f"saved/{STATE}", "[]")
    check(scene, "saved")


@provokes(TARS, "A tar that is compressed", job="")
def tar_compressed(scene: Scene) -> None:
    write_tar(scene.folder / "a.tar", [("a.png", png()), ("a.cls", b"1")])
    with tarfile.open(scene.folder / "a.tar.gz", "w:gz") as tar:
        tar.add(scene.folder / "a.tar", "a.png")
    check(scene, "a.tar.gz")


@provokes(TARS, "No such label: WebDataset", job="")
def tar_label(scene: Scene) -> None:
    write_tar(scene.folder / "a.tar", [("a.png", png()), ("a.caption", b"cat")])
    check(scene, "a.tar")


@provokes(TARS, "A file that is no tar", job="")
def tar_unreadable(scene: Scene) -> None:
    scene.write("a.tar", "x" * 5000)
    check(scene, "a.tar")


def _table(scene: Scene, *entries: bytes) -> None:
    """An Iceberg table of one snapshot, whose manifest has these entries."""
    place = scene.folder / METADATA
    listed, manifest = place.parent / "list.avro", place.parent / "manifest.avro"
    fields = [{"id": 1, "name": "image", "type": "binary"}, {"id": 2, "name": "label", "type": "string"}]
    said = {
        "format-version": 1, "location": "lake/pets", "schema": {"fields": fields},
        "current-snapshot-id": 1, "snapshots": [{"snapshot-id": 1, "manifest-list": str(listed)}],
    }  # fmt: skip
    scene.write(METADATA, json.dumps(said))
    listed.write_bytes(avro(record("string"), text(str(manifest).encode())))
    manifest.write_bytes(avro(ENTRY, b"".join(entries), len(entries)))


def _snapshot(name: str, title: str, entries: Callable[[Scene], list[bytes]]) -> None:
    """A snapshot that is not read: because of what its manifest lists."""

    def provoke(scene: Scene) -> None:
        _table(scene, *entries(scene))
        check(scene, METADATA)

    provoke.__name__ = name
    provokes(ICEBERG, title, job="")(provoke)


_snapshot("iceberg_twice", "A snapshot that has a data file twice", lambda _: [entry(), entry()])
_snapshot("iceberg_deleted", "Rows that were deleted by a list of them", lambda _: [entry(content=1)])
_snapshot("iceberg_orc", "Data files that are no Parquet", lambda _: [entry(kind=b"ORC")])
_snapshot("iceberg_elsewhere", "Data files in a bucket", lambda _: [entry(file=b"s3://lake/pets/a.parquet")])
_snapshot("iceberg_empty", "A snapshot whose rows were all deleted", lambda _: [entry(status=2)])


@provokes(ICEBERG, "A data file that somebody has replaced", job="")
def iceberg_replaced(scene: Scene) -> None:
    data = scene.folder / "lake/pets/data/a.parquet"
    data.parent.mkdir(parents=True)
    pq.write_table(pa.table({"image": [png(n) for n in range(3)], "label": ["cat"] * 3}), data)
    _table(scene, entry(file=str(data).encode()))
    check(scene, METADATA)


@provokes(ICEBERG, "A snapshot that is not there", job="")
def iceberg_snapshot(scene: Scene) -> None:
    _table(scene, entry())
    check(scene, f"{METADATA}@77")


@provokes(ICEBERG, "A metadata file that is not there", job="")
def iceberg_gone(scene: Scene) -> None:
    check(scene, METADATA)


@provokes(ICEBERG, "A metadata file that breaks off", job="")
def iceberg_broken(scene: Scene) -> None:
    scene.write(METADATA, '{"snapshots": ')
    check(scene, METADATA)


@provokes(
    ICEBERG, "A catalogue, asked for outside of a job", "`Augmented(…, real='iceberg://lake/pets.rows')`"
)  # fmt: skip
def iceberg_catalogue(scene: Scene) -> None:
    scene.finished()
    Augmented(str(next(scene.folder.rglob("_SUCCESS")).parent), real="iceberg://lake/pets.rows", ratio=0.5)


@provokes(ICEBERG, "A catalogue without a table", job="")
def iceberg_no_name(scene: Scene) -> None:
    check(scene, "iceberg://lake")


@provokes(ICEBERG, "A table that its catalogue has not got", job="")
def iceberg_unknown(scene: Scene) -> None:
    iceberg(scene.folder, 0, name="lake")
    scene.patch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
    scene.patch.setenv("PYICEBERG_CATALOG__LAKE__URI", "sqlite:///catalog.db")
    check(scene, "iceberg://lake/pets.cats")
