"""The runs that have begun, found folder by folder: parts, receipts and events are not passed over, so what it costs
follows from the runs, a request each, and not from what they made.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from genai.errors import InputError
from jobs.stores import Entry, Store

AT_ONCE = 16  # folders that are looked into side by side


@dataclass(frozen=True)
class Begun:
    """A run with a job file; `result` is there when it has ended."""

    run: str
    result: Entry | None


def begun(job: Store) -> list[Begun]:
    """The runs in a job's folder, by their ids."""
    folders = _folders(job, "runs/")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = zip(folders, pool.map(lambda folder: _inside(job, folder), folders), strict=True)
        files = [
            (folder.split("/")[1], {entry.key.rpartition("/")[2]: entry for entry in there}) for folder, there in found
        ]
    return [Begun(run, there.get("result.json")) for run, there in files if "job.yaml" in there]


def jobs_in(output: Store) -> Iterator[tuple[str, list[Begun]]]:
    """The jobs of an output that have runs, by their names."""
    for folder in _folders(output, ""):
        with suppress(InputError):  # a name that no job has
            if runs := begun(output.child(folder[:-1])):
                yield folder[:-1], runs


def _folders(store: Store, folder: str) -> list[str]:
    return sorted(entry.key for entry in store.inside(folder) if entry.key.endswith("/"))


def _inside(store: Store, folder: str) -> list[Entry]:
    try:
        return list(store.inside(folder))
    except InputError:  # a name that no key of ours has
        return []
