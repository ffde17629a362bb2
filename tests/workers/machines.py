"""Minting while machines come and go: one is added, one is drained by AWS's notice, one is lost.

A process of its own, since the tests here share one Ray of one machine. Prints who made which part, and what failed.

    python -m tests.workers.machines FOLDER
"""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from jobs.crew import Done
from tests.clusters import cluster
from tests.jobs.crew_suite import WAITS, make, silent
from workers.local import LocalCrew

QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000}  # Ray knows of a lost machine sooner
PARTS = 12


class Notice(BaseHTTPRequestHandler):
    """The metadata of a spot machine whose end is announced."""

    def do_PUT(self):
        self._say(b"token")

    def do_GET(self):
        right = self.path.endswith("/spot/instance-action") and self.headers["X-aws-ec2-metadata-token"] == "token"
        self._say(b'{"action": "terminate"}' if right else b"", 200 if right else 404)

    def log_message(self, *_):
        pass

    def _say(self, body, status=200):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


def notice(address):
    """What cluster.yaml starts beside Ray on a worker, on a machine that gets notice; its exit code.

    On one machine every node is here, so it drains any of them.
    """
    server = HTTPServer(("127.0.0.1", 0), Notice)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    metadata = f"http://127.0.0.1:{server.server_port}"
    script = Path(__file__).parents[2] / "workers/spot_notice.py"
    return subprocess.run(
        [sys.executable, script, address],
        env=os.environ | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata},
        cwd="/",
        check=False,
    ).returncode


def drain(address, node):
    """As the notice does, a chosen node of those on this machine."""
    words = ["--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=spot", "--deadline-remaining-seconds=600"]
    ray = Path(sys.executable).with_name("ray")
    subprocess.run([ray, "drain-node", f"--address={address}", f"--node-id={node.node_id}", *words], check=True)


class Minting:
    """A pool, the parts that are left to give, and what came of the others."""

    def __init__(self, pool, shards):
        self.pool, self.left, self.made, self.failed = pool, list(shards), {}, []

    def until(self, reached, *, keep=0):
        """Give all but so many parts, until something is so."""
        for _ in range(WAITS):
            if reached():
                return
            while len(self.left) > keep and self.pool.room > 0:
                self.pool.submit(self.left.pop(0))
            for outcome in self.pool.wait(1.0):
                if isinstance(outcome, Done):
                    self.made[outcome.shard.number] = outcome.receipt.worker
                else:
                    self.failed.append(outcome.shard.number)
                    self.left.append(outcome.shard)
        raise AssertionError(f"not reached; {self.pool.waiting()}")

    def worker_of(self, machines, node):
        inside = machines.processes(node)
        return next(name for name in self.pool.names if int(name.split("/")[1]) in inside)


def stop(names, number):
    for name in names:
        os.kill(int(name.split("/")[1]), number)


def main(folder):
    made = make(LocalCrew(), str(folder / "output"))
    plan = made.generate.plan
    task = replace(made.generate, plan=replace(plan, part_rows=-(-plan.count // PARTS)))
    shards = list(task.plan)
    with cluster(folder, QUICK) as machines:
        first = machines.add(cpus=1)

        import ray

        from workers.crew import RayCrew
        from workers.machines import leaving

        ray.init(address=machines.address, log_to_driver=False, logging_level="ERROR")
        with RayCrew().pool(task, len(shards), silent) as pool:
            mint = Minting(pool, shards)
            mint.until(lambda: len(pool.names) == 1, keep=PARTS)
            second = machines.add(cpus=1)
            mint.until(lambda: len(pool.names) == 2, keep=PARTS)
            leaver, stayer = mint.worker_of(machines, first), mint.worker_of(machines, second)

            stop([leaver, stayer], signal.SIGSTOP)
            while pool.room:
                pool.submit(mint.left.pop(0))
            drain(machines.address, first)
            mint.until(lambda: first.node_id in pool._leaving, keep=PARTS)
            stop([leaver, stayer], signal.SIGCONT)
            mint.until(lambda: leaver not in pool.names, keep=4)
            by_drain = list(mint.failed)

            third = machines.add(cpus=1)
            mint.until(lambda: len(pool.names) == 2, keep=PARTS)
            comer = mint.worker_of(machines, third)
            stop([comer], signal.SIGSTOP)
            mint.until(lambda: comer in {pool._workers[actor].name for actor, _ in pool._in_hand.values()})
            machines.lose(third)
            mint.until(lambda: len(mint.made) == len(shards))
        noticed = notice(machines.address)
        staying = {node["NodeID"] for node in ray.nodes() if node["Alive"]} - leaving()
        left = [node["NodeID"] for node in ray.nodes() if node["NodeID"] not in staying]
        told = {
            "leaver": leaver, "comer": comer, "failed_by_drain": by_drain, "failed": mint.failed, "made": mint.made,
            "parts": len(shards), "noticed": noticed, "left": len(set(left) - {first.node_id, third.node_id}),
        }  # fmt: skip
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
