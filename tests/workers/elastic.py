"""A training on two machines, of which that of worker 0 is lost and none replaces it.

A process of its own, since the tests here share one Ray of one machine. Prints what was told, and both digests.

    python -m tests.workers.elastic FOLDER
"""

import json
import sys
import time
from pathlib import Path

from jobs import layout
from jobs.crew import PrepareTask, TrainTask
from tests.clusters import cluster
from tests.jobs.scripted import job
from workers.local import LocalCrew

QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000}  # Ray knows of a lost machine sooner
STEPS = 1500


def main(folder):
    spec = job(
        f"train={{steps: {STEPS}, micro_batches: 2, checkpoint_every: 100, validate_every: 500}}",
        "train.workers.count=2",
        output=str(folder / "output"),
    )
    prepared = LocalCrew().prepare(PrepareTask(spec, "0" * 16), print)
    layout.job_store(spec).put(layout.prepared("0" * 16), prepared.to_json())
    alone = LocalCrew().train(TrainTask(spec, "1" * 16, "0" * 16), lambda *_, **__: None)

    with cluster(folder, QUICK) as machines:
        nodes, told, began = [machines.add(cpus=1), machines.add(cpus=1)], [], time.monotonic()

        def strike_once(kind, **fields):
            if kind == "state_saved" and kind not in {other["kind"] for other in told}:
                first = int(told[0]["worker"].rpartition("/")[2])
                machines.lose(next(node for node in nodes if first in machines.processes(node)))
            if kind != "waiting":
                told.append({"kind": kind, "at": round(time.monotonic() - began, 2), **fields})

        import ray

        from workers.crew import RayCrew

        ray.init(address=machines.address, log_to_driver=False, logging_level="ERROR")
        struck = RayCrew().train(TrainTask(spec, "2" * 16, "0" * 16), strike_once)
    found = {"alone": alone["digest"], "struck": struck["digest"], "told": told}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
