"""TensorBoard's curves: loss, learning rate and held-out measures by step, rows by second while samples are minted.

    tensorboard --logdir FOLDER

Event files can't be appended to on an object store, and TensorBoard reads the files of a folder one after the other, by
name. So each is written whole, every `SEGMENT_SECONDS`, into the run's folder below the one that the job names: any
store will do. tensorboardX, which writes them, comes with Ray Train.
"""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jobs import layout
from jobs.events import Event
from jobs.spec import JobSpec
from jobs.stores import Store, open_store

SEGMENT_SECONDS = 30.0
_NO_MEASURES = ("step", "steps")


class Curves:
    """One run's event files in a store."""

    kinds = frozenset({"stage_started", "train_step", "train_validated", "part_done"})

    def __init__(self, store: Store, run_id: str) -> None:
        self._store, self._run = store, run_id
        self._waiting: list[Any] = []
        self._segments = 0
        self._rows, self._began = 0, 0.0  # of the minting

    def __call__(self, event: Event) -> None:
        if event.kind == "stage_started":
            self._rows, self._began = 0, event.at
        if event.kind == "stage_started" or event.fields.get("stage", "generate") != "generate":
            return
        step, scalars = self._scalars(event)
        self._waiting += [_summary(name, value, step, event.at) for name, value in scalars.items()]
        if self._waiting and event.at - self._waiting[0].wall_time >= SEGMENT_SECONDS:
            self._write()

    def close(self) -> None:
        if self._waiting:
            self._write()

    def _scalars(self, event: Event) -> tuple[int, dict[str, float]]:
        """The step that an event is about, and what it says of it."""
        fields = event.fields
        if event.kind == "part_done":
            self._rows += fields["rows"]
            return int(fields["done"]), {
                "generate/rows": float(self._rows),
                "generate/rows_per_second": self._rows / max(1e-3, event.at - self._began),
            }
        if event.kind == "train_step":
            told = {"loss": fields["loss"], "learning_rate": fields["lr"], "rows_per_second": fields["rows_per_second"]}
            return fields["step"], {f"train/{name}": value for name, value in told.items() if value is not None}
        return fields["step"], {f"held_out/{k}": v for k, v in fields.items() if k not in _NO_MEASURES and _is_real(v)}

    def _write(self) -> None:
        """One file with all that waits. Raises StoreError; what could not be written is not kept."""
        from tensorboardX.event_file_writer import EventsWriter

        waiting, self._waiting = self._waiting, []
        name = f"events.out.tfevents.{int(waiting[0].wall_time):010d}.{self._segments:06d}.genai"
        self._segments += 1
        with TemporaryDirectory(prefix="genai-curves-") as folder:
            writer = EventsWriter(f"{folder}/events")
            for summary in waiting:
                writer.write_event(summary)
            writer.close()
            (made,) = Path(folder).iterdir()
            self._store.put(f"{self._run}/{name}", made.read_bytes())


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _summary(name: str, value: float, step: int, at: float) -> Any:
    from tensorboardX.proto.event_pb2 import Event as Record
    from tensorboardX.summary import scalar

    return Record(summary=scalar(name, value), step=step, wall_time=at)


def listener(spec: JobSpec) -> Curves:
    """Raises InputError where the folder is none."""
    assert spec.notify.tensorboard
    return Curves(open_store(spec.notify.tensorboard), layout.run_id(spec))
