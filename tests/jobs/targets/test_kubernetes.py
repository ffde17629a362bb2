"""Kubernetes' own schemas and KubeRay's own judge what we render."""

import copy
import json
import re
import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from genai.errors import InputError
from jobs.cron import Cron
from jobs.targets import _kubernetes, k8s_cronjob, kuberay
from tests.jobs.targets.made import WILD, job, made

RELEASES = ("1.29", "1.33", kubernetes_validate.latest_version())
SCHEMA = json.loads((Path(__file__).parent / "kuberay/RayJob.v1.openapi.json").read_text())
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", fullmatch=True)


def closed(schema):
    """A schema that takes no key that it does not list: a server would drop it without a word."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made_of = {key: closed(value) for key, value in schema.items()}
    open_ = {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & schema.keys()
    if schema.get("type") == "object" and "properties" in schema and not open_:
        made_of["additionalProperties"] = False
    return made_of


CLUSTER = {
    **SCHEMA,
    "properties": {**SCHEMA["properties"], "spec": SCHEMA["properties"]["spec"]["properties"]["rayClusterSpec"]},
}
KUBERAY = {
    "RayJob": jsonschema.Draft202012Validator(closed(SCHEMA)),
    "RayCluster": jsonschema.Draft202012Validator(closed(CLUSTER)),
}


def faults(manifest):
    """What is wrong with a manifest, by its kind's own schema, and by what KubeRay's operator checks beside it."""
    try:
        if manifest["kind"] not in KUBERAY:
            for release in RELEASES:
                kubernetes_validate.validate(manifest, release, strict=True)
            return []
    except kubernetes_validate.ValidationError as error:
        return [str(error)]
    found = [error.message for error in KUBERAY[manifest["kind"]].iter_errors(manifest)]
    label = re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", manifest["metadata"]["name"])
    if not label or len(manifest["metadata"]["name"]) > 47:
        found.append("no DNS-1035 label of at most 47 letters")
    spec = manifest["spec"]
    if manifest["kind"] == "RayJob" and spec.get("submissionMode") not in ("K8sJobMode", "HTTPMode", "SidecarMode"):
        found.append("no way to submit")
    groups = spec.get("rayClusterSpec", spec).get("workerGroupSpecs", [])
    sizes = [[group.get(key, 0) for key in ("minReplicas", "replicas", "maxReplicas")] for group in groups]
    return [*found, *("replicas out of order" for size in sizes if size != sorted(size))]


def manifests(target, schedule):
    return [manifest for text in target.render(schedule).values() for manifest in yaml.load_all(text, yaml.CSafeLoader)]


SCHEDULES = {
    "plain": {},
    "timed and submitted": {"timeout": 21600, "address": "http://head:8265", "settings": ("generate.count=100",)},
    "from a URI": {"file": "s3://bucket/job.yaml"},
    "by the quarter": {"cron": Cron.read("*/15 * * * MON-FRI")},
}


@pytest.mark.parametrize("target", [k8s_cronjob, kuberay])
@pytest.mark.parametrize("fields", SCHEDULES.values(), ids=SCHEDULES)
def test_kubernetes_takes_it(target, fields):
    """Every manifest, with no key that a server would drop."""
    assert [fault for manifest in manifests(target, made(**fields)) for fault in faults(manifest)] == []


@pytest.mark.parametrize("target", [k8s_cronjob, kuberay])
def test_workers_get_what_the_job_asks_for(target):
    """GPUs, too; and the schemas take them."""
    asks = ("train.micro_batches=8", "train.workers.count=2", "train.workers.gpu=1", "generate.workers.max=4")
    found = manifests(target, made(*asks))
    assert [fault for manifest in found for fault in faults(manifest)] == []
    if target is k8s_cronjob:  # one pod for all of them
        assert pod(found[-1])["containers"][0]["resources"]["limits"] == {
            "cpu": "4",
            "memory": "16Gi",
            "nvidia.com/gpu": "4",
        }
        return
    for manifest in found:
        if manifest["kind"] in KUBERAY:
            (group,) = manifest["spec"].get("rayClusterSpec", manifest["spec"])["workerGroupSpecs"]
            assert [group[key] for key in ("minReplicas", "replicas", "maxReplicas")] == [2, 2, 4]
            limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
            assert limits == {"cpu": "1", "memory": "4Gi", "nvidia.com/gpu": "1"}


def pod(cron_job):
    return cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def put(*path, value):
    def wrong(manifest):
        at = manifest
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return wrong


def drop(*path):
    def wrong(manifest):
        at = manifest
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return wrong


JOB = ("spec", "jobTemplate", "spec")
HEAD = ("spec", "headGroupSpec")
RAY_HEAD = ("spec", "rayClusterSpec", "headGroupSpec")
MISTAKES = {
    "CronJob": {
        "no schedule": drop("spec", "schedule"),
        "a key in other letters": put("spec", "timezone", value="Etc/UTC"),
        "a number as text": put(*JOB, "backoffLimit", value="2"),
        "no containers": drop(*JOB, "template", "spec", "containers"),
        "a command that is text": put(*JOB, "template", "spec", "containers", 0, "command", value="genai run"),
        "a key at the wrong depth": put("spec", "template", value={}),
        "an exit code as text": put(*JOB, "podFailurePolicy", "rules", 1, "onExitCodes", "values", value=["75"]),
    },
    "ConfigMap": {
        "data that is no text": put("data", "job.yaml", value={"name": "digits"}),
        "a key that is none": put("dta", value={}),
        "binary data that is a number": put("binaryData", value=7),
        "labels that are a list": put("metadata", "labels", value=["genai"]),
        "immutable as text": put("immutable", value="yes"),
    },
    "RayJob": {
        "a key that is none": put("spec", "entryPoint", value="genai"),
        "an entrypoint that is a list": put("spec", "entrypoint", value=["genai", "run"]),
        "a way to submit that is none": put("spec", "submissionMode", value="HttpMode"),
        "no head": drop(*RAY_HEAD),
        "a number as text": put("spec", "backoffLimit", value="2"),
        "a name with dots": put("metadata", "name", value="genai-a.b"),
        "containers outside the pod": put(*RAY_HEAD, "template", "containers", value=[]),
    },
    "RayCluster": {
        "a key that is none": put("spec", "workerGroupSpec", value=[]),
        "ray's parameters as numbers": put(*HEAD, "rayStartParams", "num-cpus", value=0),
        "more replicas than the most": put("spec", "workerGroupSpecs", 0, "replicas", value=9),
        "a group without a name": drop("spec", "workerGroupSpecs", 0, "groupName"),
        "an image that is a number": put(*HEAD, "template", "spec", "containers", 0, "image", value=1.0),
        "a name that is too long": put("metadata", "name", value="g" * 48),
    },
}


@pytest.mark.parametrize(("kind", "mistake"), [(kind, mistake) for kind, all_ in MISTAKES.items() for mistake in all_])
def test_mistakes_are_found(kind, mistake):
    """Each is one that a rendering could make."""
    right = next(m for m in manifests(kuberay, made()) if m["kind"] == kind)
    wrong = copy.deepcopy(right)
    MISTAKES[kind][mistake](wrong)
    assert faults(right) == []
    assert faults(wrong) != []


@settings(deadline=None)  # the first time, schemas and YAML are read
@given(NAMES)
def test_any_job_has_a_name_on_kubernetes(name):
    """A DNS label short enough for what is added to it; two jobs have two."""
    schedule = made(name=name)
    for target in (k8s_cronjob, kuberay):
        for manifest in manifests(target, schedule):
            assert re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", manifest["metadata"]["name"])
            assert len(f"{manifest['metadata']['name']}-head-svc") <= 50
            assert re.fullmatch(
                r"[a-z0-9]([\w.-]*[a-z0-9])?", manifest["metadata"]["labels"]["app.kubernetes.io/instance"]
            )
    others = {name.replace("_", "-"), name.replace(".", "-"), name.replace("-", "_")} - {name}
    assert _kubernetes.name_of(schedule) not in {_kubernetes.name_of(made(name=other)) for other in others}


def expanded(text, variables):
    """What Kubernetes makes of a container's command: `$$` is `$`, `$(NAME)` a variable where there is one."""
    return re.sub(r"\$(?:\$|\(([^)]*)\))", lambda f: "$" if f[0] == "$$" else variables.get(f[1], f[0]), text)


