"""Keys in the file. What is found is never repeated: it would stand in logs then, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jobs.cluster import Cluster, Found
from jobs.document import Path

_NAMES = re.compile(r"(?i)(?:secret|password|passwd|(?:api|access|private)[_-]?key(?:[_-]?id)?|(?:_|-|\b)token)$")
_PATHS = {"ssh_private_key", "ssh_public_key"}  # where a key is, not what it is
_KINDS = (
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a token", re.compile(r"\b(?:hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|sk-[\w-]{20,})")),
    ("user and password in a URI", re.compile(r"://[^/\s:@]+:[^/\s@$]+@")),
    (
        "a secret",
        re.compile(
            r"(?i)\b\w*(?:secret|password|passwd|token|api_?key|access_?key(?:_id)?)\w*\s*[=:]\s*['\"]?[\w/+.-]{8,}"
        ),
    ),
)
_ALLOWED = "allowed: none in this file; nodes take the role of IamInstanceProfile, `ray up` your AWS profile"


def check(cluster: Cluster) -> Iterator[Found]:
    """Whatever looks like one, anywhere."""
    yield from _within(cluster.given, ())


def _within(value: Any, path: Path) -> Iterator[Found]:
    if path == ("provider", "aws_credentials"):
        yield Found(path, f"found AWS credentials; {_ALLOWED}", key=True)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _within(inner, (*path, at))
    elif isinstance(value, str) and (kind := _kind(path, value)):
        yield Found(path, f"found {kind}; {_ALLOWED}")


def _kind(path: Path, value: str) -> str | None:
    for kind, pattern in _KINDS:
        if pattern.search(value):
            return kind
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    return "a secret" if _NAMES.search(name) and name not in _PATHS and value and "$" not in value else None
