"""The server: whom it answers, and what it never does."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from genai.errors import InputError
from jobs import layout
from jobs.web.server import Server
from jobs.web.site import Site, site_of
from tests.jobs.published import published
from tests.jobs.web.conftest import serving

OURS = ["127.0.0.1", "127.0.0.1:7007", "localhost", "LOCALHOST:9999", "[::1]:7007"]
OTHERS = ["evil.example", "evil.example:7007", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7", ""]


@pytest.fixture(scope="module")
def reader():
    """Of an output without runs."""
    with serving(None, "memory://server-empty/out") as made:
        yield made


@pytest.mark.parametrize("host", OURS)
def test_this_machine_is_answered(reader, host):
    """By each of its names, also through a tunnel with another port."""
    assert reader("/", Host=host)[0].status == 200


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("path", ["/", "/live", "/page.js", "/runs/a-0123456789ab/report"])
def test_a_name_that_somebody_may_point_here_is_refused(reader, host, path):
    """DNS rebinding: the browser comes to 127.0.0.1, and says where it thinks it is."""
    answer, body = reader(path, Host=host)

    assert answer.status == 403
    assert b"127.0.0.1" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_nothing_can_be_changed(reader, method):
    """Whatever is asked for."""
    answer, _ = reader("/", method)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/runs/", "/runs/../../etc/passwd", "/runs/x-0123456789ab", "/runs/x-0123456789ab/pictures/a.png",
     "/runs/x-0123456789ab/report", "/frame.html.j2", "/%2e%2e/page.css", "/runs/" + "a" * 5000, "//etc/passwd"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(reader, path):
    """Neither runs, nor files of the machine."""
    assert reader(path)[0].status == 404


def test_every_answer_keeps_the_browser_to_this_server(reader):
    """No script but ours, nothing from elsewhere, no frame, nothing kept."""
    for path in ("/", "/live", "/page.css", "/nothing"):
        headers = reader(path)[0].headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_a_head_is_an_answer_without_a_body(reader):
    """With the length that it would have."""
    answer, body = reader("/page.css", "HEAD")

    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


def test_many_readers_are_answered_at_once(spec):
    """Of one run; the store is asked for all of them together."""
    published(spec)
    with serving(layout.run_id(spec), spec.output) as made, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: made()[0].status, range(48)))

    assert answers == [200] * 48


def test_it_listens_on_loopback_alone():
    """Unless it is told otherwise; then by numbers and by the name that was given, not by any name."""
    with Server(Site("memory://server-loop"), port=0) as server:
        assert server.server_address[0] == "127.0.0.1"
    with Server(Site("memory://server-all"), "0.0.0.0", 0) as server:
        assert [server.takes(host) for host in ("10.0.0.7:80", "localhost", "evil.example")] == [True, True, False]


def test_a_port_that_is_taken_is_told():
    """With what is allowed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"--port {port} of 127.0.0.1: .*--port 0 takes any"):
            Server(Site("memory://server-taken"), port=port)


@pytest.mark.parametrize("text", ["no/such/folder", "tiny-0123456789ab", "job.yaml", "ftp://x/y"])
def test_what_is_neither_a_run_nor_an_output_is_refused(tmp_path, monkeypatch, text):
    """With the error that every command gives."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"allowed|no run"):
        site_of(text, "runs", (), None)
