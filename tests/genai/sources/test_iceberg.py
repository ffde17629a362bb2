"""Snapshots of Iceberg tables, written by PyIceberg."""

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.types import IntegerType

from genai.augment.files import open_files
from genai.errors import DataError
from genai.modalities.image import Image
from genai.modalities.table import Table
from genai.prepare import Terms, gather
from genai.sources import open_source
from genai.sources._avro import records
from jobs.stores import open_store
from tests.genai.sources.avro import ENTRY, avro, deflated, entry, long, record, text
from tests.genai.sources.made import iceberg, rows, write_parquet


@pytest.fixture
def table(tmp_path):
    """Two snapshots of five rows each."""
    return iceberg(tmp_path, 2)


def path(uri):
    return Path(uri.removeprefix("file://"))


def said(found):
    return sorted((row.value, row.label, row.error) for row in found)


def listed(table):
    """The rows as PyIceberg reads them."""
    found = table.scan().to_arrow()
    columns = (found[name].to_pylist() for name in ("image", "label"))
    return sorted((image, label, None) for image, label in zip(*columns, strict=True))


def test_rows_are_those_that_pyiceberg_reads(table, read):
    """Of the snapshot that the metadata file calls current."""
    assert said(read(table.metadata_location)) == listed(table)


def test_a_metadata_file_is_one_snapshot_for_ever(table, read):
    """However the table goes on: a later append, or overwrite, shows in a later file only."""
    before, fingerprint = table.metadata_location, open_source(table.metadata_location, "label", open_store).fingerprint
    first = fingerprint()
    table.append(rows(3, 100))
    table.overwrite(rows(4, 200))

    assert (len(read(before)), fingerprint()) == (10, first)
    assert said(read(table.metadata_location)) == listed(table)
    assert len(read(table.metadata_location)) == 4


def test_a_snapshot_may_be_named_by_its_number(table, read):
    """Behind the metadata file; one that is not there is told with those that are."""
    first, last = (one.snapshot_id for one in table.snapshots())

    assert [len(read(f"{table.metadata_location}@{number}")) for number in (first, last)] == [5, 10]
    with pytest.raises(DataError, match=f"found no snapshot 77; allowed: {first}, {last}"):
        read(f"{table.metadata_location}@77")


def test_it_is_prepared_as_the_same_rows_in_parquet(table, tmp_path):
    """To one digest, with another snapshot's rows to another."""
    write_parquet(tmp_path / "rows.parquet", **dict(zip(("image", "label"), rows(10).columns, strict=True)))
    first = f"{table.metadata_location}@{table.snapshots()[0].snapshot_id}"
    sources = [
        open_source(str(uri), "label", open_store)
        for uri in (table.metadata_location, tmp_path / "rows.parquet", first)
    ]
    digests = [gather([one], [], Image(), Terms({"train": 1.0}), lambda *_: None).digest for one in sources]

    assert digests[0] == digests[1] != digests[2]


def test_rows_deleted_by_rewriting_are_gone(table, read):
    """As PyIceberg deletes."""
    table.delete("label = 'cat'")

    assert {row.label for row in read(table.metadata_location)} == {"dog"}
    assert said(read(table.metadata_location)) == listed(table)


def test_a_renamed_column_is_found_in_older_files(table, read):
    """By its id: the label column under its new name, and nothing under the old one."""
    with table.update_schema() as change:
        change.rename_column("label", "kind")
        change.rename_column("image", "picture")
        change.add_column("index", IntegerType())
    table.append(pa.table({"picture": [b"x"], "kind": ["dog"], "index": pa.array([1], pa.int32())}))

    assert len(read(table.metadata_location, "kind")) == 11
    with pytest.raises(DataError, match="no label column 'label', the columns are picture, kind"):
        read(table.metadata_location)


def test_rows_of_a_table_have_the_new_names_of_renamed_columns(table):
    """Also those of older files, which call them otherwise."""
    with table.update_schema() as change:
        change.add_column("seats", IntegerType())
    table.overwrite(pa.table({"image": [b"x"], "label": ["dog"], "seats": pa.array([1], pa.int32())}))
    with table.update_schema() as change:
        change.rename_column("seats", "places")
    table.append(pa.table({"image": [b"x"], "label": ["cat"], "places": pa.array([2], pa.int32())}))

    source = open_source(table.metadata_location, "label", open_store, Table(only=("places",)))
    rows = [row.value for fragment in source.fragments() for row in source.read(fragment)]
    assert sorted(row["places"] for row in rows) == [1, 2]


def test_a_column_that_took_anothers_name_is_not_taken_for_it(table, read):
    """Old files have a column of that name, of another meaning."""
    with table.update_schema(allow_incompatible_changes=True) as change:
        change.delete_column("label")
    with table.update_schema() as change:
        change.add_column("label", IntegerType())

    with pytest.raises(DataError, match="no label column 'label', the columns are image"):
        read(table.metadata_location)


