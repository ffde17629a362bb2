"""A site that is served on a free port, and runs for it that needed no Ray."""

import http.client
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from jobs import layout
from jobs.events import EventLog
from jobs.lease import Leases
from jobs.web.server import Server
from jobs.web.site import site_of
from tests.jobs.scripted import job

KEY = "0123456789abcdef"


@dataclass(frozen=True)
class Reader:
    """Asks a server as a browser would."""

    server: Server

    def __call__(self, path=None, method="GET", **headers):
        """The answer and its body; `Host="…"` is another header than a browser's own."""
        asked = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked.request(method, path or self.server.site.start, headers=named)
        answer = asked.getresponse()
        body = answer.read()
        asked.close()
        return answer, body

    def look(self, *, again=False):
        """Wait until all that there is was looked at, so that no page is made of less."""
        site = self.server.site
        room = site.room(site.target.run_id) if site.target else None
        for kept in (room.seen, room.samples, room.runs) if room else (site.runs,):
            kept._next = float("-inf") if again else kept._next
            kept.look(60)

    def text(self, path=None):
        answer, body = self(path)
        assert answer.status == 200, body
        return body.decode()

    def sections(self, path=None):
        """What the page asks for to stay fresh."""
        return json.loads(self.text((path or self.server.site.start).rstrip("/") + "/live"))["sections"]


@contextmanager
def serving(text, output="runs", price=None):
    """The page of a RUN or an output."""
    with Server(site_of(text, output, (), price), port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            reader = Reader(server)
            reader.look()
            yield reader
        finally:
            server.shutdown()
            thread.join()


class Visible(HTMLParser):
    """The text of a page, and its elements."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def spec(tmp_path):
    """A job with its output in a folder."""
    return job(output=str(tmp_path / "runs"))


@pytest.fixture
def live(spec):
    """A run half way, held by this process: 6 of 10 parts, by two workers, a part each second. Its store and id."""
    store, run = layout.job_store(spec), layout.run_id(spec)
    store.put(layout.run(run), spec.to_yaml().encode())
    leases = Leases(store, run)
    leases.take(run)
    begin(store, run, parts=10, done=6)
    yield store, run
    leases.release()


def begin(store, run, parts, done, **more):
    """The events of a run up to a part."""
    now = [1_000_000.0]
    with EventLog(store, run, clock=lambda: now[0]) as log:
        log.note("run_started", run=run, crew="ray", job="x", command="genai run job.yaml")
        log.note("stage_started", stage="train", key=KEY, steps=100)
        log.note("train_started", step=0, workers=4, worker="train-0")
        for step in range(10, 101, 10):
            now[0] += 9
            log.note("train_step", step=step, steps=100, loss=1 / step, lr=0.1, rows_per_second=640.0)
        log.note("stage_done", stage="train", key=KEY, seconds=90.0)
        log.note("stage_started", stage="generate", key=KEY, parts=parts, done=0)
        for number in range(1, done + 1):
            now[0] += 1
            log.note(
                "part_done", stage="generate", part=f"part-{number:05d}.parquet", rows=50, bytes=9, done=number,
                parts=parts, worker=f"hand-{number % 2}", seconds={"draw": 1.0}, **more,
            )  # fmt: skip
