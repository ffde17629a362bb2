"""What a snapshot of an Iceberg table is made of, by its metadata alone: the columns, and the data files.

Metadata names manifest lists, these manifests, and these data files, each by an absolute URI; all must lie where the
metadata does: on this machine's disk, or in the same bucket. (https://iceberg.apache.org/spec, format versions 1 to 3)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from genai.errors import DataError, NotFound
from genai.sources import Files
from genai.sources._avro import records
from genai.sources._bounded import bounded
from genai.sources._openers import side_by_side

FILE_BYTES = 1 << 26  # of metadata, or of a manifest
CLASSES = "genai.classes"  # in the summary of a snapshot that we added

_DELETED = 2  # status of an entry


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a snapshot, as an entry of a listing. Its name is used once, so the table is its version."""

    key: str
    size: int
    version: str
    rows: int


@dataclass(frozen=True)
class Snapshot:
    """`columns` has the names by field id, `aliases` the field ids by names that files without ids may use."""

    table: str
    columns: dict[int, str]
    aliases: dict[str, int]
    classes: list[str] | None
    files: list[DataFile]


def plan(files: Files, key: str, number: int | None) -> Snapshot:
    """The snapshot of a metadata file: that of a number, else the current one. Raises DataError."""
    place = placed(files, key)
    with _door(place):
        metadata = json.loads(bounded(files, key, FILE_BYTES))
        snapshots = {one["snapshot-id"]: one for one in metadata.get("snapshots", [])}
        wanted = metadata.get("current-snapshot-id") if number is None else number
        if wanted not in snapshots:
            known = ", ".join(str(one) for one in list(snapshots)[-10:])
            raise DataError(f"{place}: found no {_called(number)}; allowed: {known or 'a table with rows'}")
        found = snapshots[wanted]
        schema = _schema(metadata, found if number is not None else {})
        table = str(metadata.get("table-uuid") or metadata["location"])
        columns = {int(field["id"]): str(field["name"]) for field in schema["fields"]}
        classes = _classes(snapshots, found)
        listed = _key(files, found["manifest-list"])
        aliases = _aliases(metadata)
    return Snapshot(table, columns, aliases, classes, _data_files(files, listed, table))


def _data_files(files: Files, manifest_list: str, table: str) -> list[DataFile]:
    place = placed(files, manifest_list)
    with _door(place):
        manifests = [_key(files, one["manifest_path"]) for one in records(bounded(files, manifest_list, FILE_BYTES))]
    found = [one for part in side_by_side(lambda key: _entries(files, key, table), manifests) for one in part]
    if len({one.key for one in found}) < len(found):
        raise DataError(f"{place}: it names a data file twice; allowed: each once")
    return sorted(found, key=lambda one: one.key)


def _entries(files: Files, manifest: str, table: str) -> list[DataFile]:
    place = placed(files, manifest)
    with _door(place):
        alive = [one["data_file"] for one in records(bounded(files, manifest, FILE_BYTES)) if one["status"] != _DELETED]
        return [_data_file(files, place, one, table) for one in alive]


def _data_file(files: Files, place: str, found: dict[str, Any], table: str) -> DataFile:
    path, kind = found["file_path"], str(found["file_format"])
    if found.get("content"):
        raise DataError(
            f"{place}: rows of the table were deleted without rewriting their files ({path[-100:]}); allowed: a "
            "snapshot after a compaction (rewrite_data_files)"
        )
    if kind.lower() != "parquet" or found.get("key_metadata"):
        raise DataError(f"{path[-200:]}: found a file of {kind[:20]}, or an encrypted one; allowed: plain Parquet")
    return DataFile(_key(files, path), int(found["file_size_in_bytes"]), table, int(found["record_count"]))


def _schema(metadata: dict[str, Any], snapshot: dict[str, Any]) -> dict[str, Any]:
    """That of a snapshot that was asked for; of the table as it is, its own, which may be newer than the snapshot."""
    if "schemas" not in metadata:
        return dict(metadata["schema"])  # format version 1
    wanted = snapshot.get("schema-id", metadata["current-schema-id"])
    return next(dict(one) for one in metadata["schemas"] if one["schema-id"] == wanted)


def _aliases(metadata: dict[str, Any]) -> dict[str, int]:
    """The table's name mapping, which files without field ids go by."""
    told = json.loads(metadata.get("properties", {}).get("schema.name-mapping.default", "[]"))
    return {str(name): int(one["field-id"]) for one in told if "field-id" in one for name in one["names"]}


def _classes(snapshots: dict[Any, Any], found: dict[str, Any] | None) -> list[str] | None:
    """The class names that our datasets in the table say, if all say the same."""
    said, seen = set(), set[Any]()
    while found and found["snapshot-id"] not in seen:
        seen.add(found["snapshot-id"])
        said.add(found.get("summary", {}).get(CLASSES))
        found = snapshots.get(found.get("parent-snapshot-id"))
    told = [json.loads(text) for text in said - {None}]
    return [str(name) for name in told[0]] if len(told) == 1 and told[0] else None


def _key(files: Files, uri: str) -> str:
    """A file that metadata names, below the root. Raises DataError where it is elsewhere."""
    place, key = parted(uri)
    if parted(files.uri)[0] != place or not key:
        raise DataError(
            f"{str(uri)[:200]}: the table's metadata lies elsewhere ({files.uri}); allowed: a table all of whose files "
            "are on one disk, or in one bucket"
        )
    return key


def parted(uri: str) -> tuple[str, str]:
    """A URI as the place of its root, `s3://bucket` or `/` for a disk, and the key below."""
    scheme, mark, rest = uri.partition("://")
    if not mark:
        return "/", uri.removeprefix("file:").lstrip("/")
    if scheme == "file":
        return "/", rest.removeprefix("localhost").lstrip("/")
    authority, _, key = rest.partition("/")
    return f"{'s3' if scheme in ('s3a', 's3n') else scheme}://{authority}", key


def placed(files: Files, key: str) -> str:
    """A file as a user would name it."""
    return f"{files.uri}{'' if files.uri.endswith('/') else '/'}{key}"


@contextmanager
def _door(place: str) -> Iterator[None]:
    """Where what a file says that is no table's becomes ours."""
    try:
        yield
    except NotFound as error:
        raise DataError(f"{place}: there is no such file; {_ALLOWED}") from error
    except _FOREIGN as error:
        found = f"{type(error).__name__}: {error}".split("\n")[0][:300]
        raise DataError(f"{place}: no readable metadata of an Iceberg table: {found}; {_ALLOWED}") from error


def _called(number: int | None) -> str:
    return "current snapshot" if number is None else f"snapshot {number}"


_ALLOWED = "allowed: a table of format version 1 to 3, by the metadata file that its catalogue names"
_FOREIGN = (
    OSError, ValueError, KeyError, IndexError, TypeError, OverflowError, AttributeError, RecursionError, StopIteration,
)  # fmt: skip
