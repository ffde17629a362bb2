"""A Ray cluster's job server, by Ray's own client. It is imported when it is asked for, and its errors become ours.

All that it knows is who runs there now: whatever is finished is in the store, and a cluster that is gone takes nothing
along.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from genai.errors import GenaiError, InputError, StoreError

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
STOP_SECONDS = 15  # between SIGTERM and SIGKILL: more than a driver takes to end in order
#: of a dashboard; without a user, since it is kept in the store
ADDRESS = re.compile(r"https?://[^\s/?#@]+/?")
_OTHERS = ("already exists", "does not exist", "terminal state")  # what others at work on the same id make of it
PAUSE_SECONDS, SUBMIT_SECONDS = 1.0, 60.0


@dataclass(frozen=True)
class Submission:
    """A submitted driver: Ray's word for its state, its exit code once it has one, and what Ray says of it."""

    state: str
    code: int | None
    message: str

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class JobServer:
    """The job server at an address. Raises InputError where there is none, or one of another Ray."""

    def __init__(self, address: str) -> None:
        self.address = _checked(address)
        from ray.job_submission import JobSubmissionClient

        logging.getLogger("ray.dashboard.modules.dashboard_sdk").setLevel(logging.WARNING)
        logging.getLogger("ray").setLevel(logging.WARNING)  # it tells of each package that it sends

        with _ours(self.address), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._client = JobSubmissionClient(self.address)
            there = str(self._client._do_request("GET", "/api/version").json()["ray_version"])  # noqa: SLF001  # no public call tells it
        here = metadata.version("ray")
        if _release(there) != _release(here):
            raise InputError(f"{self.address}: found Ray {there}; allowed: Ray {_release(here)}, as here")

    def find(self, run: str) -> Submission | None:
        """The submission of a run, or None."""
        with _ours(self.address):
            answer = self._client._do_request("GET", f"/api/jobs/{run}")  # noqa: SLF001  # the public call tells a 404 as text
            if answer.status_code == 404:
                return None
            found = self._client.get_job_info(run)
        code = found.driver_exit_code if str(found.status.value) != "SUCCEEDED" else 0
        return Submission(str(found.status.value), code, str(found.message or ""))

    def submit(self, run: str, command: str, packages: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Start a driver under the run's id; False where one that has not ended has it already: there is but one.

        Raises StoreError where others submit and remove it all the time.
        """
        wanted = {
            "py_modules": list(packages),
            "env_vars": {**environment, "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)},
        }
        end = time.monotonic() + SUBMIT_SECONDS
        while time.monotonic() < end:  # others submit, too; a new head takes seconds for its agent
            found = self.find(run)
            if found and not found.ended:
                return False
            with _ours(self.address):
                try:
                    if found:
                        self._client.delete_job(run)
                    self._client.submit_job(entrypoint=command, submission_id=run, runtime_env=wanted)
                except RuntimeError as error:
                    if "No available agent" in str(error):
                        time.sleep(PAUSE_SECONDS)
                    elif not any(words in str(error) for words in _OTHERS):
                        raise
                else:
                    return True
        raise StoreError(f"{self.address}: it takes no job, or others submit and remove this one; try again")

    def stop(self, run: str) -> bool:
        """Ask a driver to stop, in order; whether there was one to ask."""
        with _ours(self.address):
            return bool(self._client.stop_job(run))

    def log(self, run: str) -> str:
        """All that a driver printed."""
        with _ours(self.address):
            return str(self._client.get_job_logs(run))

    def machines(self) -> list[dict[str, float]]:
        """What each living machine has, by Ray's names of resources."""
        with _ours(self.address):
            answer = self._client._do_request("GET", "/api/v0/nodes?detail=True&limit=10000").json()  # noqa: SLF001
        nodes = answer["data"]["result"]["result"]
        return [node["resources_total"] for node in nodes if node["state"] == "ALIVE"]

    def grows(self) -> bool:
        """Whether an autoscaler may add machines."""
        with _ours(self.address):
            found = self._client._do_request("GET", "/api/cluster_status").json()["data"]["clusterStatus"]  # noqa: SLF001
        kinds = (found.get("autoscalerReport") or {}).get("nodeTypeMapping") or {}
        return added(kinds.values())


def added(kinds: Iterable[str]) -> bool:
    """Whether an autoscaler has started any of the machines whose kinds Ray names so."""
    return any(not kind.startswith("node_") for kind in kinds)


def _checked(address: str) -> str:
    if ADDRESS.fullmatch(address):
        return address.rstrip("/")
    hint = f"http://{address}" if re.fullmatch(r"[\w.-]+:\d+", address) else "http://127.0.0.1:8265"
    raise InputError(f"--address: found {address!r}; allowed: the address of a Ray dashboard, such as {hint}")


def _release(version: str) -> str:
    return ".".join(version.split(".")[:2])


@contextmanager
def _ours(address: str) -> Iterator[None]:
    """The client's errors as ours."""
    import requests

    try:
        yield
    except GenaiError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{address}: what answers there is no Ray job server ({_line(error)})") from None
    except (ConnectionError, requests.RequestException) as error:
        text = f"no Ray job server answers at {address} ({type(error).__name__})"
        hint = "start the cluster, or open a tunnel to its dashboard's port, 8265"
        raise InputError(f"{text}; {hint}") from None
    except RuntimeError as error:
        raise StoreError(f"{address}: the job server says: {_line(error)}") from None


def _line(error: Any) -> str:
    lines = [line.strip() for line in str(error).replace("\\n", "\n").splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