@settings(deadline=None)  # the first time, schemas and YAML are read
@given(WILD, WILD)
def test_a_pod_starts_what_was_said(file, setting):
    """Whatever the names: what comes out of YAML and of Kubernetes' variables is our script."""
    schedule = made(file=f"s3://{file}", settings=(setting,))
    (cron_job,) = manifests(k8s_cronjob, schedule)
    (script,) = pod(cron_job)["containers"][0]["command"][2:]
    assert expanded(script, {"JOB_NAME": "wrong"}) == k8s_cronjob.script(schedule, schedule.file)


@pytest.mark.parametrize(
    ("said", "name", "date"),
    [
        ("0 2 * * *", "genai-digits-29400600", "2025-11-25"),
        ("0 * * * *", "genai-digits-29400637", "2025-11-25T02:00Z"),
        ("*/5 * * * *", "genai-2-29400635", "2025-11-25T02:35Z"),
    ],
)
def test_the_date_is_that_of_the_tick(tmp_path, said, name, date):
    """However late the pod starts: the name of its Job ends with the tick, in minutes since 1970."""
    assert started(tmp_path, made(cron=Cron.read(said)), name)[-2:] == ["--logical-date", date]


@pytest.mark.parametrize("name", ["by-hand", "by-hand-3", "", "29400600-x"])
def test_a_job_made_by_hand_is_of_today(tmp_path, name):
    """A number that is no tick is none."""
    today = subprocess.run(["date", "-u", "+%Y-%m-%d"], capture_output=True, text=True).stdout.strip()
    assert started(tmp_path, made(), name)[-1] >= today


