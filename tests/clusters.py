"""Ray clusters of several nodes on this machine, on loopback, for whatever must lose a node.

    with cluster(home) as machines:             # a head without CPUs; a driver that connects runs there
        one, two = machines.add(cpus=2), machines.add(cpus=2)
        subprocess.run([...], env=os.environ | machines.environment)
        machines.lose(one)                      # as if its power were cut

Every process is below this one, and none outlives the `with`.
"""

import os
import signal
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import descendants
from workers.__main__ import ENVIRONMENT

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
STORE_BYTES = 150 << 20  # of a node's object store


@dataclass(frozen=True)
class Machines:
    """The nodes of a cluster. `environment` is what a driver needs to reach it."""

    environment: dict[str, str]
    _cluster: Any = field(repr=False)

    @property
    def address(self) -> str:
        """For RAY_ADDRESS, or `ray.init`."""
        return self.environment["RAY_ADDRESS"]

    def add(self, cpus: float, gpus: float = 0, **options: Any) -> Any:
        """One more node; gives it when the cluster knows it. `node_id` is its name in Ray."""
        return self._cluster.add_node(
            num_cpus=cpus, num_gpus=gpus, object_store_memory=STORE_BYTES, include_dashboard=False, **options
        )

    def processes(self, node: Any) -> list[int]:
        """What runs on a node: its raylet first, then the agents and workers below it."""
        own = [process.pid for _, process in node.live_processes()]
        return own + [child for pid in own for child, _ in descendants(pid)]

    def lose(self, node: Any) -> None:
        """All of a node is gone at once, without a word to anybody."""
        _kill(self.processes(node))
        self._cluster.remove_node(node, allow_graceful=False)


@contextmanager
def cluster(home: Path, system_config: dict[str, Any] | None = None):
    """A head on which nothing heavy runs; `home` is where Ray leaves its token."""
    environment = {"HOME": str(home), "RAY_AUTH_MODE": "disabled", LOOPBACK: "0"}
    before = {name: os.environ.get(name) for name in [*ENVIRONMENT, *environment, "RAY_ADDRESS"]}
    os.environ.pop("RAY_ADDRESS", None)
    os.environ.update({**ENVIRONMENT, **environment})  # raylets hand it on to their workers
    try:
        import ray
        from ray.cluster_utils import Cluster

        assert ray._private.ray_constants.ENABLE_RAY_CLUSTER is False, "ray was imported without what keeps it local"
        nodes = Cluster()
        machines = Machines(environment, nodes)
        try:
            machines.add(cpus=0, _system_config=system_config)
            environment["RAY_ADDRESS"] = nodes.address
            yield machines
        finally:
            started = {pid: _began(pid) for node in nodes.list_all_nodes() for pid in machines.processes(node)}
            ray.shutdown()
            nodes.shutdown()
            _kill([pid for pid, began in started.items() if began and began == _began(pid)])
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _began(pid: int) -> str | None:
    """When a process was started, which tells it from a later one of its number; None where there is none."""
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    return None


def _kill(pids: list[int]) -> None:
    """A stopped process heeds this too."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
