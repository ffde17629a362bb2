"""The webhook against a real server that answers, fails, hangs, cuts off and sends elsewhere."""

import base64
import hashlib
import hmac
import json
import socket

import pytest

from genai.errors import GenaiError, InputError
from jobs.events import Event
from jobs.listeners import asked
from jobs.listeners.webhook import SIGNATURE, TRIES, Webhook
from tests.hook import CLOSE, HANG, hook

DONE = Event("run_done", 1_795_572_913.0123, {"rows": 40, "digest": "abc", "path": "/runs/tiny"})
SECRET = b"a key of the receiver's"


def webhook(url, secret=b"", seconds=20.0):
    return Webhook("tiny-0123456789ab", "tiny", "2026-11-25", url, secret, seconds)


def failure(hooked):
    with pytest.raises(GenaiError) as caught:
        hooked(DONE)
    return str(caught.value)


@pytest.fixture
def nobody():
    """An address where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_the_body_is_the_event_with_the_run_that_it_is_of():
    """One JSON object, with the time in it."""
    with hook() as server:
        webhook(server.url)(DONE)
    (received,) = server.received

    assert received.path == "/hook"
    assert received.headers["Content-Type"] == "application/json"
    assert json.loads(received.body) == {
        "kind": "run_done", "at": 1_795_572_913.012, "run": "tiny-0123456789ab", "job": "tiny",
        "logical_date": "2026-11-25", "rows": 40, "digest": "abc", "path": "/runs/tiny",
    }  # fmt: skip


def test_the_signature_is_the_hmac_of_the_body():
    """With a secret, by that secret alone; without one there is none."""
    with hook() as server:
        webhook(server.url, SECRET)(DONE)
        webhook(server.url)(DONE)
    signed, plain = server.received

    assert signed.headers[SIGNATURE] == f"sha256={hmac.new(SECRET, signed.body, hashlib.sha256).hexdigest()}"
    assert SIGNATURE not in plain.headers
    assert SECRET not in signed.body


@pytest.mark.parametrize("first", [500, 503, 429, CLOSE], ids=str)
def test_a_server_that_fails_for_a_moment_is_asked_again(first):
    """With the very same body, by which the receiver knows it."""
    with hook(first, first, 204) as server:
        webhook(server.url, SECRET)(DONE)

    assert len(server.received) == 3
    assert len({(one.body, one.headers[SIGNATURE]) for one in server.received}) == 1


def test_tries_have_a_bound():
    """A server that fails for good is asked three times."""
    with hook(500) as server:
        assert failure(webhook(server.url)) == f"http://{server.host}: answered 500; tried {TRIES} times"

    assert len(server.received) == TRIES


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_refusal_is_final(status):
    """Asking again would change nothing."""
    with hook(status) as server:
        assert failure(webhook(server.url)) == f"http://{server.host}: answered {status}; tried once"


def test_a_redirect_is_not_followed():
    """The result and its signature go to the address that the user gave, and nowhere else."""
    with hook() as other, hook(other.url) as server:
        told = failure(webhook(server.url, SECRET))

    assert told == f"http://{server.host}: answered 302, a redirect, which is not followed; tried once"
    assert other.received == []


def test_a_server_that_hangs_is_given_up():
    """After its time, as often as any other failure."""
    with hook(HANG) as server:
        assert failure(webhook(server.url, seconds=0.1)).endswith(": no answer within 0.1 s; tried 3 times")


def test_a_server_that_cuts_off_or_is_not_there_is_told_in_few_words(nobody):
    """The reason, and the place without its path."""
    with hook(CLOSE) as server:
        cut = failure(webhook(server.url))

    assert cut == f"http://{server.host}: RemoteDisconnected; tried 3 times"
    assert failure(webhook(f"http://{nobody}/hook")) == f"http://{nobody}: Connection refused; tried 3 times"


def test_what_is_private_in_the_url_is_sent_and_never_told(nobody):
    """User and password as their header, the query where it was; a failure says none of them, nor does the object."""
    private = "http://canary:canary%2Fpass@{}/services/canary?token=canary"
    with hook(404) as server:
        hooked = webhook(private.format(server.host), b"canary")
        told = [failure(hooked), failure(webhook(private.format(nobody))), repr(hooked)]
    (received,) = server.received

    assert received.path == "/services/canary?token=canary"
    assert received.headers["Authorization"] == f"Basic {base64.b64encode(b'canary:canary/pass').decode()}"
    assert received.headers["Host"] == server.host
    assert not [text for text in told if "canary" in text]


def test_the_proxy_of_the_environment_is_heeded(monkeypatch):
    """Drivers often have no other way out."""
    with hook() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
        monkeypatch.setenv("no_proxy", "")
        webhook("http://hooks.invalid/x")(DONE)

    assert proxy.received[0].path == "http://hooks.invalid/x"


def test_url_and_secret_come_from_the_environment(spec, monkeypatch):
    """By the names that the job says."""
    with hook() as server:
        monkeypatch.setenv("HOOK", f"{server.url}?token=x")
        monkeypatch.setenv("KEY", SECRET.decode())
        ((name, hooked),) = asked(spec("webhook: {url_env: HOOK, secret_env: KEY}"))
        hooked(DONE)

    assert name == "webhook"
    assert server.received[0].path == "/hook?token=x"
    assert SIGNATURE in server.received[0].headers


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
@pytest.mark.parametrize("field", ["url_env", "secret_env"])
def test_a_variable_that_is_not_set_is_bad_input(spec, monkeypatch, field, value):
    """Before anything is begun: a signature that is missing would be found out by the receiver only."""
    monkeypatch.delenv("GONE", raising=False)
    if value is not None:
        monkeypatch.setenv("GONE", value)
    other = "url: 'https://host', " if field == "secret_env" else ""
    with pytest.raises(InputError, match=rf"^notify\.webhook\.{field}: the environment variable GONE is not set"):
        asked(spec(f"webhook: {{{other}{field}: GONE}}"))


@pytest.mark.parametrize("url", ["canary", "ftp://canary", "file:///etc/canary", "http://", "http://h:canary/", "http://[canary",
                                 "http://h/a canary", "http://h/\ncanary"])  # fmt: skip
def test_a_variable_that_holds_no_url_is_bad_input(spec, monkeypatch, url):
    """The variable is named, its value is not."""
    monkeypatch.setenv("HOOK", url)
    with pytest.raises(InputError, match=r"^notify\.webhook\.url_env: the variable HOOK holds no URL") as caught:
        asked(spec("webhook: {url_env: HOOK}"))

    assert "canary" not in str(caught.value)
