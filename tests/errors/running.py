"""What can end a run that had begun, and what can be wrong with one that had ended."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace

from genai.errors import GenaiError, StoreError
from jobs import gc, layout, ledger, repair, start
from jobs.lease import Holder, Leases
from jobs.repair import examine, mend
from jobs.shards import make
from jobs.stores.file import FileStore
from jobs.view import result_of
from tests.errors.provoked import Scene, provokes
from tests.jobs.scripted import Lost, ScriptedCrew

RUNNING, CARING = "Running a job", "Verifying, repairing, collecting"


@provokes(RUNNING, "Classes of a model that knows none", job="")
def plan_no_class(scene: Scene) -> None:
    scene.finished()
    scene.write(
        "job.yaml", (scene.folder / "job.yaml").read_text().replace("latent: 4", "latent: 4, conditional: false")
    )
    scene.genai("plan", "job.yaml", "--set", "generate.count={per_class: 5}")


@provokes(RUNNING, "A class that the data does not have")
def plan_no_such_class(scene: Scene) -> None:
    scene.finished()
    scene.genai("run", "job.yaml", "--set", "generate.labels=[seven]")


@provokes(
    RUNNING, "Balance where nothing is lacking", "`genai run job.yaml` with `count: {balance: true}` and equal classes"
)
def plan_balanced(scene: Scene) -> None:
    make({"balance": True}, ["cat", "dog"], [50, 50], None, 10)


@provokes(RUNNING, "DDP without Ray", job="")
def ddp_local(scene: Scene) -> None:
    scene.run("train.reduction=ddp")


@provokes(RUNNING, "A GPU where there is none", job="")
def no_gpu(scene: Scene) -> None:
    scene.patch.setenv("CUDA_VISIBLE_DEVICES", "")
    scene.run("train.workers.gpu=1")


@provokes(
    RUNNING,
    "Another run is at work on the same",
    job="",
    hint="Nothing is lost by waiting: finished parts are not made again.",
)
def lease_held(scene: Scene) -> None:
    target = scene.target()
    Leases(target.store, target.run_id).take(target.run_id)
    scene.typed = "genai run job.yaml"
    Leases(target.store, target.run_id).take(target.run_id)


@provokes(
    RUNNING, "This run was taken for dead", "`genai run job.yaml`, on a machine that then slept for minutes", job=""
)
def lease_lost(scene: Scene) -> None:
    target = scene.target()
    mine, other = Leases(target.store, target.run_id), Holder("digits-000000000000", "another", 7, "", "")
    mine.take(target.run_id)
    target.store.put(layout.lease(target.run_id, 9), other.to_json())
    mine.renew()
    mine.check()


@provokes(RUNNING, "Parts that failed again and again", job="")
def parts_given_up(scene: Scene) -> None:
    full = StoreError("/path/runs/digits/datasets: No space left on device; make room or mend the disk, then try again")
    crew = ScriptedCrew({(number, attempt): full for number in (1,) for attempt in (1, 2, 3)})
    scene.run(crew=crew)


@provokes(
    RUNNING,
    "A worker that was lost with each try of a part",
    job="",
    hint="Mostly for want of memory: ask for a smaller `generate.batch`, or for fewer workers.",
)
def parts_lost(scene: Scene) -> None:
    scene.run(crew=ScriptedCrew({(2, attempt): Lost() for attempt in (1, 2, 3)}))


@provokes(
    RUNNING,
    "An error that is none of ours",
    "`genai run job.yaml`, with a family of your own that has a fault",
    job="",
    hint="Where the family, the source or the network is your own, mend it; else report it with the run's `events/`.",
)
def foreign(scene: Scene) -> None:
    with contextlib.suppress(ZeroDivisionError):
        scene.run(crew=ScriptedCrew(refusals={"train": ZeroDivisionError("division by zero")}))
    target = scene.target()
    scene.typed = "genai run job.yaml"
    raise GenaiError(result_of(target.store, target.run_id)["error"])


@provokes(
    RUNNING,
    "The driver was killed",
    "`genai run job.yaml`, and the system killed it for want of memory",
    job="",
    hint="Mostly for want of memory: ask for fewer workers, or for smaller batches.",
)
def driver_killed(scene: Scene) -> None:
    script = scene.folder / "python"
    scene.write("python", "#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    scene.patch.setattr(sys, "executable", str(script))
    start.drive("runs/digits/runs/digits-0123456789ab/job.yaml", "local", "genai run job.yaml", print)


@provokes(
    RUNNING,
    "A part that went while the dataset was sealed",
    "`genai run job.yaml`, and somebody removed a part meanwhile",
)
def seal_lost(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.part(found.dataset_key, found.manifest.parts[0].name))
    ledger.seal(found.store, found.manifest)


@provokes(RUNNING, "A part that comes out otherwise than it was published")
def seal_other(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.dataset(found.dataset_key, "_SUCCESS"))
    changed = replace(found.manifest.parts[0], sha256="0" * 64)
    scene.typed = "genai run job.yaml"
    ledger.seal(found.store, replace(found.manifest, parts=(changed, *found.manifest.parts[1:])))


@provokes(RUNNING, "Fewer samples than the dataset had before it was damaged")
def seal_smaller(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.dataset(found.dataset_key, "_SUCCESS"))
    scene.run("generate.count=20")


@provokes(RUNNING, "A dataset that would lack samples", "`ledger.seal(…)` of a manifest without its last parts")
def seal_short(scene: Scene) -> None:
    found = scene.finished()
    ledger.seal(found.store, replace(found.manifest, parts=found.manifest.parts[:1]))


@provokes(RUNNING, "A dataset whose parts are out of order", "`ledger.seal(…)` of a manifest whose parts are swapped")
def seal_swapped(scene: Scene) -> None:
    found = scene.finished()
    ledger.seal(found.store, replace(found.manifest, parts=found.manifest.parts[::-1]))


@provokes(CARING, "A manifest that is gone")
def manifest_gone(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.dataset(found.dataset_key))
    scene.genai("verify", "job.yaml")


@provokes(CARING, "A manifest that was changed")
def manifest_changed(scene: Scene) -> None:
    found = scene.finished()
    name = layout.dataset(found.dataset_key)
    found.store.put(name, found.store.get(name).replace(b'"seed": 0', b'"seed":  0'))
    scene.genai("verify", "job.yaml")


@provokes(CARING, "A manifest that leaves samples out")
def manifest_gap(scene: Scene) -> None:
    found = scene.finished()
    found.store.put(
        layout.dataset(found.dataset_key), replace(found.manifest, parts=found.manifest.parts[:1]).to_json()
    )
    scene.genai("verify", "job.yaml")


@provokes(CARING, "A manifest whose parts do not follow on each other")
def manifest_order(scene: Scene) -> None:
    found = scene.finished()
    parts = (found.manifest.parts[1], found.manifest.parts[0])
    found.store.put(layout.dataset(found.dataset_key), replace(found.manifest, parts=parts).to_json())
    scene.genai("verify", "job.yaml")


@provokes(CARING, "Repair of a run that was never finished")
def repair_unfinished(scene: Scene) -> None:
    found = scene.finished()
    for entry in list(found.store.list("datasets/")):
        found.store.delete(entry.key)
    scene.genai("repair", "job.yaml")


@provokes(
    CARING, "Repair by a run whose data has changed", "`genai repair runs/digits/datasets/<key>`, made from other data"
)
def repair_other(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.part(found.dataset_key, found.manifest.parts[0].name))
    scene.typed = f"genai repair runs/digits/datasets/{found.dataset_key}"
    target = replace(scene.target("seed=1"), dataset=found.dataset_key)
    mend(examine(target, lambda *_: None), "local", "", print)


@provokes(CARING, "Repair while somebody is at work on it")
def repair_held(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.part(found.dataset_key, found.manifest.parts[0].name))
    Leases(found.store, layout.run_id(found.spec)).take(found.dataset_key)
    scene.genai("repair", "job.yaml")


class Forgetful(FileStore):
    """A disk that takes receipts and does not keep them."""

    def put(self, key: str, data: bytes) -> None:
        if "/receipts/" not in key:
            super().put(key, data)


@provokes(CARING, "Repair on a disk that does not keep what it is given", "`genai repair job.yaml`")
def repair_in_vain(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.receipt(found.dataset_key, found.manifest.parts[0].name))
    target = replace(scene.target(), store=Forgetful(found.store.uri))
    mend(examine(target, lambda *_: None), "local", "", print)


@provokes(CARING, "Repair where training comes out otherwise", "`genai repair job.yaml`, on another kind of processor")
def repair_otherwise(scene: Scene) -> None:
    scene.finished()
    damage = examine(scene.target(), lambda *_: None)
    repair._check_key(damage, {"stage": "generate", "key": "0" * 16}, damage.manifest.key)


@provokes(CARING, "Collecting while a run begins", "`genai gc digits --delete`, and a run began meanwhile")
def gc_beside(scene: Scene) -> None:
    found = scene.finished()
    sweep = gc.look(found.store)
    Leases(found.store, layout.run_id(found.spec)).take(layout.run_id(found.spec))
    gc.remove(sweep)
