"""A POST with the run's result, when it is done, incomplete or failed.

The body is one JSON object: the event as it is in the run's stream, with the run's id and the job's name. It is the
same for each try, so that a receiver knows by `run` and `at` what it has had. With a secret, the header
`X-Genai-Signature: sha256=…` is the HMAC-SHA256 of the body, which holds the time, so that an old one is known as old.
No redirect is followed. What is told of a failure names scheme and host alone: path and query of a hook are often
its key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

import genai
from genai.errors import GenaiError, InputError
from jobs import layout
from jobs.events import Event
from jobs.notify import is_web_url
from jobs.spec import JobSpec

SIGNATURE = "X-Genai-Signature"
TRIES, TRY_SECONDS, PAUSE_SECONDS = 3, 1.4, 0.1  # the pause doubles; all of it fits into the end of a run


@dataclass(frozen=True)
class Webhook:
    """Where to, and on whose behalf."""

    run: str
    job: str
    logical_date: str | None
    url: str = field(repr=False)
    secret: bytes = field(default=b"", repr=False)
    seconds: float = TRY_SECONDS

    kinds = frozenset({"run_done", "run_incomplete", "run_failed"})

    def __call__(self, event: Event) -> None:
        """Raises GenaiError where nobody takes it."""
        request = self._request(self._body(event))
        pause, opener = PAUSE_SECONDS, _opener()
        for tries in range(1, TRIES + 1):
            found, again = self._sent(opener, request)
            if not found:
                return
            if not again or tries == TRIES:
                times = "once" if tries == 1 else f"{tries} times"
                raise GenaiError(f"{self._place}: {found}; tried {times}")
            time.sleep(pause)
            pause *= 2

    def close(self) -> None:
        """Nothing is left: each POST has ended."""

    @property
    def _place(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def _body(self, event: Event) -> bytes:
        about = {"run": self.run, "job": self.job, "logical_date": self.logical_date}
        told = {"kind": event.kind, "at": round(event.at, 3), **about, **event.fields}
        return json.dumps(told, sort_keys=True).encode()

    def _request(self, body: bytes) -> Request:
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        headers = {"Content-Type": "application/json", "User-Agent": f"genai/{genai.__version__}"}
        if at:
            headers["Authorization"] = f"Basic {base64.b64encode(unquote(user).encode()).decode()}"
        if self.secret:
            headers[SIGNATURE] = f"sha256={hmac.new(self.secret, body, hashlib.sha256).hexdigest()}"
        return Request(urlunsplit(parts._replace(netloc=host)), body, headers, method="POST")  # noqa: S310  # http(s), by the spec

    def _sent(self, opener: OpenerDirector, request: Request) -> tuple[str, bool]:
        """What went wrong, if anything, and whether another try may help."""
        try:
            with opener.open(request, timeout=self.seconds) as response:  # its body is not read
                status = int(response.status)
        except (OSError, HTTPException) as error:
            return self._why(error), True
        if 300 <= status < 400:
            return f"answered {status}, a redirect, which is not followed", False
        return ("", False) if status < 300 else (f"answered {status}", status == 429 or status >= 500)

    def _why(self, error: Exception) -> str:
        """In few words, which hold nothing of the URL."""
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return f"no answer within {self.seconds:g} s"
        return str(getattr(reason, "strerror", None) or type(reason).__name__)


def _opener() -> OpenerDirector:
    """Sends through the proxy that the environment names; follows no redirect, opens no file."""
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    return opener


def listener(spec: JobSpec) -> Webhook:
    """Raises InputError where a variable that the job names is not set, or holds no URL."""
    asked = spec.notify.webhook
    assert asked
    url = asked.url or _held("url_env", asked.url_env)
    if not is_web_url(url):
        allowed = "allowed: http://… or https://…"
        raise InputError(f"notify.webhook.url_env: the variable {asked.url_env} holds no URL for a POST; {allowed}")
    secret = _held("secret_env", asked.secret_env) if asked.secret_env else ""
    return Webhook(layout.run_id(spec), spec.name, spec.logical_date, url, os.fsencode(secret))


def _held(field: str, variable: str | None) -> str:
    found = os.environ.get(variable or "", "")
    if not found:
        text = "is not set, or empty; set it where the run is started"
        raise InputError(f"notify.webhook.{field}: the environment variable {variable} {text}")
    return found