def test_files_without_ids_go_by_the_name_mapping(table, tmp_path, read):
    """Files that were registered where they lie, under names that the table had once."""
    file = tmp_path / "elsewhere.parquet"
    pq.write_table(rows(3, 100), file)
    table.add_files([f"file://{file}"])
    with table.update_schema() as change:
        change.rename_column("image", "picture")

    assert len(read(table.metadata_location)) == 13


def test_numbers_stay_numbers_whatever_a_file_says_of_them(tmp_path, read):
    """Class names of one file are not the table's; those that our own snapshots say are, if all say the same."""
    table = iceberg(tmp_path)
    with table.update_schema(allow_incompatible_changes=True) as change:
        change.delete_column("label")
    with table.update_schema() as change:
        change.add_column("label", IntegerType())
    more = pa.table({"image": [b"x"], "label": pa.array([1], pa.int32())})
    table.overwrite(more)
    bare = [row.label for row in read(table.metadata_location)]
    table.append(more, snapshot_properties={"genai.classes": '["cat", "dog"]'})
    named = [row.label for row in read(table.metadata_location)]
    table.append(more, snapshot_properties={"genai.classes": '["dog", "cat"]'})

    assert (bare, named) == ([1], ["dog", "dog"])
    assert [row.label for row in read(table.metadata_location)] == [1, 1, 1]


def test_the_folder_of_a_table_asks_for_its_metadata_file(table, tmp_path, read):
    """Files that it has may be in no snapshot, so they are not read as Parquet; a glob of them is."""
    with pytest.raises(DataError, match=r"does not say which .* is current; .* perhaps .*/00002-[^/]*\.metadata\.json"):
        read(tmp_path / "lake/pets/rows")
    assert len(read(tmp_path / "lake/pets/rows/data/*.parquet")) == 10


def test_a_catalogue_is_for_jobs_to_ask(read):
    """The science has no network."""
    with pytest.raises(DataError, match="only a job asks a catalogue; allowed here: the table's metadata file"):
        read("iceberg://lake/pets.rows")


def test_it_is_read_without_a_store(table):
    """By what `genai.augment` opens files with."""
    source = open_source(table.metadata_location, "label", open_files)

    assert said([row for one in source.fragments() for row in source.read(one)]) == listed(table)


def test_a_table_without_rows_is_told(tmp_path, read):
    """Before and after its first snapshot."""
    table = iceberg(tmp_path, 0)
    with pytest.raises(DataError, match="found no current snapshot"):
        read(table.metadata_location)
    table.append(rows(2))
    table.delete("label = 'cat' or label = 'dog'")
    with pytest.raises(DataError, match="found a snapshot without rows"):
        read(table.metadata_location)


def test_a_data_file_with_other_rows_is_refused(table, read):
    """Somebody has replaced it."""
    pq.write_table(rows(3), path(next(iter(table.scan().plan_files())).file.file_path))

    with pytest.raises(DataError, match="found 3 rows, the table says 5"):
        read(table.metadata_location)


ITSELF = {"type": "record", "name": "r", "fields": [{"name": "r", "type": "r"}]}
MANIFEST_LISTS = {
    "nothing": (lambda: b"", "no Avro file"),
    "rubbish": (lambda: b"x" * 99, "no Avro file"),
    "five bytes that end PyIceberg": (lambda: b"Obj\1\xfe\xff\xff\xff\x7f", "breaks off|KeyError"),
    "a schema that is none": (lambda: avro(b"{", b""), "no readable metadata"),
    "a schema of 10,000 lists": (lambda: avro(b"[" * 10**4, b""), "no readable metadata"),
    "a text of a terabyte": (lambda: avro(record("string"), long(2**40)), "1,099,511,627,776 bytes are claimed"),
    "a text of less than nothing": (lambda: avro(record("string"), long(-9)), "-9 bytes are claimed"),
    "a block of a terabyte": (lambda: avro(record("string"), b"", size=2**40), "1,099,511,627,776 bytes are claimed"),
    "a number without end": (lambda: avro(record("long"), b"\xff" * 99), "over 64 bits"),
    "a billion records of nothing": (lambda: avro(record("null"), b"", 10**9), "take no bytes"),
    "a billion records that are not there": (lambda: avro(record("string"), text(b"x"), 10**9), "breaks off"),
    "a list of a billion nothings": (
        lambda: avro(record({"type": "array", "items": "null"}), long(10**9) + b"\0"), "a list of what takes no bytes",
    ),
    "a list of a billion that are not there": (
        lambda: avro(record({"type": "array", "items": "int"}), long(10**9) + b"\0"), "breaks off",
    ),
    "a record within itself": (lambda: avro(ITSELF, b"x"), "recursion|no readable metadata"),
    "a type that is not there": (lambda: avro(record("nosuch"), b"x"), "nosuch"),
    "a branch that is not there": (lambda: avro(record(["null", "string"]), long(7)), "no such branch"),
    "a codec that is not there": (lambda: avro(record("string"), b"x", codec=b"lzma"), "codec is 'lzma'"),
    "a bomb": (lambda: avro(record("bytes"), deflated(bytes(1 << 26)), codec=b"deflate"), "inflates to over"),
    "deflate that is none": (lambda: avro(record("bytes"), b"\xff\xff", codec=b"deflate"), "no readable metadata"),
    "a manifest of the machine": (
        lambda: avro(record("string"), text(b"/etc/hostname")), "hostname: no readable metadata",
    ),
    "a manifest in a bucket": (lambda: avro(record("string"), text(b"s3://b/x")), "s3://b/x: the table's"),
    "a manifest that is not there": (lambda: avro(record("string"), text(b"/nosuch")), "there is no such file"),
    "more than it says": (lambda: avro(record("string"), text(b"x") * 2), "other records than it says"),
}  # fmt: skip


