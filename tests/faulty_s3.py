"""A wire that fails on purpose: an HTTP proxy on loopback before a real S3 server.

    with FaultyS3(server.endpoint) as wire:                 # clients use wire.endpoint
        wire.fire("503", times=3, method="PUT", key="data/")  # the next three PUTs whose path has "data/"
        wire.fire("lost_answer", times=None, probability=0.1)  # one request in ten, until `clear`
        ...
        assert wire.fired == {"503": 3}                     # what fired, not what was armed

- A request goes on as it came, its Host included, so that signatures hold at a server that checks them (rclone does,
  moto does not). Bodies are streamed. Each connection has a thread, each request its own connection to the server.
- Chance comes from one seeded generator, so a single client meets the same faults again.
- What AWS does and the test servers do not, the proxy does for them: with `heed_clock` it refuses a request whose
  x-amz-date is 15 minutes off its own clock, and a body that it corrupted is refused where a digest gives it away.

In a process of its own, for whoever wants its clients undisturbed: JSON lines in, JSON lines out.

    python -m tests.faulty_s3 --upstream http://127.0.0.1:9000 [--port 0] [--seed 0] [--events]
    {"endpoint": "http://127.0.0.1:40001"}                  the first line it writes
    {"fire": "500", "times": 2, "method": "GET"}        ->  {"fired": {}, "requests": 0}
    {"clear": true}, {"clock_ahead": 3600}, {}          ->  the same answer, always the counts so far
    {"event": "500", "method": "GET", "path": "/b/k"}       each fault as it fires, with --events
"""

from __future__ import annotations

import argparse
import base64
import email.utils
import hashlib
import http.client
import json
import random
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

PIECE_BYTES = 256 << 10
SKEW_SECONDS = 15 * 60
ANSWERS = {  # kind: (status, S3's code)
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "full_disk": (507, "XMinioStorageFull"),
    "skew": (403, "RequestTimeTooSkewed"),
}
KINDS = (
    *ANSWERS,  # answered in place of the server
    "timeout",  # taken in and never answered
    "refused",  # closed before the body is read
    "cut_request",  # reset in the middle of the request's body
    "cut_response",  # closed in the middle of the answer's body
    "trickle",  # answered a few bytes at a time
    "lost_answer",  # carried out, then closed without the answer
    "corrupt",  # one bit of an object flipped, on its way up (PUT) or down (GET)
)


@dataclass
class Rule:
    """A fault that waits for its requests."""

    kind: str
    times: int | None
    after: int
    probability: float
    method: str | None
    key: re.Pattern[str] | None


class FaultyS3:
    """The proxy, running in threads between enter and exit."""

    def __init__(
        self,
        upstream: str,
        *,
        port: int = 0,
        seed: int = 0,
        heed_clock: bool = True,
        trickle: tuple[int, float] = (1, 1.0),
        on_fire: Callable[[str, str, str], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname, parts.port)
        self.heed_clock, self.trickle, self.on_fire = heed_clock, trickle, on_fire
        self.clock_ahead = 0.0  # how far this end's clock is ahead of the clients'
        self.fired: Counter[str] = Counter()
        self.requests = 0
        self.stopping = threading.Event()
        self._random, self._rules, self._lock = random.Random(seed), list[Rule](), threading.Lock()
        self._server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"wire": self}), tls)
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    def fire(
        self,
        kind: str,
        times: int | None = 1,
        *,
        after: int = 0,
        probability: float = 1.0,
        method: str | None = None,
        key: str | None = None,
    ) -> None:
        """Arm a fault for the next `times` requests (None: until `clear`) of `method` whose path and query have the
        regular expression `key`, each with `probability`, once `after` of them have passed. Earlier rules come first.
        """
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(KINDS)}")
        with self._lock:
            self._rules.append(Rule(kind, times, after, probability, method, re.compile(key) if key else None))

    def clear(self) -> None:
        """Disarm all."""
        with self._lock:
            self._rules.clear()

    def counts(self) -> dict[str, Any]:
        """What has fired, and how many requests came, so far."""
        with self._lock:
            return {"fired": dict(self.fired), "requests": self.requests}

    def begin(self, method: str, path: str, *, with_body: bool) -> Rule | None:
        """Count a request, and take the fault that is for it."""
        with self._lock:
            self.requests += 1
            for rule in self._rules:
                if rule.times == 0 or not _fits(rule, method, path, with_body=with_body):
                    continue
                if rule.after:
                    rule.after -= 1
                elif self._random.random() < rule.probability:
                    rule.times = rule.times and rule.times - 1
                    return rule
        return None

    def give_back(self, rule: Rule) -> None:
        """The fault had nothing to act on."""
        with self._lock:
            rule.times = None if rule.times is None else rule.times + 1

    def note(self, kind: str, method: str, path: str) -> None:
        """A fault fires."""
        with self._lock:
            self.fired[kind] += 1
        if self.on_fire:
            self.on_fire(kind, method, path)

    def below(self, bound: int) -> int:
        """Where to cut or to flip."""
        with self._lock:
            return self._random.randrange(bound)

    def now(self) -> float:
        """This end's clock."""
        return time.time() + self.clock_ahead


