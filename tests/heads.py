"""A real head of a Ray cluster with its job server, as `ray start --head` gives it, on loopback.

with head(home, cpus=4) as cluster:
subprocess.run([..., "--address", cluster.address], env=os.environ | cluster.environment)
cluster.kill()                          # as if its machine were gone
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from genai.errors import InputError
from jobs.rayjobs import JobServer
from tests.clusters import LOOPBACK
from tests.processes import descendants

START_SECONDS = 120


@dataclass(frozen=True)
class Head:
    """A running head. `environment` is what its clients need."""

    address: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """All of it is gone at once: no driver and no job server is left."""
        for pid in [*(pid for pid, _ in descendants(self.process.pid)), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def head(home: Path, cpus: int, **variables: str) -> Iterator[Head]:
    """`home` is where Ray leaves its token and its notes; `variables` are those of its machine."""
    port, address = _port(), ""
    environment = {"HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    own = {**environment, LOOPBACK: "0", "RAY_USAGE_STATS_ENABLED": "0", **variables}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # its shell looks for `python` there
    line = [
        str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", f"--num-cpus={cpus}", "--port=0",
        "--include-dashboard=true", f"--dashboard-port={port}",
        f"--dashboard-agent-listen-port={_port()}", f"--temp-dir={_short(home)}",
    ]  # fmt: skip
    clean = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "PYTHONPATH")}
    with (home / "head.log").open("wb") as log:
        process = subprocess.Popen(line, env={**clean, **own, "PATH": path}, stdout=log, stderr=log, cwd=home)
    try:
        address = f"http://127.0.0.1:{port}"
        _await(address, process, home / "head.log")
        yield Head(address, environment, process)
    finally:
        Head(address, environment, process).kill()


def _short(home: Path) -> str:
    """A folder whose name leaves room for Ray's sockets, of which a name has at most 107 characters."""
    short = Path("/tmp") / f"genai-ray-{os.getpid()}-{abs(hash(str(home))) % 10**6}"  # as Ray's own
    short.mkdir(exist_ok=True)
    return str(short)


def _port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers and tells of its own machine, which it does a little later."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with suppress(OSError, InputError):
            if JobServer(address).machines():
                return
        time.sleep(0.2)
    raise AssertionError(f"no machine at {address} after {START_SECONDS} s\n{log.read_text()}")
