"""The server: loopback, reads only, standard library.

What it refuses, and why: a Host that is not this machine's (a page elsewhere whose name is made to lead to 127.0.0.1
could read the runs), every method but GET and HEAD (there is nothing to change), and by its headers any other server,
any script but its own, and being shown in a frame. A stored report is HTML of the store: it is shown in a sandbox.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from genai.errors import GenaiError, InputError
from genai.identity import sha256
from jobs.web import render
from jobs.web.listing import RUN_ID
from jobs.web.samples import KINDS
from jobs.web.site import Site

HOST, PORT = "127.0.0.1", 7007
HTML, JSON = "text/html; charset=utf-8", "application/json; charset=utf-8"
_OURS = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_THEIRS = (
    "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
}  # fmt: skip


class Server(ThreadingHTTPServer):
    """Serves one site."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, site: Site, host: str = HOST, port: int = PORT) -> None:
        """Raises InputError where it cannot listen there."""
        self.site, self.host = site, host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            text = f"--port {port} of {host}: {why}; allowed: one that is free (--port 0 takes any)"
            raise InputError(text) from None

    def server_bind(self) -> None:
        """As the base class does, but without asking a name server who we are."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.host, self.server_address[1]

    @property
    def url(self) -> str:
        """Where to look."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.server_port}{self.site.start}"

    def takes(self, host: str | None) -> bool:
        """Whether a Host header names this server. A name that somebody else may point here does not."""
        name = re.sub(r":\d*$", "", host or "").strip("[]").lower()
        if name in ("localhost", self.host.lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self.host)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that goes away is no fault of ours."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "genai", ""
    timeout = 60  # of a connection that says nothing

    _ROUTES: ClassVar[list[tuple[re.Pattern[str], str]]] = [
        (re.compile(r"/"), "_list"),
        (re.compile(r"/live"), "_list_live"),
        (re.compile(rf"/runs/({RUN_ID.pattern})"), "_run"),
        (re.compile(rf"/runs/({RUN_ID.pattern})/live"), "_run_live"),
        (re.compile(rf"/runs/({RUN_ID.pattern})/report"), "_report"),
        (re.compile(rf"/runs/({RUN_ID.pattern})/pictures/([0-9a-f]{{32}}\.(?:{'|'.join(KINDS)}))"), "_picture"),
        (re.compile(r"/(page\.css|page\.js|icon\.svg)"), "_static"),
    ]

    def do_GET(self) -> None:
        if not self.server.takes(self.headers.get("Host")):
            text = "This server answers to 127.0.0.1 and localhost alone (genai status --web --host says otherwise)."
            return self._say(HTTPStatus.FORBIDDEN, "Another host", text)
        path = self.path.partition("?")[0]
        for pattern, name in self._ROUTES:
            if found := pattern.fullmatch(path):
                return self._answered(getattr(self, name), *found.groups())
        return self._missing()

    do_HEAD = do_GET  # noqa: N815  # the library's name

    def _refused(self) -> None:
        self.close_connection = True  # what it sends along is not read
        self._say(
            HTTPStatus.METHOD_NOT_ALLOWED, "Only to be looked at", "Nothing can be changed here.", Allow="GET, HEAD"
        )

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # any other method
            return self._refused
        raise AttributeError(name)

    def _answered(self, answer: Callable[..., None], *groups: str) -> None:
        try:
            answer(*groups)
        except GenaiError as error:
            text = f"{error}. Reload the page to ask again."
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, "The store cannot be reached", text, **{"Retry-After": "5"})

    def _list(self) -> None:
        self._send(render.document(render.list_page(self.server.site), "/live", top=True), HTML)

    def _list_live(self) -> None:
        self._live(render.list_page(self.server.site))

    def _run(self, run: str, _job: str) -> None:
        if room := self.server.site.room(run):
            return self._send(render.document(render.run_page(room), f"/runs/{run}/live"), HTML)
        return self._missing()

    def _run_live(self, run: str, _job: str) -> None:
        if room := self.server.site.room(run):
            return self._live(render.run_page(room))
        return self._missing()

    def _report(self, run: str, _job: str) -> None:
        room = self.server.site.room(run)
        report = self.server.site.report(room) if room else None
        if report is None:
            return self._say(HTTPStatus.NOT_FOUND, "No report yet", "A run leaves one when it is done.")
        return self._send(report, HTML, **{"Content-Security-Policy": _THEIRS})

    def _picture(self, run: str, _job: str, name: str) -> None:
        room = self.server.site.room(run)
        samples = room.samples.look(0) if room else None
        data = samples.files.get(name) if samples else None
        if data is None:
            return self._missing()
        return self._send(
            data, KINDS[name.rpartition(".")[2]], **{"Cache-Control": "private, max-age=86400, immutable"}
        )

    def _static(self, name: str) -> None:
        self._send(render.file(name), render.STATIC[name])

    def _live(self, page: dict[str, Any]) -> None:
        data = json.dumps(page).encode()
        tag = f'"{sha256(data)[:32]}"'
        if self.headers.get("If-None-Match") == tag:
            return self._send(b"", JSON, HTTPStatus.NOT_MODIFIED, ETag=tag)
        return self._send(data, JSON, ETag=tag)

    def _missing(self) -> None:
        self._say(HTTPStatus.NOT_FOUND, "Not here", "There is no such run or page.")

    def _say(self, status: HTTPStatus, title: str, text: str, **headers: str) -> None:
        self._send(render.words(title, text), HTML, status, **headers)

    def _send(self, data: bytes, kind: str, status: int = HTTPStatus.OK, /, **headers: str) -> None:
        self.send_response(status)
        told = {"Content-Security-Policy": _OURS, "Cache-Control": "no-store"} | _HEADERS | headers
        for name, value in told.items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """A tab that is open asks every two seconds: nobody wants to read that."""
