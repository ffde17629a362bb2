"""For KubeRay: a RayJob, which is one run with a cluster of its own, and a RayCluster that stays, for `genai submit`.

With a cron line there is a CronJob instead of the RayJob, which has no date then; it submits to the RayCluster. All is
sized by what the job asks for: a pod for each worker, none on the head.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from jobs.schedule import Schedule
from jobs.targets import _kubernetes as k8s
from jobs.targets import k8s_cronjob

TAKES = frozenset({"image", "logical_date"})
_PORTS = {"gcs-server": 6379, "dashboard": 8265, "client": 10001}
_STOP = 'env_vars:\n  RAY_JOB_STOP_WAIT_TIME_S: "60"\n'  # 3 s otherwise, of which we may need 10


def render(schedule: Schedule) -> dict[str, str]:
    """Two files, or all three with a date, too. Raises InputError where a pod could not run the job."""
    name, about = k8s.name_of(schedule), schedule.job.name
    file, maps = k8s.job_file(schedule)
    cluster = _manifest(schedule, "RayCluster", _cluster(schedule, []))
    files = {f"{name}-raycluster.yaml": k8s.documents(about, [cluster])}
    if schedule.cron is None or schedule.logical_date is not None:
        files[f"{name}-rayjob.yaml"] = k8s.documents(about, [*maps, _job(schedule, file, maps)])
    if schedule.cron is not None:
        night = k8s_cronjob.manifest(schedule.submitting_to(f"http://{name}-head-svc:8265"))
        files[f"{name}-cronjob.yaml"] = k8s.documents(about, [*maps, night])
    return files


def _job(schedule: Schedule, file: str, maps: list[dict[str, Any]]) -> dict[str, Any]:
    local = Schedule(**{**vars(schedule), "address": None})  # its driver is on the cluster already
    date = ["--logical-date", schedule.logical_date] if schedule.logical_date else []
    spec = {
        "entrypoint": " ".join([local.command(("genai",), file), *date]),
        "submissionMode": "HTTPMode",  # by the operator itself: no pod in between, and no shell that reads it again
        "runtimeEnvYAML": _STOP,
        "backoffLimit": 2,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": 600,
        "rayClusterSpec": _cluster(schedule, maps),
    }
    return _manifest(schedule, "RayJob", spec)


def _cluster(schedule: Schedule, maps: list[dict[str, Any]]) -> dict[str, Any]:
    volumes, mounts = k8s.volumes(schedule, maps)
    fewest, most = k8s.workers(schedule)
    ports = [{"name": name, "containerPort": port} for name, port in _PORTS.items()]
    head = {"cpu": "2", "memory": f"{k8s.MEMORY}Gi"}
    has = {"requests": dict(head), "limits": head}
    return {
        "rayVersion": version("ray"),
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {"idleTimeoutSeconds": 120},
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": "0"},
            "template": _pod(schedule, "ray-head", has, volumes, volumeMounts=mounts, ports=ports),
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": fewest,
                "minReplicas": fewest,
                "maxReplicas": most,
                "rayStartParams": {},
                "template": _pod(schedule, "ray-worker", k8s.resources(schedule), []),
            }
        ],
    }


def _pod(
    schedule: Schedule, name: str, resources: dict[str, Any], volumes: list[dict[str, Any]], **beside: Any
) -> dict[str, Any]:
    told = {key: value for key, value in beside.items() if value}
    container = {"name": name, "image": k8s.image(schedule), "resources": resources, **told}
    spec = {"terminationGracePeriodSeconds": 60, "containers": [container]}
    return {"spec": {**spec, "volumes": volumes} if volumes else spec}


def _manifest(schedule: Schedule, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "ray.io/v1", "kind": kind, "metadata": k8s.metadata(schedule), "spec": spec}
