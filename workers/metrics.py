"""Prometheus, by Ray's own metrics: a fold over the run's events, which the cluster's nodes export with theirs.

Only where the run is on a cluster (RAY_ADDRESS): a Ray of our own has nobody who looks, and is gone with the run.
Names get Ray's prefix, `ray_`, and counters the suffix `_total`. Every one has the tags `job` and `run`.
"""

from __future__ import annotations

from typing import Any

from jobs.events import Event

TAGS = ("job", "run")
GAUGES = {
    "genai_train_step": "Steps of training that are done.",
    "genai_train_steps": "Steps of training that are planned.",
    "genai_train_loss": "Loss of the newest step.",
    "genai_parts_done": "Parts of the dataset in the store.",
    "genai_parts_planned": "Parts that the job asks for.",
}
COUNTERS = {
    "genai_rows": "Samples minted.",
    "genai_bytes": "Bytes of the parts minted.",
    "genai_shard_retries": "Tries of a shard that failed and are made again.",
    "genai_shards_quarantined": "Shards that were given up after their last try.",
    "genai_train_restarts": "New starts of the training group.",
    "genai_listener_failures": "Listeners of the run that failed.",
}
STAGE_COUNTERS = {"genai_workers_lost": "Workers that died or were ended because they were silent."}
STAGE_GAUGES = {"genai_stage_seconds": "Seconds that a stage took."}
SECONDS = {"genai_part_seconds": "Seconds that a worker took for a part, by what it did (wait, draw, encode, put)."}
BOUNDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000]


class RayMetrics:
    """What a run's events say, as metrics. To be made in a process that is connected to Ray."""

    kinds = frozenset(
        {"train_step", "train_again", "part_done", "shard_failed", "shard_quarantined", "worker_lost", "stage_done"}
        | {"stage_started", "listener_failed"}
    )

    def __init__(self, job: str, run: str) -> None:
        from ray.util.metrics import Counter, Gauge, Histogram

        stage = (*TAGS, "stage")
        self._metrics: dict[str, Any] = {
            **{name: Gauge(name, about, TAGS) for name, about in GAUGES.items()},
            **{name: Counter(name, about, TAGS) for name, about in COUNTERS.items()},
            **{name: Gauge(name, about, stage) for name, about in STAGE_GAUGES.items()},
            **{name: Counter(name, about, stage) for name, about in STAGE_COUNTERS.items()},
            **{name: Histogram(name, about, BOUNDS, (*TAGS, "did")) for name, about in SECONDS.items()},
        }
        for metric in self._metrics.values():
            metric.set_default_tags({"job": job, "run": run})

    def __call__(self, event: Event) -> None:
        getattr(self, f"_{event.kind}")(event.fields)

    def close(self) -> None:
        """Ray sends what is recorded by itself."""

    def _set(self, name: str, value: float, **tags: str) -> None:
        self._metrics[f"genai_{name}"].set(value, tags)

    def _add(self, name: str, value: float = 1, **tags: str) -> None:
        if value > 0:
            self._metrics[f"genai_{name}"].inc(value, tags)

    def _train_step(self, fields: dict[str, Any]) -> None:
        self._set("train_step", fields["step"])
        self._set("train_steps", fields["steps"])
        self._set("train_loss", fields["loss"])

    def _train_again(self, _fields: dict[str, Any]) -> None:
        self._add("train_restarts")

    def _stage_started(self, fields: dict[str, Any]) -> None:
        if fields["stage"] == "generate":
            self._set("parts_done", fields["done"])
            self._set("parts_planned", fields["parts"])

    def _part_done(self, fields: dict[str, Any]) -> None:
        if fields["stage"] != "generate":
            return
        self._set("parts_done", fields["done"])
        self._set("parts_planned", fields["parts"])
        self._add("rows", fields["rows"])
        self._add("bytes", fields["bytes"])
        for did, seconds in fields["seconds"].items():
            self._metrics["genai_part_seconds"].observe(seconds, {"did": did})

    def _shard_failed(self, fields: dict[str, Any]) -> None:
        if fields["decision"] == "retry":
            self._add("shard_retries")

    def _shard_quarantined(self, _fields: dict[str, Any]) -> None:
        self._add("shards_quarantined")

    def _worker_lost(self, fields: dict[str, Any]) -> None:
        self._add("workers_lost", stage=fields["stage"])

    def _stage_done(self, fields: dict[str, Any]) -> None:
        self._set("stage_seconds", fields["seconds"], stage=fields["stage"])

    def _listener_failed(self, _fields: dict[str, Any]) -> None:
        self._add("listener_failures")