@pytest.mark.parametrize("name", MANIFEST_LISTS)
def test_a_manifest_list_that_lies_is_one_clear_message(name, table, read):
    """Nothing is taken on the file's word, so it takes no memory to find out."""
    make, message = MANIFEST_LISTS[name]
    path(table.current_snapshot().manifest_list).write_bytes(make())
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as told:
            read(table.metadata_location)
        assert tracemalloc.get_traced_memory()[1] < 1 << 27
    finally:
        tracemalloc.stop()
    assert len(str(told.value)) < 1000


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            [entry(content=1)],
            "rows of the table were deleted without rewriting .* allowed: a snapshot after a compaction",
        ),
        ([entry(content=2)], "rows of the table were deleted"),
        ([entry(kind=b"ORC")], r"/data/a\.parquet: found a file of ORC"),
        ([entry(), entry()], "names a data file twice"),
        ([entry(file=b"s3://other/a.parquet")], "the table's metadata lies elsewhere"),
        ([entry(status=2, content=1)], "found a snapshot without rows"),
    ],
)
def test_what_a_manifest_may_not_name_is_refused(entries, message, table, read):
    """Rows that a reader would have to leave out, files that are no Parquet, files elsewhere."""
    for manifest in table.current_snapshot().manifests(table.io):
        path(manifest.manifest_path).write_bytes(avro(ENTRY, b"".join(entries), len(entries)))
        entries = [] if "twice" not in message else entries

    with pytest.raises(DataError, match=message):
        read(table.metadata_location)


@pytest.mark.parametrize(
    "metadata", [b"", b"[]", b"{}", b'{"snapshots": 7}', b"[" * 10**5, b'{"snapshots": [{}]}', b"\xff", b"null"]
)
def test_metadata_that_is_none_is_one_clear_message(metadata, tmp_path, read):
    """Whatever is in the file."""
    (tmp_path / "1.metadata.json").write_bytes(metadata)

    with pytest.raises(DataError, match=r"no readable metadata of an Iceberg table|no current snapshot"):
        read(tmp_path / "1.metadata.json")


def test_a_metadata_file_that_is_not_there_is_told(tmp_path, read):
    """As bad input."""
    with pytest.raises(DataError, match=r"nosuch\.metadata\.json: there is no such file"):
        read(tmp_path / "nosuch.metadata.json")


def test_avro_is_read_as_its_writers_meant_it():
    """Named types, unions, lists and maps in blocks with and without their bytes, each codec."""
    schema = {
        "type": "record", "name": "r", "fields": [
            {"name": "a", "type": ["null", "string"]}, {"name": "b", "type": {"type": "array", "items": "long"}},
            {"name": "c", "type": {"type": "map", "values": "bytes"}}, {"name": "d", "type": "double"},
            {"name": "e", "type": {"type": "fixed", "name": "f", "size": 2}}, {"name": "g", "type": "f"},
        ],
    }  # fmt: skip
    lists = (
        long(2) + long(7) + long(-8) + long(-1) + long(1) + long(3) + b"\0",
        long(1) + text(b"k") + text(b"v") + b"\0",
    )
    block = long(1) + text(b"x") + b"".join(lists) + bytes(8) + b"abcd"
    expected = [{"a": "x", "b": None, "c": None, "d": bytes(8), "e": b"ab", "g": b"cd"}]

    assert list(records(avro(schema, block))) == expected
    assert list(records(avro(schema, deflated(block), codec=b"deflate"))) == expected
    squeezed = pa.compress(block, codec="zstd", asbytes=True)
    assert list(records(avro(schema, squeezed, codec=b"zstandard"))) == expected


def test_it_is_read_from_s3(tmp_path, moto_s3, monkeypatch, read):
    """Metadata and data in one bucket."""
    uri = moto_s3.use(monkeypatch)
    table = iceberg(tmp_path, 2, warehouse=f"{uri}/lake")

    assert said(read(table.metadata_location)) == listed(table)
    assert {row.where.rpartition("/")[0] for row in read(table.metadata_location)} == {"lake/pets/rows/data"}
