"""A run's events as metrics, read where Prometheus would read them."""

import re
import urllib.request
from threading import Event as Moment

import pytest

from jobs.events import Event
from workers.metrics import COUNTERS, GAUGES, SECONDS, STAGE_COUNTERS, STAGE_GAUGES, RayMetrics

EVENTS = [
    ("stage_started", {"stage": "train", "steps": 50}),
    ("train_step", {"step": 40, "steps": 50, "loss": 0.25, "lr": 1e-3}),
    ("train_again", {"step": 20, "error": "lost", "lost": ["w"]}),
    ("worker_lost", {"stage": "train", "worker": "w", "error": "died"}),
    ("stage_done", {"stage": "train", "seconds": 7.5}),
    ("stage_started", {"stage": "generate", "parts": 3, "done": 1}),
    ("part_done", {"part": "a", "rows": 20, "bytes": 700, "done": 2, "parts": 3, "seconds": 2.0}),
    ("part_done", {"part": "b", "rows": 20, "bytes": 800, "done": 3, "parts": 3, "seconds": 20.0}),
    ("shard_failed", {"shard": "c", "error": "x", "decision": "retry"}),
    ("shard_failed", {"shard": "c", "error": "x", "decision": "quarantine"}),
    ("shard_quarantined", {"shard": "c", "error": "x"}),
    ("listener_failed", {"listener": "webhook", "error": "x"}),
]
TOLD = {
    "genai_train_step": 40, "genai_train_steps": 50, "genai_train_loss": 0.25, "genai_parts_done": 3,
    "genai_parts_planned": 3, "genai_rows_total": 40, "genai_bytes_total": 1500, "genai_shard_retries_total": 1,
    "genai_shards_quarantined_total": 1, "genai_train_restarts_total": 1, "genai_listener_failures_total": 1,
    "genai_workers_lost_total": 1, "genai_stage_seconds": 7.5, "genai_part_seconds_count": 2,
    "genai_part_seconds_sum": 22.0,
}  # fmt: skip


def exported(port):
    """Our metrics of this test's run, as the node of the cluster shows them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    lines = re.findall(r"^ray_(genai_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE)
    return {name: (tags, float(value)) for name, tags, value in lines if 'run="tiny-0123456789ab"' in tags}


@pytest.mark.ray
def test_what_a_run_tells_is_exported_by_the_cluster(cluster):
    """Every metric with its value, tagged by job and run, a stage's by its stage too."""
    (node,) = cluster.nodes()
    metrics = RayMetrics("tiny", "tiny-0123456789ab")
    for kind, fields in EVENTS:
        metrics(Event(kind, 0.0, fields))
    metrics.close()
    wait, found = Moment(), {}
    for _ in range(120):  # Ray sends them every ten seconds
        found = exported(node["MetricsExportPort"])
        if TOLD.keys() <= found.keys():
            break
        wait.wait(0.5)

    assert {name: found.get(name, ("", None))[1] for name in TOLD} == TOLD
    assert all('job="tiny"' in tags for tags, _ in found.values())
    assert 'stage="train"' in found["genai_workers_lost_total"][0]
    assert 'stage="train"' in found["genai_stage_seconds"][0]


def test_every_event_that_is_asked_for_has_its_metric():
    """And every metric is one that the test above has looked at."""
    told = {re.sub("_(total|count|sum)$", "", name) for name in TOLD}

    assert {kind for kind, _ in EVENTS} == RayMetrics.kinds
    assert told == {*GAUGES, *COUNTERS, *SECONDS, *STAGE_GAUGES, *STAGE_COUNTERS}
