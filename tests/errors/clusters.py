"""What can go wrong on the way to a cluster, as far as it can be provoked without one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from jobs import rayjobs
from tests.errors.provoked import Scene, provokes

CLUSTER = "Submitting to a cluster"
VERSION = {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}
NODES = {"data": {"result": {"result": [{"state": "ALIVE", "resources_total": {"CPU": 2.0}}]}}}
STATUS = {"data": {"clusterStatus": {}}}


@contextmanager
def server(answers: dict[str, tuple[int, object]]) -> Iterator[str]:
    """The address of a job server that says what it is told to, by the start of the path."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, body = next((a for path, a in answers.items() if self.path.startswith(path)), (404, "not there"))
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Silent."""

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{found.server_port}"
        finally:
            found.shutdown()


def submit(scene: Scene, address: str, *words: str) -> None:
    scene.uris[address] = "http://head:8265"
    scene.genai("submit", "job.yaml", "--address", address, *words)


@provokes(CLUSTER, "An address that nobody answers at", job="")
def address_dead(scene: Scene) -> None:
    submit(scene, "http://127.0.0.1:9")


@provokes(CLUSTER, "An address without http", job="")
def address_bare(scene: Scene) -> None:
    submit(scene, "head:8265")


@provokes(CLUSTER, "An address of something else", job="")
def address_other(scene: Scene) -> None:
    with server({"/api/version": (200, "<html>")}) as address:
        submit(scene, address)


@provokes(CLUSTER, "A cluster of another Ray", job="")
def ray_other(scene: Scene) -> None:
    with server({"/api/version": (200, VERSION | {"ray_version": "2.9.3"})}) as address:
        submit(scene, address)


@provokes(CLUSTER, "A cluster that has less than the job asks for", job="")
def room_lacking(scene: Scene) -> None:
    answers = {"/api/version": (200, VERSION), "/api/v0/nodes": (200, NODES), "/api/cluster_status": (200, STATUS)}
    with server(answers) as address:
        submit(scene, address, "--set", "train.workers.gpu=1")


@provokes(CLUSTER, "A job server that fails", job="")
def server_fails(scene: Scene) -> None:
    answers = {
        "/api/version": (200, VERSION), "/api/v0/nodes": (200, NODES), "/api/cluster_status": (200, STATUS),
        "/api/packages": (500, "disk full"),
    }  # fmt: skip
    with server(answers) as address:
        submit(scene, address)


@provokes(CLUSTER, "A job server that takes no job", job="")
def server_busy(scene: Scene) -> None:
    scene.patch.setattr(rayjobs, "SUBMIT_SECONDS", 0.5)
    scene.patch.setattr(rayjobs, "PAUSE_SECONDS", 0.1)
    busy = "No available agent to submit job, please try again later."
    answers = {
        "/api/version": (200, VERSION), "/api/v0/nodes": (200, NODES), "/api/cluster_status": (200, STATUS),
        "/api/packages": (200, {}), "/api/jobs/digits": (404, ""), "/api/jobs": (500, busy),
    }  # fmt: skip
    with server(answers) as address:
        submit(scene, address)


@provokes(CLUSTER, "A package that is no folder", job="")
def package_none(scene: Scene) -> None:
    with server({"/api/version": (200, VERSION)}) as address:
        submit(scene, address, "--package", "job.yaml")


@provokes(CLUSTER, "A package above Ray's limit", job="")
def package_huge(scene: Scene) -> None:
    Path("mine").mkdir()
    with Path("mine/data.bin").open("wb") as sparse:
        sparse.truncate(600 << 20)
    with server({"/api/version": (200, VERSION)}) as address:
        submit(scene, address, "--package", "mine")


@provokes(CLUSTER, "A secret passed on", job="")
def env_secret(scene: Scene) -> None:
    with server({"/api/version": (200, VERSION)}) as address:
        submit(scene, address, "--env", "AWS_SECRET_ACCESS_KEY")


@provokes(CLUSTER, "A variable that is not set", job="")
def env_unset(scene: Scene) -> None:
    with server({"/api/version": (200, VERSION)}) as address:
        submit(scene, address, "--env", "MY_VARIABLE")


@provokes(CLUSTER, "A cluster that is lost while it is followed", job="")
def head_lost(scene: Scene) -> None:
    from jobs import follow

    scene.patch.setattr(follow, "LOST_SECONDS", 0.0)
    target = scene.target()
    with server({"/api/version": (200, VERSION)}) as address:
        following = follow.Following(target.store, target.run_id, address, whole=True)
    scene.typed = "genai submit job.yaml --address http://head:8265"
    scene.uris[address] = "http://head:8265"
    following.until_it_ends(lambda _: None)
