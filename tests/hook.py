"""A real web server that takes POSTs and answers by a script: what listens to a run is tried against it.

    with hook(500, 500, 200) as server:        # the last answer stands for all that come later
        ...
    server.received[0].body

An answer is a status, or HANG (none), CLOSE (cut off), TRICKLE (a header that never ends), or a URL (a redirect).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG, CLOSE, TRICKLE = "hang", "close", "trickle"


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """The server; `over` ends all that hangs."""

    answers: list[int | str]
    port: int = 0
    received: list[Received] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"


@contextmanager
def hook(*answers: int | str) -> Iterator[Hook]:
    """On a free port of this machine, until the `with` ends."""
    told = Hook(list(answers or [200]))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.received.append(Received(self.path, dict(self.headers), body))
            answer = told.answers[min(len(told.received), len(told.answers)) - 1]
            with suppress(OSError):  # who asked has gone
                self._answered(answer)

        def _answered(self, answer: int | str) -> None:
            if answer == HANG:
                told.over.wait()
            elif answer == TRICKLE:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not told.over.wait(0.05):
                    self.wfile.write(b"x")
            elif answer != CLOSE:
                self.send_response(302 if isinstance(answer, str) else answer)
                if isinstance(answer, str):
                    self.send_header("Location", answer)
                self.send_header("Content-Length", "0")
                self.end_headers()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield told
    finally:
        told.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
