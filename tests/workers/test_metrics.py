"""A run's events as metrics, read where Prometheus would read them."""

import re
import urllib.request
from threading import Event as Moment

import pytest

from jobs import layout
from jobs.driver import run
from jobs.events import EventLog
from jobs.listeners import Audience
from jobs.spec import load
from jobs.survey import survey
from workers.__main__ import _measured
from workers.local import LocalCrew
from workers.metrics import COUNTERS, GAUGES, SECONDS, STAGE_COUNTERS, STAGE_GAUGES, RayMetrics

JOB = """\
name: measured
output: {output}
data: {{source: "sklearn://digits"}}
model: {{family: vae, backbone: dense, latent: 2, width: 4}}
train: {{steps: 4, batch: 64, validate_every: 2}}
generate: {{count: 40, part_rows: 4, batch: 4}}
"""
LOST = [  # as `workers.course`, `workers.pool` and `jobs.loop` tell them
    ("train_again", {"step": 2, "error": "lost", "lost": ["w"], "tries": 1, "of": 3}),
    ("worker_lost", {"stage": "train", "worker": "w", "error": "died"}),
    ("shard_failed", {"shard": "c", "tries": 1, "of": 3, "error": "x", "worker": "w", "decision": "retry"}),
    ("shard_failed", {"shard": "c", "tries": 3, "of": 3, "error": "x", "worker": "w", "decision": "quarantine"}),
    ("shard_quarantined", {"shard": "c", "error": "x"}),
    ("listener_failed", {"listener": "webhook", "error": "x"}),
]
VALUES = {
    "genai_train_step": 4, "genai_train_steps": 4, "genai_parts_done": 10, "genai_parts_planned": 10,
    "genai_rows_total": 40, "genai_shard_retries_total": 1, "genai_shards_quarantined_total": 1,
    "genai_train_restarts_total": 1, "genai_listener_failures_total": 1, 'genai_workers_lost_total{stage="train"}': 1,
    'genai_part_seconds_count{did="draw"}': 10, 'genai_part_seconds_count{did="put"}': 10,
}  # fmt: skip
POSITIVE = {
    "genai_train_loss", "genai_bytes_total", 'genai_stage_seconds{stage="prepare"}',
    'genai_stage_seconds{stage="train"}', 'genai_stage_seconds{stage="generate"}',
}  # fmt: skip


def exported(port, run_id):
    """Our metrics of a run, as the node of the cluster shows them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = {}
    for name, tags, value in re.findall(r"^ray_(genai_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        if f'run="{run_id}"' in tags and 'job="measured"' in tags and not name.endswith("_bucket"):
            own = re.search(r'\b(?:stage|did)="\w+"', tags)
            found[name + (f"{{{own[0]}}}" if own else "")] = float(value)
    return found


@pytest.mark.ray
def test_what_a_run_tells_is_exported_by_the_cluster(cluster, tmp_path):
    """A real run's events, and what it tells of losses: every metric with its value, tagged by job and run, where it
    matters by stage.
    """
    spec = load("job.yaml", JOB.format(output=tmp_path))
    found, run_id = survey(spec), layout.run_id(spec)
    metrics = RayMetrics(spec.name, run_id)
    told = set()

    def heard(event):
        told.add(event.kind)
        if event.kind in metrics.kinds:
            metrics(event)

    with EventLog(found.store, run_id, heard) as events:
        run(found, LocalCrew(), events)
        for kind, fields in LOST:
            events.note(kind, **fields)
    metrics.close()
    (node,) = cluster.nodes()
    wait, shown = Moment(), {}
    for _ in range(120):  # Ray sends them every ten seconds
        shown = exported(node["MetricsExportPort"], run_id)
        if POSITIVE | VALUES.keys() <= shown.keys():
            break
        wait.wait(0.5)

    assert metrics.kinds <= told
    assert {name: shown.get(name) for name in VALUES} == VALUES
    assert {name for name in POSITIVE if shown.get(name, 0) > 0} == POSITIVE


def test_every_metric_is_looked_at():
    """By the test above."""
    looked = {re.sub(r"(_total|_count)?(\{.*)?$", "", name) for name in POSITIVE | VALUES.keys()}

    assert looked == {*GAUGES, *COUNTERS, *SECONDS, *STAGE_GAUGES, *STAGE_COUNTERS}


@pytest.mark.parametrize(
    ("address", "listeners"), [("127.0.0.1:6379", ["metrics"]), (None, [])], ids=["cluster", "own"]
)
def test_a_run_is_measured_on_a_cluster_only(cluster, monkeypatch, address, listeners):
    """A Ray of the run's own is gone with it, and nobody asks it."""
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    else:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
    audience = Audience()
    _measured(audience, "measured", "measured-0123456789ab")

    assert [ear.name for ear in audience._ears] == listeners
