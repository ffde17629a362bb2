"""RUN, as a command takes it: a job file, a run id, or the path or URI of a run or of a dataset.

One resolver for all commands, so that what one understands all do.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genai.errors import InputError, NotFound
from jobs import layout
from jobs.begun import begun
from jobs.spec import JobSpec, load
from jobs.stores import Store, open_store

_RUN_ID = re.compile(r"([a-z0-9][a-z0-9._-]*)-[0-9a-f]{12}")


@dataclass(frozen=True)
class Target:
    """What RUN means. `dataset` is set where a dataset was named; otherwise the run's own follows from its spec."""

    spec: JobSpec
    store: Store  # of the job's folder
    run_id: str
    dataset: str | None = None


def resolve(text: str, output: str = "runs", overrides: Sequence[str] = ()) -> Target:
    """Find the run. `output` is where a bare run id is looked for. Raises InputError where there is none."""
    if _is_job_file(text):
        spec = job(text, overrides)
        return Target(spec, layout.job_store(spec), layout.run_id(spec))
    if overrides:
        raise InputError(f"--set and --logical-date go with a job file; {text!r} is a run that is written already")
    if (match := _RUN_ID.fullmatch(text)) and not os.path.exists(text):  # noqa: PTH110  # takes names of any length
        return _run(open_store(output).child(match[1]), text, text)
    return _by_place(text)


def job(path: str, overrides: Sequence[str] = ()) -> JobSpec:
    """The job file at a path or URI. Raises InputError where it is not there, SpecError with all its faults."""
    folder, _, name = path.rpartition("/")
    try:
        text = open_store(folder or ".").get(name) if "://" in path else Path(path).read_bytes()
    except (FileNotFoundError, NotFound):
        raise InputError(f"{path}: no such job file; allowed: a YAML file, as `genai init` writes it") from None
    except (OSError, ValueError) as error:
        found = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read: {found}; allowed: a YAML file, as `genai init` writes it") from None
    return load(path, text, overrides).anchored()


def is_run_id(text: str) -> bool:
    """Whether it has the form of a run's id."""
    return _RUN_ID.fullmatch(text) is not None


def trained_at(store: Store, digest: str) -> str | None:
    """The key of the finished training that made a checkpoint."""
    return by_digest(store, "checkpoints/", "/metrics.json", digest)


def by_digest(store: Store, folder: str, ending: str, digest: str) -> str | None:
    """The key below a folder whose file names a digest."""
    names = [entry.key for entry in store.list(folder) if entry.key.endswith(ending)]
    return next((name.split("/")[1] for name in names if digest.encode() in store.get(name)), None)


def _is_job_file(text: str) -> bool:
    return text.endswith((".yaml", ".yml", ".json")) and not text.endswith(("/manifest.json", "/result.json"))


def _run(store: Store, run_id: str, said: str) -> Target:
    try:
        text = store.get(layout.run(run_id))
    except NotFound:
        place = store.locate(f"runs/{run_id}")
        hint = "`genai list` shows those there are (--output says where)"
        raise InputError(f"{said}: no run at {place}; {hint}") from None
    return Target(load(store.locate(layout.run(run_id)), text), store, run_id)


def _by_place(text: str) -> Target:
    """A folder or URI: …/<job>/runs/<run id> or …/<job>/datasets/<key>, or a file in one of them."""
    parts = text.rstrip("/").split("/")
    at = max((i for i, part in enumerate(parts[:-1]) if part in ("runs", "datasets")), default=None)
    if at is not None:  # the last such folder: an output may itself be called runs
        store, name = open_store("/".join(parts[:at]) or "."), parts[at + 1]
        return _run(store, name, text) if parts[at] == "runs" else _dataset(store, name, text)
    raise InputError(
        f"{text}: no run is there; allowed: a job file (*.yaml), a run id (<job>-<12 hex digits>), or the path or URI "
        "of a run (<output>/<job>/runs/<id>) or a dataset (<output>/<job>/datasets/<key>)"
    )


def _dataset(store: Store, key: str, said: str) -> Target:
    """The dataset's newest run: the one whose result names it."""
    ended = [each.run for each in begun(store) if each.result]
    for run in reversed(ended):
        if _made(store.get(layout.run(run, "result.json"))) == key:
            target = _run(store, run, said)
            return Target(target.spec, store, target.run_id, key)
    raise InputError(f"{said}: no finished run made this dataset; `genai list` shows the runs there are")


def _made(result: bytes) -> object:
    """The dataset that a run's result names; None where it names none, or is none."""
    try:
        return json.loads(result)["dataset"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
