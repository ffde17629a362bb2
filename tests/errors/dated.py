"""What can be wrong with dates, and with a checkpoint that a job pins."""

from __future__ import annotations

import json

from jobs import layout
from tests.errors.provoked import Scene, provokes

DATES, PINS = "Dates", "A pinned checkpoint"
PINNED = 'name: more\noutput: runs\nmodel: {{family: {family}, checkpoint: "{place}"}}\ngenerate: {{count: 10}}\n'


@provokes(DATES, "A `--logical-date` that is no date", job="")
def date_none(scene: Scene) -> None:
    scene.genai("plan", "job.yaml", "--logical-date", "tomorrow")


@provokes(DATES, "A window that is no length", job="")
def window_none(scene: Scene) -> None:
    scene.genai("plan", "job.yaml", "--set", "window=nightly")


@provokes(DATES, "What stands for no date", job="")
def stands_for_nothing(scene: Scene) -> None:
    scene.genai("plan", "job.yaml", "--logical-date", "2026-11-25", "--set", "output='runs/{{ ds }}'")


@provokes(DATES, "What stands for a date, in a run without one", job="")
def date_missing(scene: Scene) -> None:
    scene.genai("plan", "job.yaml", "--set", "output='runs/{{ logical_date }}'")


@provokes(DATES, "`--logical-date` of a run that is there", job="")
def date_of_a_run(scene: Scene) -> None:
    scene.genai("plan", "digits-0123456789ab", "--logical-date", "2026-11-25")


@provokes(DATES, "`--from` after `--to`", job="")
def backfill_backwards(scene: Scene) -> None:
    scene.genai("backfill", "job.yaml", "--from", "2026-11-25", "--to", "2026-11-01")


@provokes(DATES, "A `--from` that is no date", job="")
def backfill_from_none(scene: Scene) -> None:
    scene.genai("backfill", "job.yaml", "--from", "yesterday", "--to", "2026-11-01")


@provokes(DATES, "More dates than a backfill takes", job="")
def backfill_endless(scene: Scene) -> None:
    scene.genai("backfill", "job.yaml", "--from", "1926-11-01", "--to", "2026-11-01")


@provokes(DATES, "A time-out that is no time", job="")
def timeout_none(scene: Scene) -> None:
    scene.genai("run", "job.yaml", "--timeout", "soon")


def pin(scene: Scene, place: str, family: str = "vae") -> None:
    scene.write("more.yaml", PINNED.format(place=place, family=family))
    scene.genai("plan", "more.yaml")


@provokes(PINS, "What is neither a run's id nor a path")
def pin_nothing(scene: Scene) -> None:
    pin(scene, "latest")


@provokes(PINS, "A folder without a checkpoint")
def pin_empty(scene: Scene) -> None:
    pin(scene, "some/folder")


@provokes(PINS, "A checkpoint whose config is damaged")
def pin_damaged(scene: Scene) -> None:
    found = scene.finished()
    found.store.put(layout.checkpoint(str(found.train_key), "config.json"), b"{")
    pin(scene, f"runs/digits/checkpoints/{found.train_key}")


@provokes(PINS, "A checkpoint of another family")
def pin_other_family(scene: Scene) -> None:
    found = scene.finished()
    pin(scene, f"runs/digits/checkpoints/{found.train_key}", "flow")


@provokes(PINS, "A run that is not done")
def pin_unfinished(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.run(layout.run_id(found.spec), "result.json"))
    pin(scene, layout.run_id(found.spec))


@provokes(PINS, "A run whose checkpoint is gone")
def pin_gone(scene: Scene) -> None:
    found = scene.finished()
    found.store.delete(layout.checkpoint(str(found.train_key)))
    pin(scene, layout.run_id(found.spec))


@provokes(PINS, "A checkpoint whose files are not those of its digest", "`genai run more.yaml`")
def pin_changed(scene: Scene) -> None:
    found = scene.finished()
    metrics = json.loads(found.store.get(layout.checkpoint(str(found.train_key))))
    found.store.put(layout.checkpoint(str(found.train_key)), json.dumps(metrics | {"digest": "0" * 64}).encode())
    scene.write("job.yaml", PINNED.format(place=f"runs/digits/checkpoints/{found.train_key}", family="vae"))
    scene.run()


@provokes(PINS, "A field of the family beside it", job="")
def pin_field(scene: Scene) -> None:
    scene.genai("plan", "job.yaml", "--set", "model={checkpoint: a/b, width: 3}")


@provokes(PINS, "A count by rows that are not there", job="")
def pin_match(scene: Scene) -> None:
    scene.genai("plan", "job.yaml", "--set", "model={checkpoint: a/b}", "--set", "generate.count={match: train}")


@provokes(PINS, "Neither rows nor a checkpoint")
def rows_missing(scene: Scene) -> None:
    scene.write("job.yaml", "name: digits\noutput: runs\n")
    scene.genai("plan", "job.yaml")
