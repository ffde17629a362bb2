"""What the commands say: plans, states and lists, as data for `--json` and as lines for people."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from math import prod
from typing import Annotated, Any

from annotated_types import Ge, Lt

from genai.errors import NotFound, StoreError
from genai.fields import fits
from jobs import layout
from jobs.begun import begun, jobs_in
from jobs.events import LATEST, read
from jobs.ledger import Receipt, rejected
from jobs.pack import equal
from jobs.publication import Publication, publications
from jobs.publish import kind_of
from jobs.registration import Registration
from jobs.stores import Store, open_store
from jobs.survey import Survey

ENCODED = 1.1  # bytes of an encoded image, as a share of its raw ones, before anything is known


def plan(found: Survey) -> dict[str, Any]:
    """The stages of a job, what is done of each, and the size of what is left."""
    recipe = found.spec.train.recipe
    rows = found.training_rows
    steps = recipe.total_steps(rows) if rows else recipe.steps
    parts = len(found.plan) if found.plan else None
    done = parts if found.complete else len(found.receipts)
    prepare = {"stage": "prepare", "key": found.prepare_key, "complete": found.prepared is not None, "rows": rows}
    train = {
        "stage": "train", "key": found.train_key, "complete": found.metrics is not None, "steps": steps,
        "workers": found.spec.train.workers.model_dump(), "checkpoint": found.pinned and found.pinned.place,
    }  # fmt: skip
    return {
        "run": layout.run_id(found.spec),
        "output": found.store.locate("runs").removesuffix("/runs"),
        "stages": [
            *([] if found.pinned else [prepare]), *_source(found), train,
            {"stage": "generate", "key": found.dataset_key, "complete": found.complete, "parts": parts,
             "done": done, "rows": found.plan.count if found.plan else None, "bytes": _bytes(found),
             "workers": found.spec.generate.workers.model_dump()},
            *_publications(found),
        ],
    }  # fmt: skip


def _source(found: Survey) -> Iterator[dict[str, Any]]:
    """The rows that are drawn from."""
    if found.spec.generate.mode:
        rows = found.source.splits["train"].rows if found.source else None
        key = found.source_key or None
        yield {"stage": "source", "key": key, "complete": found.source is not None, "rows": rows}


def _publications(found: Survey) -> Iterator[dict[str, Any]]:
    """What is published of the dataset, or will be."""
    if not found.dataset_key:
        for entry in found.spec.publish:
            yield {"stage": f"publish {kind_of(entry)}", "key": None, "complete": False, "place": entry.place}
        return
    for each in publications(found.spec, found.store, found.dataset_key):
        whole = found.complete and _is_whole(each, found)
        yield {"stage": each.stage, "key": each.key, "complete": whole, "place": each.place}


def _is_whole(publication: Publication | Registration, found: Survey) -> bool | None:
    """Whether all samples are there; None where that cannot be seen now."""
    try:
        return publication.count() >= (found.manifest.plan.count if found.manifest else 0)
    except StoreError:
        return None


def _bytes(found: Survey) -> int | None:
    """Bytes of the whole dataset: as it is, or as the parts that there are suggest, or as raw images would take."""
    if found.manifest and found.complete:
        return found.manifest.bytes
    if not (found.plan and found.modality):
        return None
    known = found.receipts.values()
    if known:
        return round(found.plan.count * sum(r.bytes for r in known) / sum(r.rows for r in known))
    return round(found.plan.count * prod(found.modality.array_shape) * ENCODED)


def plan_lines(view: dict[str, Any]) -> Iterator[str]:
    yield f"run       {view['run']}"
    yield f"output    {view['output']}"
    width = max(9, *(len(stage["stage"]) for stage in view["stages"]))
    for stage in view["stages"]:
        state = _STATES[stage["complete"]]
        key = stage["key"] or "(its key follows)"
        yield f"{stage['stage']:<{width}} {state:<6} {key:<18} {_about(stage)}"


_ROWS = {"prepare": "training rows", "source": "rows to draw from"}
_STATES = {True: "done", False: "to do", None: "out of reach"}


def _about(stage: dict[str, Any]) -> str:
    if stage["stage"] in _ROWS:
        return f"{stage['rows']:,} {_ROWS[stage['stage']]}" if stage["rows"] else ""
    if "place" in stage:
        return stage["place"] or ""
    workers = stage["workers"]
    if stage.get("checkpoint"):
        return f"taken from {stage['checkpoint']}"
    if stage["stage"] == "train":
        steps = f"{stage['steps']:,} steps" if stage["steps"] else "steps by epochs"
        return f"{steps}, {workers['count']} worker(s) of {workers['cpu']:g} CPU, {workers['gpu']:g} GPU"
    if stage["parts"] is None:
        return f"{workers['min']} to {workers['max']} worker(s)"
    size = f", about {stage['bytes'] / 1e6:,.1f} MB" if stage["bytes"] else ""
    done = f"{stage['done']:,} of {stage['parts']:,} parts, {stage['rows']:,} samples{size}"
    return f"{done}, up to {workers['max']} worker(s)"


def state(found: Survey, run_id: str) -> dict[str, Any]:
    """How a run stands, from the store alone."""
    events = list(read(found.store, run_id))
    result = result_of(found.store, run_id)
    failed = [e.fields for e in events if e.kind in ("shard_failed", "shard_quarantined")]
    errors = [fields for fields in failed if {"shard", "error"} <= fields.keys()]
    last = events[-1] if events else None
    stages = plan(found)
    done = "done" if all(stage["complete"] for stage in stages["stages"]) else None
    return {
        **stages,
        "run": run_id,
        "state": done or (result or {}).get("state") or ("started" if events else "not started"),
        "error": None if done else (result or {}).get("error"),
        "last_event": last and {"kind": last.kind, "at": _when(last.at), **last.fields},
        "failures": errors[-5:],
        "dataset": layout.dataset_place(found.store, found.dataset_key) if found.dataset_key else None,
        "digest": found.manifest.digest if found.manifest else None,
        **draws(found.manifest.parts if found.manifest else found.receipts.values()),
    }


def draws(receipts: Iterable[Receipt]) -> dict[str, Any]:
    """How often was drawn for these parts, and what of it filters refused, by reason."""
    there = list(receipts)
    return {"drawn": sum(part.drawn for part in there), "rejected": rejected(there)}


def draws_lines(view: dict[str, Any]) -> Iterator[str]:
    """Nothing where no filter refused a draw."""
    if refused := sum(view["rejected"].values()):
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in view["rejected"].items())
        drawn = view["drawn"]
        yield f"drawn     {drawn:,} = {drawn - refused:,} published + {refused:,} rejected ({reasons})"


def state_lines(view: dict[str, Any]) -> Iterator[str]:
    yield f"state     {view['state']}" + (f": {view['error']}" if view["error"] else "")
    if view.get("holder"):
        yield f"driver    {view['holder']}"
    if view.get("address"):
        yield f"cluster   {view['address']}"
    yield from plan_lines(view)
    if view["last_event"]:
        yield f"last      {view['last_event']['at']} {view['last_event']['kind']}"
    for failure in view["failures"]:
        yield f"failed    {failure['shard']}: {failure['error']}"
    yield from draws_lines(view)
    if view["digest"]:
        yield f"dataset   {view['dataset']}"
        yield f"digest    {view['digest']}"


def result_of(store: Store, run_id: str) -> dict[str, Any] | None:
    """What a run ended with, or None."""
    try:
        found = json.loads(store.get(layout.run(run_id, "result.json")))
    except (NotFound, ValueError, RecursionError):
        return None
    known = isinstance(found, dict) and not {"run", "job"} & found.keys()
    return found if known and all(fits(found[name], _RESULT[name]) for name in _RESULT.keys() & found.keys()) else None


_TIME = Annotated[float, Ge(0), Lt(LATEST)]
_RESULT: dict[str, Any] = {
    "began": _TIME, "ended": _TIME, "rows": int, "bytes": int, "exit_code": int,
    **dict.fromkeys(("state", "error", "dataset", "path", "page", "digest", "checkpoint", "logical_date"), str),
}  # fmt: skip  # what a result says, where it says it


def runs(output: str, job: str | None = None) -> list[dict[str, Any]]:
    """The runs in an output, newest last."""
    store = open_store(output)
    found = []
    for name, there in [(job, begun(store.child(job)))] if job else jobs_in(store):
        for each in there:
            result = result_of(store.child(name), each.run) or {"state": "started"}
            found.append({"run": each.run, "job": name, **result, "ended": _when(result.get("ended"))})
    return sorted(found, key=lambda run: run.get("began") or 0)


def run_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    for run in found:
        rows = f"{run['rows']:>12,} samples" if run.get("rows") else ""
        date = f"  for {run['logical_date']}" if run.get("logical_date") else ""
        yield f"{run['run']:<32} {run['state']:<11} {run['ended'] or '':<17} {rows}{date}"


def newest(store: Store) -> float | None:
    """When the newest run of a job was done, in seconds since the epoch; None where none is."""
    results = [result_of(store, each.run) or {} for each in begun(store) if each.result]
    return max((float(r["ended"]) for r in results if r.get("state") == "done" and "ended" in r), default=None)


def is_fresh(store: Store, seconds: float, tell: Callable[[str], None], now: Callable[[], float] = time.time) -> bool:
    """Whether a run of the job was done within so long; tells why not."""
    at = newest(store)
    if at is not None and now() - at <= seconds:
        return True
    found = "no run was done yet" if at is None else f"the newest was done {_when(at)}, {(now() - at) / 3600:.1f} h ago"
    tell(f"error: {found}; allowed: within {seconds / 3600:g} h (--max-age)")
    return False


def done(found: Survey) -> dict[str, Any]:
    """What a finished run leaves."""
    manifest = found.manifest
    assert manifest
    place = layout.dataset_place(found.store, manifest.key)
    return {
        "run": layout.run_id(found.spec), "dataset": manifest.key, "path": place, "data": f"{place}/data",
        "page": f"{place}/report.html", "rows": manifest.rows, "parts": len(manifest.parts), "bytes": manifest.bytes,
        "digest": manifest.digest, "checkpoint": manifest.checkpoint, "as_packed": equal(found),
        **draws(manifest.parts),
    }  # fmt: skip


def done_lines(view: dict[str, Any]) -> Iterator[str]:
    yield f"{view['rows']:,} samples in {view['parts']:,} parts, {view['bytes'] / 1e6:,.1f} MB"
    yield from draws_lines(view)
    yield f"data      {view['data']}"
    yield f"page      {view['page']}"
    yield f"digest    {view['digest']}"
    if view["as_packed"] is not None:
        yield "packed    " + ("equal to what was packed" if view["as_packed"] else "NOT equal to what was packed")


def starter(name: str) -> str:
    """A job file to begin with."""
    return f"""\
# genai run job.yaml     trains, mints and publishes; run it again and nothing is done twice
name: {name}
output: runs                      # a folder, or s3://bucket/prefix
data:
  source: sklearn://digits        # or Parquet files (a/*.parquet), a folder of images by class; local or s3://
  label: label                    # the column of the class; null: none
model:
  family: flow                    # `genai schema` lists families and their fields
train:
  steps: 600
generate:
  count: 1000                     # or {{per_class: 100}}, {{match: train}}, {{balance: true}}
"""


def _when(at: float | None) -> str | None:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M Z") if at else None
