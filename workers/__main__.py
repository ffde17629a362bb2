"""The composition root: job URI -> spec -> survey -> crew -> drive.

    python -m workers <output>/<job>/runs/<run id>/job.yaml [--crew ray|local]

Events go to stdout, one JSON line each, for whoever started it; the store has them too. Connects to the Ray of
RAY_ADDRESS, or starts one of its own on this machine, on loopback, with as many logical CPUs as the job asks for.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from genai.errors import GenaiError
from jobs import layout, listeners, signature
from jobs.crew import Crew
from jobs.driver import run
from jobs.events import Event, EventLog
from jobs.lease import Leases, keep
from jobs.listeners import Audience
from jobs.spec import JobSpec, load
from jobs.stores import open_store
from jobs.survey import Survey, survey
from workers import stop
from workers.local import LocalCrew

ENVIRONMENT = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "180",  # a busy machine needs more than Ray's 60
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # a group's end and a worker's death are seen as late as this
    "RAY_TRAIN_METRICS_ENABLED": "0",  # the run has its own events
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
OWN = {  # for a Ray of our own on this machine
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on Linux this keeps it on loopback; read when ray is imported
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # nobody takes this machine away with a notice
}


@click.command()
@click.argument("job_uri")
@click.option("--crew", "crew_name", type=click.Choice(["ray", "local"]), default="ray", help="Who does the work.")
@click.option("--command", default="", help="What the user typed, for the page.")
@click.option("--lease/--no-lease", default=True, help="Heed other runs of the job, or work beside them.")
@click.option("--with-parent", is_flag=True, help="Stop when standard input ends.")
@click.option("--timeout", type=float, help="Seconds after which it stops, with exit code 124.")
def main(
    job_uri: str,
    crew_name: str,
    command: str,
    lease: bool,  # noqa: FBT001  # click's
    with_parent: bool,  # noqa: FBT001  # click's
    timeout: float | None,
) -> None:
    """Drive the run whose job file is JOB_URI."""
    folder, _, name = job_uri.rpartition("/")
    tell, stopped_by = _only_events(), stop.heed()
    if with_parent:
        stop.end_with_parent()
    if timeout:
        stop.end_after(timeout)
    try:
        spec = load(job_uri, open_store(folder).get(name))
        store, run_id = layout.job_store(spec), layout.run_id(spec)
        audience = _audience(spec, tell)
        with keep(Leases(store, run_id, on=lease)) as leases:
            _take(leases, run_id, tell)
            log = EventLog(store, run_id, tell, audience)
            with log as events, audience.heard(events), stop.told(events, stopped_by):
                stop.heed_wishes(store, run_id)
                events.note("run_started", run=run_id, crew=crew_name, job=job_uri, command=command)
                found = _surveyed(spec, events)
                with crew_of(crew_name, found) as crew:
                    stop.heed(stopped_by)  # Ray has put handlers of its own
                    _measured(audience, spec.name, run_id)
                    run(found, crew, events, lambda: _page(found, events, command or f"genai run {job_uri}"), leases)
    except GenaiError as error:
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(stop.code_of(stopped_by[0]))


def _take(leases: Leases, run_id: str, tell: Callable[[Event], None]) -> None:
    """Hold the run, or say who does; that is told here alone, since the run's events are the holder's."""
    try:
        leases.take(run_id)
    except GenaiError as error:
        tell(Event("run_failed", time.time(), {"error": str(error), "exit_code": error.exit_code}))
        raise


def _audience(spec: JobSpec, tell: Callable[[Event], None]) -> Audience:
    """Those whom the job asks to be told. Raises InputError, told here, where what it names is not there: there is no
    run yet.
    """
    try:
        signature.signer(spec)
        return listeners.of(spec)
    except GenaiError as error:
        tell(Event("run_failed", time.time(), {"error": str(error), "exit_code": error.exit_code}))
        raise


def _surveyed(spec: JobSpec, events: EventLog) -> Survey:
    """What there is. A source that is gone ends the run, and is told like every end."""
    try:
        return survey(spec)
    except GenaiError as error:
        events.note("run_failed", error=str(error), exit_code=error.exit_code)
        raise


def _measured(audience: Audience, job: str, run_id: str) -> None:
    """Prometheus hears of a run on a cluster: of a Ray of our own nobody asks."""
    if os.environ.get("RAY_ADDRESS") and "ray" in sys.modules and sys.modules["ray"].is_initialized():
        from workers.metrics import RayMetrics

        audience.add("metrics", RayMetrics(job, run_id))


def _only_events() -> Callable[[Event], None]:
    """Standard output is for events alone: what Ray prints there goes to standard error from now on."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(event: Event) -> None:
        out.write(event.to_json() + "\n")
        out.flush()

    return tell


def _page(found: Survey, events: EventLog, command: str) -> str:
    from jobs.describe import describe
    from jobs.page import write

    describe(found)
    events.flush()
    return write(found, command)


@contextmanager
def crew_of(name: str, found: Survey) -> Iterator[Crew]:
    """The crew, with its Ray where it needs one."""
    if name == "local" or found.finished:
        yield LocalCrew()
        return
    with _connected(found.spec):
        from workers.crew import RayCrew

        yield RayCrew()


@contextmanager
def _connected(spec: JobSpec) -> Iterator[None]:
    """The Ray of RAY_ADDRESS, or one of our own that ends with us."""
    address = os.environ.get("RAY_ADDRESS")
    for key, value in (ENVIRONMENT if address else ENVIRONMENT | OWN).items():
        os.environ.setdefault(key, value)
    import ray

    own = {} if address else {"num_cpus": logical_cpus(spec), "include_dashboard": False}
    ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    try:
        yield
    finally:
        ray.shutdown()


def logical_cpus(spec: JobSpec) -> int:
    """CPUs that a Ray of our own declares: enough for what the job asks, whatever the machine has."""
    train, generate = spec.train.workers, spec.generate.workers
    asked = max(train.count * train.cpu, generate.max * generate.cpu)
    return max(os.cpu_count() or 1, int(asked + 0.999)) + 2


if __name__ == "__main__":
    main()
