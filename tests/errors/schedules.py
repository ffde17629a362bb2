"""What can be wrong with a schedule."""

from __future__ import annotations

from tests.errors.provoked import SMALL, Scene, provokes

SCHEDULE = "Scheduling"
NIGHTLY = ("--at", "0 2 * * *")
ON_S3 = ("--set", "output=s3://bucket/prefix")
IMAGE = ("--image", "reg.example/genai:1")


def cron(scene: Scene, *words: str) -> None:
    scene.genai("schedule", "job.yaml", "--target", "cron", *words)


@provokes(SCHEDULE, "A scheduler without a time", job="")
def schedule_timeless(scene: Scene) -> None:
    cron(scene)


@provokes(SCHEDULE, "A cron line of six fields", job="")
def schedule_six(scene: Scene) -> None:
    cron(scene, "--at", "0 0 2 * * *")


@provokes(SCHEDULE, "A cron line without an end", job="")
def schedule_endless(scene: Scene) -> None:
    cron(scene, "--at", ",".join(map(str, range(60))) + ",0" * 30 + " 2 * * *")


@provokes(SCHEDULE, "An hour that is none", job="")
def schedule_hour(scene: Scene) -> None:
    cron(scene, "--at", "0 25 * * *")


@provokes(SCHEDULE, "A cron line that schedulers read differently", job="")
def schedule_days(scene: Scene) -> None:
    cron(scene, "--at", "0 2 */2 * MON")


@provokes(SCHEDULE, "An address without its protocol", job="")
def schedule_address(scene: Scene) -> None:
    cron(scene, *NIGHTLY, "--address", "head:8265")


@provokes(SCHEDULE, "An option of another target", job="")
def schedule_other(scene: Scene) -> None:
    cron(scene, *NIGHTLY, "--since", "2026-11-25")


@provokes(SCHEDULE, "A path with a line break", job="")
def schedule_break(scene: Scene) -> None:
    cron(scene, *NIGHTLY, "--log", "two\nlines")


@provokes(SCHEDULE, "A path with a backslash in a crontab")
def schedule_backslash(scene: Scene) -> None:
    scene.write("a\\b.yaml", f'name: digits\noutput: runs\ndata: {{source: "sklearn://digits"}}\n{SMALL}')
    scene.genai("schedule", "a\\b.yaml", "--target", "cron", *NIGHTLY, "--log", "/log")


@provokes(
    SCHEDULE, "A command that is too long for a crontab", job="", done="`genai schedule` with a very long `--log`"
)
def schedule_long(scene: Scene) -> None:
    cron(scene, *NIGHTLY, "--log", f"/{'k' * 2000}", "--genai", "/genai")


@provokes(SCHEDULE, "A pod without an image", job="")
def schedule_no_image(scene: Scene) -> None:
    scene.genai("schedule", "job.yaml", "--target", "k8s-cronjob", *NIGHTLY, *ON_S3)


@provokes(SCHEDULE, "A pod that would write to this machine", job="")
def schedule_local(scene: Scene) -> None:
    scene.genai("schedule", "job.yaml", "--target", "k8s-cronjob", *NIGHTLY, *IMAGE)


@provokes(SCHEDULE, "Files into a folder that cannot be made", job="")
def schedule_folder(scene: Scene) -> None:
    cron(scene, *NIGHTLY, "-o", "job.yaml/made")
