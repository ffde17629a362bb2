"""A fresh store of each kind: `store` runs a test over all of them."""

import secrets

import pytest

from jobs.stores import open_store


@pytest.fixture(params=["memory", "file", "s3@moto", "s3@rclone"])
def store(request, tmp_path):
    """An empty store; its root is below another, so that prefixes are tried too."""
    kind, _, server = request.param.partition("@")
    if kind == "memory":
        return open_store(f"memory://{secrets.token_hex(6)}/run 1")
    if kind == "file":
        return open_store(str(tmp_path / "root" / "run 1"))
    uri = request.getfixturevalue(f"{server}_s3").use(request.getfixturevalue("monkeypatch"))
    return open_store(f"{uri}/run 1")