def started(folder, schedule, job_name):
    """The words that genai gets from the pod's own shell."""
    program = folder / "genai"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    script = k8s_cronjob.script(schedule, "/etc/genai/job.yaml")
    told = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PATH": f"{folder}:/usr/bin:/bin", "JOB_NAME": job_name},
        capture_output=True,
        text=True,
    )
    assert told.stderr == ""
    return told.stdout.splitlines()


def test_the_job_file_goes_along():
    """As it was written, dates that stand in it and all."""
    text = "# of ours\nname: digits\noutput: s3://bucket/{{ logical_date }}\n\ndata: {source: 'sklearn://digits'}\n"
    found = manifests(k8s_cronjob, made(text=text))
    assert found[0]["data"] == {"job.yaml": text}
    assert pod(found[1])["volumes"][0]["configMap"]["name"] == found[0]["metadata"]["name"]


def test_the_cron_job_submits_to_the_cluster_beside_it():
    """By the name of its head's service. Without a time there is no such job; without a date no RayJob beside it."""
    cron_job = manifests(kuberay, made())[-1]
    assert "--address http://genai-digits-head-svc:8265 --follow" in pod(cron_job)["containers"][0]["command"][2]
    assert [m["kind"] for m in manifests(kuberay, made(cron=None))] == ["RayCluster", "ConfigMap", "RayJob"]
    assert [m["kind"] for m in manifests(kuberay, made(logical_date=None))] == ["RayCluster", "ConfigMap", "CronJob"]


def test_a_ray_job_is_of_one_date():
    """Which its entrypoint says, to a shell."""
    job_ = next(m for m in manifests(kuberay, made(logical_date="2026-11-25", timeout=21600)) if m["kind"] == "RayJob")
    assert job_["spec"]["entrypoint"] == "genai run /etc/genai/job.yaml --timeout 6h --logical-date 2026-11-25"


@pytest.mark.parametrize("target", [k8s_cronjob, kuberay])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": None}, "--image: nothing given"),
        ({"job": job(output="/runs")[0]}, "output: found /runs, a path of this machine"),
        ({"job": job("digits", "data.source=/rows/*.parquet")[0]}, "data.source: found /rows/\\*.parquet, a path"),
        ({"job": job("digits", "data.test_source=/t.parquet")[0]}, "data.test_source: found /t.parquet, a path"),
    ],
)
def test_what_a_pod_cannot_run_is_refused(target, fields, message):
    """It has no image of ours, and does not see this machine's disk."""
    with pytest.raises(InputError, match=message):
        target.render(made(**fields))
