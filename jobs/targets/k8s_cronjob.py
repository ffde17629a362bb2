"""A plain CronJob of Kubernetes whose pod runs our command line.

KubeRay's own RayCronJob is alpha, knows no Forbid and starts each tick that it missed. The date is the tick's, however
late its pod starts: Kubernetes ends the name of a Job with its tick in minutes since 1970. A pod that was evicted is no
failure; bad input (2) and another run at work on the same (75) are not tried again.
"""

from __future__ import annotations

from typing import Any

from jobs.schedule import Schedule
from jobs.targets import _kubernetes as k8s

TAKES = frozenset({"crew", "image"})
_JOB = "batch.kubernetes.io/job-name"


def render(schedule: Schedule) -> dict[str, str]:
    """One file. Raises InputError where a pod could not run the job."""
    _, maps = k8s.job_file(schedule)
    return {f"{k8s.name_of(schedule)}.yaml": k8s.documents(schedule.job.name, [*maps, manifest(schedule)])}


def manifest(schedule: Schedule) -> dict[str, Any]:
    """The CronJob, whose ConfigMap stands beside it."""
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"containerName": "genai", "operator": "In", "values": [2, 75]}},
    ]
    job = {"backoffLimit": 2, "podFailurePolicy": {"rules": rules}, "template": {"spec": _pod(schedule)}}
    spec = {
        "schedule": schedule.ticks.text,
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 86400,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": job},
    }
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": k8s.metadata(schedule), "spec": spec}


def _pod(schedule: Schedule) -> dict[str, Any]:
    file, maps = k8s.job_file(schedule)
    volumes, mounts = k8s.volumes(schedule, maps)
    name_of_job = {"valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{_JOB}']"}}}
    container: dict[str, Any] = {
        "name": "genai",
        "image": k8s.image(schedule),
        "command": ["/bin/sh", "-c", k8s.literal(script(schedule, file))],
        "env": [{"name": "JOB_NAME", **name_of_job}],
    }
    if schedule.address:
        has = {"cpu": "1", "memory": "1Gi"}
        container["resources"] = {"requests": dict(has), "limits": has}
    else:  # its own Ray in one pod, which keeps objects in shared memory
        volumes = [*volumes, {"name": "shm", "emptyDir": {"medium": "Memory"}}]
        mounts = [*mounts, {"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108  # the pod's own
        container["resources"] = k8s.resources(schedule, k8s.workers(schedule)[1])
    beside = {"volumes": volumes} if volumes else {}
    container |= {"volumeMounts": mounts} if mounts else {}
    return {"restartPolicy": "Never", "terminationGracePeriodSeconds": 60, "containers": [container], **beside}


def script(schedule: Schedule, file: str) -> str:
    """What the pod's shell does: the date of the tick, or today's for a Job that a person named; then it becomes genai,
    so that signals reach that.
    """
    command = schedule.command(("genai",), file)
    return f"""\
minutes=${{JOB_NAME##*-}}
case $minutes in
  {"[0-9]" * 8}) date=$(date -u -d "@$((minutes * 60))" +{schedule.ticks.form}) ;;
  *) date={schedule.today} ;;
esac
exec {command} --logical-date "$date"
"""
