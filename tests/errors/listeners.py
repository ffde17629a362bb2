"""What can be wrong with those who are told of a run; what goes wrong later is an event and ends nothing."""

from __future__ import annotations

import sys

from jobs.events import Event
from jobs.listeners import asked
from tests.errors.job_file import _faulty
from tests.errors.provoked import Scene, provokes
from tests.hook import hook

NOTIFY, LATER = "Telling of a run: `notify`", "Telling of a run: `listener_failed` events"


def _told(scene: Scene, *settings: str) -> None:
    """What a run does first, and then at its start."""
    scene.typed = " --set ".join(["genai run job.yaml", *settings])
    for _, listener in asked(scene.target(*settings).spec):
        listener(Event("run_started" if "openlineage" in settings[0] else "run_failed", 0.0, {"error": "x"}))


_faulty(NOTIFY, "hook_no_url", "A webhook that is no URL for a POST", "notify: {webhook: ftp://host/hook}\n")
_faulty(NOTIFY, "hook_user", "A password in a webhook", "notify: {webhook: 'https://user:password@host/hook'}\n")
_faulty(NOTIFY, "hook_query", "A key in a webhook", "notify: {webhook: 'https://host/hook?key=7'}\n")
_faulty(NOTIFY, "hook_neither", "A webhook without an address", "notify: {webhook: {secret_env: KEY}}\n")
_faulty(NOTIFY, "hook_both", "A webhook with two addresses", "notify: {webhook: {url: 'https://host', url_env: H}}\n")
_faulty(NOTIFY, "hook_secret", "A secret for its variable", "notify: {webhook: {url_env: H, secret_env: a-b}}\n")


@provokes(NOTIFY, "A variable that is not set", job="notify: {webhook: {url: 'https://host', secret_env: HOOK_KEY}}\n")
def hook_unset(scene: Scene) -> None:
    scene.patch.delenv("HOOK_KEY", raising=False)
    scene.genai("run", "job.yaml", "--crew", "local")


@provokes(NOTIFY, "A variable that holds something else", job="notify: {webhook: {url_env: HOOK}}\n")
def hook_odd(scene: Scene) -> None:
    scene.patch.setenv("HOOK", "hooks.example.com/x")
    scene.genai("run", "job.yaml", "--crew", "local")


@provokes(NOTIFY, "OpenLineage without its library", job="notify: {openlineage: true}\n")
def lineage_missing(scene: Scene) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "openlineage"]:
        scene.patch.delitem(sys.modules, name)
    scene.patch.setitem(sys.modules, "openlineage", None)
    scene.genai("run", "job.yaml", "--crew", "local")


@provokes(LATER, "A webhook that fails", "a run whose webhook answers 500, or not at all, or elsewhere", job="")
def hook_fails(scene: Scene) -> None:
    with hook(500) as server:
        scene.patch.setenv("HOOK", server.url)
        _told(scene, "notify.webhook.url_env=HOOK")


@provokes(LATER, "Lineage that is sent nowhere", "a run with `openlineage: true`, and no place is set", job="")
def lineage_nowhere(scene: Scene) -> None:
    _alone(scene)
    _told(scene, "notify.openlineage=true")


@provokes(LATER, "Lineage that cannot be sent", "a run with `openlineage: true`, and its server is away", job="")
def lineage_away(scene: Scene) -> None:
    _alone(scene)
    scene.write("openlineage.yml", "transport: {type: http, url: 'http://127.0.0.1:9', retry: {total: 0}}\n")
    _told(scene, "notify.openlineage=true")


def _alone(scene: Scene) -> None:
    """No setting of OpenLineage's but what lies in the folder."""
    import os

    for name in [name for name in os.environ if name.startswith("OPENLINEAGE_")]:
        scene.patch.delenv(name)
    scene.patch.setenv("HOME", str(scene.folder))