def _fits(rule: Rule, method: str, path: str, *, with_body: bool) -> bool:
    if rule.method not in (None, method) or (rule.key and not rule.key.search(path)):
        return False
    if rule.kind == "cut_request":
        return with_body
    if rule.kind == "cut_response":
        return method != "HEAD"
    if rule.kind == "corrupt":  # listings and forms of multipart uploads carry no digest that could tell
        is_object = urlsplit(path).path.count("/") > 1 and not re.search(r"[?&](uploads|list-type)", path)
        return is_object and (method == "GET" or (method == "PUT" and with_body))
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size, allow_reuse_address = True, False, 256, True

    def __init__(self, address: tuple[str, int], handler: type, tls: ssl.SSLContext | None) -> None:
        self._tls, self._open = tls, set[socket.socket]()
        super().__init__(address, handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, peer = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close the connections that clients keep open."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # whose client has gone
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    wire: FaultyS3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    _left, _chunked = 0, False  # what of the request's body is unread

    def relay(self) -> None:
        path, self._date = unquote(self.path), email.utils.formatdate(self.wire.now(), usegmt=True)
        self._left = self._length()
        self._chunked = "chunked" in self.headers.get("Transfer-Encoding", "")  # over TLS botocore sends chunks
        rule = self.wire.begin(self.command, path, with_body=self._left > 0 or self._chunked)
        if self._is_skewed():
            self._fire("skew")
            self._answer("skew")
        elif rule is None:
            self._pass()
        elif rule.kind in ANSWERS:
            self._fire(rule.kind)
            self._answer(rule.kind)
        else:
            getattr(self, f"_{rule.kind}")(rule)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay  # noqa: N815  # the library's names

    # --- the faults

    def _timeout(self, rule: Rule) -> None:
        self._fire(rule.kind)
        self._drop_body()
        while not self.wire.stopping.is_set() and not select.select([self.connection], [], [], 0.1)[0]:
            pass  # until the client closes, which reads as data
        self.close_connection = True

    def _refused(self, rule: Rule) -> None:
        self._fire(rule.kind)
        self._reset()

    def _cut_request(self, rule: Rule) -> None:
        self._fire(rule.kind)
        for _ in self._body():
            if self._left <= self._length() // 2:
                break
        self._reset()

    def _lost_answer(self, rule: Rule) -> None:
        answer = self._ask(self._body())
        answer.read()
        self._fire(rule.kind)
        self.close_connection = True

    def _cut_response(self, rule: Rule) -> None:
        answer = self._ask(self._body())
        data = answer.read()
        if not data:
            self.wire.give_back(rule)
        else:
            self._fire(rule.kind)
            self.close_connection = True
        self._send_head(answer, len(data))
        self.connection.sendall(data[: self.wire.below(len(data)) if data else 0])

    def _trickle(self, rule: Rule) -> None:
        answer = self._ask(self._body())
        data = answer.read()
        self._fire(rule.kind)
        self.close_connection = True
        if data:
            self._send_head(answer, len(data))
        else:
            data = b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % answer.status
        size, pause = self.wire.trickle
        for start in range(0, len(data), size):
            if self.wire.stopping.wait(pause):
                return
            self.connection.sendall(data[start : start + size])

    def _corrupt(self, rule: Rule) -> None:
        if self.command == "PUT":
            self._fire(rule.kind)
            sent = b"".join(self._body())
            assert not self._chunked, "these carry their digests in a trailer, which nobody here reads"
            data = _flipped(sent, self.wire.below(8 * len(sent)))
            if code := _given_away(data, self.headers):
                self._answer_error(400, code)
            else:
                self._send_on(self._ask([data]))
            return
        answer = self._ask(self._body())
        data = answer.read()
        if answer.status in (200, 206) and data:
            self._fire(rule.kind)
            data = _flipped(data, self.wire.below(8 * len(data)))
        else:
            self.wire.give_back(rule)
        self._send_head(answer, len(data))
        self.connection.sendall(data)

    # --- what they are made of

    def _fire(self, kind: str) -> None:
        self.wire.note(kind, self.command, unquote(self.path))

    def _is_skewed(self) -> bool:
        stamp = self.headers.get("X-Amz-Date")
        if not stamp or not self.wire.heed_clock:
            return False
        sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        return abs(sent - self.wire.now()) > SKEW_SECONDS

    def _length(self) -> int:
        return int(self.headers.get("Content-Length") or 0)

    def _body(self) -> Iterator[bytes]:
        """The pieces of the body; a chunk with its length around it."""
        while self._chunked:
            size = self.rfile.readline()
            chunk = self.rfile.read(int(size, 16) + 2)
            self._chunked = len(chunk) > 2
            yield size + chunk
        while self._left:
            piece = self.rfile.read1(min(self._left, PIECE_BYTES))
            if not piece:
                raise ConnectionResetError("the client went in the middle of its body")
            self._left -= len(piece)
            yield piece

    def _drop_body(self) -> None:
        for _ in self._body():
            pass

    def _ask(self, body: Any) -> http.client.HTTPResponse:
        """Send the request on, and wait for the head of its answer."""
        server = http.client.HTTPConnection(*self.wire.upstream, timeout=120)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect"):
                server.putheader(name, value)
        server.putheader("Connection", "close")
        server.endheaders()
        for piece in body:
            server.send(piece)
        return server.getresponse()

    def _pass(self) -> None:
        self._send_on(self._ask(self._body()))

    def _send_on(self, answer: http.client.HTTPResponse) -> None:
        if answer.length is None:
            data = answer.read()
            self._send_head(answer, len(data))
            self.connection.sendall(data)
            return
        self._send_head(answer, answer.length)
        piece = memoryview(bytearray(min(PIECE_BYTES, answer.length or 1)))
        while answer.length and (count := answer.readinto(piece)):
            self.connection.sendall(piece[:count])

    def _send_head(self, answer: http.client.HTTPResponse, size: int) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date"):
                self.send_header(name, value)
        length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(size)
        if answer.status != 204:
            self.send_header("Content-Length", length)
        self._end_head()

    def _end_head(self) -> None:
        self.send_header("Date", self._date)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _answer(self, kind: str) -> None:
        self._answer_error(*ANSWERS[kind])

    def _answer_error(self, status: int, code: str) -> None:
        self._drop_body()
        data = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>a fault on purpose</Message></Error>'.encode()
        self.send_response_only(status, code)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        self._end_head()
        if self.command != "HEAD":
            self.connection.sendall(data)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _given_away(data: bytes, headers: Any) -> str:
    """The code by which AWS refuses a body that does not fit a digest in the request's headers; "" where none tells."""
    md5, crc, sha = (headers.get(name) for name in ("Content-MD5", "x-amz-checksum-crc32", "x-amz-content-sha256"))
    if md5 and base64.b64decode(md5) != hashlib.md5(data).digest():
        return "BadDigest"
    if crc and base64.b64decode(crc) != zlib.crc32(data).to_bytes(4, "big"):
        return "BadDigest"
    if sha and len(sha) == 64 and sha != hashlib.sha256(data).hexdigest():
        return "XAmzContentSHA256Mismatch"
    return ""


def main() -> None:
    """The proxy in a process of its own; it ends with its standard input."""
    parser = argparse.ArgumentParser(description="An S3 server seen through a wire that fails on purpose.")
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--events", action="store_true")
    asked = parser.parse_args()
    saying = threading.Lock()

    def say(**line: Any) -> None:
        with saying:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()

    def tell(kind: str, method: str, path: str) -> None:
        say(event=kind, method=method, path=path)

    wire = FaultyS3(asked.upstream, port=asked.port, seed=asked.seed, on_fire=tell if asked.events else None)
    with wire:
        say(endpoint=wire.endpoint)
        for line in sys.stdin:
            try:
                obey(wire, json.loads(line))
            except (TypeError, ValueError) as error:
                say(error=str(error))
            else:
                say(**wire.counts())


def obey(wire: FaultyS3, order: dict[str, Any]) -> None:
    """One line of the command line's standard input."""
    wire.clock_ahead = order.pop("clock_ahead", wire.clock_ahead)
    if order.pop("clear", False):
        wire.clear()
    if "fire" in order:
        wire.fire(order.pop("fire"), **order)


if __name__ == "__main__":
    main()
