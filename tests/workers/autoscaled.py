"""A run on a cluster of Ray's own autoscaler, which has no machine until somebody asks.

Ray's fake provider starts a node of this machine for each that the autoscaler wants; all else is as on AWS. Prints
what the run told, and what machines there were.

    python -m tests.workers.autoscaled FOLDER
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from jobs.crew import Done
from tests.clusters import LOOPBACK, STORE_BYTES
from tests.jobs.crew_suite import make, outcomes, silent
from tests.processes import descendants
from workers.__main__ import ENVIRONMENT
from workers.local import LocalCrew

HEAD = "ray.head.default"  # the fake provider's own word


def cluster_file(folder, address):
    """Machines of one CPU, at most two, none while there is no work."""
    values = {
        "cluster_name": "fake", "max_workers": 2, "upscaling_speed": 10.0, "idle_timeout_minutes": 0.2,
        "provider": {
            "type": "fake_multinode", "gcs_address": address, "disable_node_updaters": True,
            "disable_launch_config_check": True, "use_node_id_as_ip": True,
        },
        "available_node_types": {
            HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "worker": {
                "resources": {"CPU": 1, "object_store_memory": STORE_BYTES}, "node_config": {}, "min_workers": 0,
                "max_workers": 2,
            },
        },
        "head_node_type": HEAD, "auth": {}, "docker": {}, "file_mounts": {}, "cluster_synced_files": [],
        "file_mounts_sync_continuously": False, "rsync_exclude": [], "rsync_filter": [],
        "initialization_commands": [], "setup_commands": [], "head_setup_commands": [], "worker_setup_commands": [],
        "head_start_ray_commands": [], "worker_start_ray_commands": [],
    }  # fmt: skip
    path = folder / "cluster.yaml"
    path.write_text(json.dumps(values))
    return path


@contextmanager
def autoscaling(folder):
    """A head with an autoscaler; its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = f"127.0.0.1:{port}"
    own = {"HOME": str(folder), "RAY_AUTH_MODE": "disabled", LOOPBACK: "0"}
    fake = {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    os.environ.update({**ENVIRONMENT, **own})
    os.environ.pop("RAY_ADDRESS", None)
    session = tempfile.mkdtemp(prefix="ray")  # short: Ray has sockets in it
    head = subprocess.Popen([
        Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus=0", f"--port={port}",
        "--node-ip-address=127.0.0.1", f"--temp-dir={session}", "--include-dashboard=false",
        f"--object-store-memory={STORE_BYTES}", f"--autoscaling-config={cluster_file(folder, address)}",
    ], env={**os.environ, **fake}, stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        yield address
    finally:
        below = [pid for pid, _ in descendants(head.pid)]
        for pid in [head.pid, *below]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        head.wait()
        shutil.rmtree(session, ignore_errors=True)


def machines():
    """Workers' machines that there are."""
    import ray

    return sum(node["Alive"] and node["Resources"].get("CPU", 0) > 0 for node in ray.nodes())


def main(folder):
    made = make(LocalCrew(), str(folder / "output"))
    spec = made.generate.spec
    train = replace(made.train, key="2" * 16)
    there = {}

    def count(kind, **_):
        if kind == "train_started":
            there["training"] = machines()

    with autoscaling(folder) as address:
        connect(address)
        from workers.crew import RayCrew
        from workers.machines import grows

        until(grows)
        there["before"] = machines()
        trained = RayCrew().train(train, count)
        with RayCrew().pool(made.generate, len(made.shards), silent) as pool:
            until(lambda: pool.wait(1.0) or len(pool.names) == spec.generate.workers.max)
            there["minting"] = machines()
            found = list(outcomes(pool, made.shards))
        until(lambda: machines() == 0)
        there["after"] = machines()
    found = {
        "machines": there, "same": trained["digest"] == made.generate.checkpoint,
        "done": sum(isinstance(outcome, Done) for outcome in found), "parts": len(made.shards),
    }  # fmt: skip
    sys.stdout.write(json.dumps(found) + "\n")


def connect(address):
    """As soon as somebody answers."""
    import ray

    def connected():
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except ConnectionError:
            return False
        return True

    until(connected)


def until(reached, seconds=240.0):
    """Look until it is so."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < seconds, "not reached"
        time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
