"""Tells Ray of AWS's notice that this spot machine will be taken away, two minutes ahead: Ray on EC2 does not look.

    python spot_notice.py HEAD:6379

Runs beside Ray on each worker of `cluster.yaml`, alone: nothing else of genai is installed there. Ray then places
nothing more on the machine, and marks it as draining: the pool gives it no more parts, Ray Train saves and moves.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

LOOK_SECONDS = 5.0  # what AWS recommends
LEFT_SECONDS = 110  # of two minutes, when it was seen
METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/") + "/latest"


def noticed() -> bool:
    """Whether there is a notice. A machine on demand never has one, nor one whose metadata cannot be read."""
    try:
        token = _ask("api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        return bool(_ask("meta-data/spot/instance-action", "GET", {"X-aws-ec2-metadata-token": token}))
    except OSError:
        return False


def drain(address: str) -> int:
    """Have Ray drain the node of this machine; the exit code of `ray drain-node`."""
    import ray

    ray.init(address, log_to_driver=False, logging_level="ERROR")
    node = ray.get_runtime_context().get_node_id()
    ray.shutdown()
    return subprocess.call([  # noqa: S603  # of our own words
        str(Path(sys.executable).with_name("ray")), "drain-node", f"--address={address}", f"--node-id={node}",
        "--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=AWS takes this spot machine away",
        f"--deadline-remaining-seconds={LEFT_SECONDS}",
    ])  # fmt: skip


def _ask(path: str, method: str, headers: dict[str, str]) -> str:
    request = Request(f"{METADATA}/{path}", method=method, headers=headers)  # noqa: S310  # this machine's metadata
    with urlopen(request, timeout=2) as answer:  # noqa: S310
        return str(answer.read().decode())


if __name__ == "__main__":
    while not noticed():
        time.sleep(LOOK_SECONDS)
    sys.exit(drain(sys.argv[1]))
