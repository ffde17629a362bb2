"""What can go wrong with S3: settings, keys, buckets, answers, and the wire (`tests/faulty_s3.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from botocore.exceptions import ClientError, CredentialRetrievalError, DataNotFoundError, SSOTokenLoadError

from jobs.stores import _s3_claims, open_store
from jobs.stores._s3_errors import ours
from jobs.stores.s3 import S3Store
from tests.errors.provoked import Scene, provokes
from tests.faulty_s3 import FaultyS3

SETTINGS, ANSWERS, WIRE = "S3: settings", "S3: what a server answers", "S3: the wire"
RUN = "`genai run job.yaml` with `output: s3://bucket/runs`"


def _setting(name: str, title: str, server: str = "moto", **variables: str | None) -> None:
    """Variables that are wrong."""

    def provoke(scene: Scene) -> None:
        uri = scene.bucket(server)
        for variable, value in variables.items():
            scene.patch.delenv(variable) if value is None else scene.patch.setenv(variable, value)
        open_store(f"{uri}/runs").put("a", b"1")

    provoke.__name__ = name
    told = ", ".join(f"`{name}={value}`" if value is not None else f"no `{name}`" for name, value in variables.items())
    provokes(SETTINGS, title, f"{RUN}, and {told}", job="")(provoke)


_setting("keys_none", "No keys", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
_setting("keys_unknown", "A key that is not known", "rclone", AWS_ACCESS_KEY_ID="AKIANOBODY")
_setting("keys_wrong", "A secret that does not fit the key", "rclone", AWS_SECRET_ACCESS_KEY="wrong")
_setting("profile_unknown", "A profile that is not known", AWS_PROFILE="nobody")
_setting("endpoint_none", "An endpoint that is no URL", AWS_ENDPOINT_URL_S3="localhost")
_setting("endpoint_dead", "An endpoint where nobody listens", AWS_ENDPOINT_URL_S3="http://127.0.0.1:9")
_setting("attempts_none", "A number of tries that is none", AWS_MAX_ATTEMPTS="many")
_setting("patience_none", "A patience that is none", GENAI_S3_PATIENCE="long")


@provokes(SETTINGS, "A bucket that is not there", f"{RUN}, and that bucket was never made")
def bucket_missing(scene: Scene) -> None:
    scene.bucket()
    open_store("s3://nobodys-bucket/runs").put("a", b"1")


@provokes(SETTINGS, "A bucket's name that cannot be", "`genai run job.yaml` with `output: s3://My_Bucket!/runs`")
def bucket_odd(scene: Scene) -> None:
    scene.bucket()
    open_store("s3://My_Bucket!/runs").put("a", b"1")


@provokes(SETTINGS, "An object that is not there: whole", "`open_store('s3://bucket').get('a')`")
def object_missing(scene: Scene) -> None:
    scene.s3().get("a")


@provokes(SETTINGS, "An object that is not there: opened", "`open_store('s3://bucket').open('a')`")
def object_missing_open(scene: Scene) -> None:
    scene.s3().open("a")


@provokes(SETTINGS, "An object that was changed", f"{RUN}, and another program wrote over an object")
def object_changed(scene: Scene) -> None:
    uri = scene.bucket()
    open_store(uri).put("a", b"1")
    client, name = scene.server("moto").client(), uri.removeprefix("s3://")
    said = client.head_object(Bucket=name, Key="a")["Metadata"]
    client.put_object(Bucket=name, Key="a", Body=b"2", Metadata=said)
    open_store(uri).get("a")


def _answer(code: str, status: int, title: str, **headers: str) -> None:
    """What test servers cannot be brought to answer, as botocore hands it on."""

    def provoke(scene: Scene) -> None:
        about = {"HTTPStatusCode": status, "HTTPHeaders": headers}
        error = ClientError({"Error": {"Code": code}, "ResponseMetadata": about}, "PutObject")
        raise ours(error, "s3://bucket/runs/digits/a", "https://s3.eu-west-1.amazonaws.com")

    provoke.__name__ = f"answer_{code.lower()}_{status}"
    provokes(ANSWERS, title, f"{RUN}; the server answers {code} ({status})")(provoke)


_answer("AccessDenied", 403, "No permission")
_answer("Forbidden", 403, "No permission, in a server's own words")
_answer("ExpiredToken", 400, "A session that is over")
_answer("PermanentRedirect", 301, "A bucket of another region")
_answer("NotImplemented", 501, "A server that cannot do this")
_answer("KeyTooLongError", 400, "A prefix that is too long")
_answer("InvalidArgument", 400, "A request that the server does not take")
_answer("403", 403, "A clock that is wrong, told by the time alone", date=formatdate(0))
_answer("QuotaExceeded", 403, "A quota that is used up")
_answer("OperationAborted", 409, "Two writers at once")
_answer("NoSuchUpload", 404, "An upload that somebody ended")
_answer("PreconditionFailed", 412, "An object that was replaced while it was read")


def _credentials(name: str, title: str, error: Exception) -> None:
    def provoke(scene: Scene) -> None:
        raise ours(error, "s3://bucket", "https://s3.eu-west-1.amazonaws.com")

    provoke.__name__ = name
    provokes(SETTINGS, title, f"{RUN}; boto3 raises {type(error).__name__}")(provoke)


_credentials("fault_of_ours", "A fault of genai or of boto3", DataNotFoundError(data_path="x"))
_credentials("login_over", "A login that is over", SSOTokenLoadError(error_msg="x"))
_credentials("credentials_silent", "Nobody hands out the keys", CredentialRetrievalError(provider="x", error_msg="x"))


def _wire(
    name: str,
    title: str,
    kind: str,
    use: Callable[[object], object] | None = None,
    patience: str = "0.1",
    **rule: object,
) -> None:
    """A fault that does not end."""

    def provoke(scene: Scene) -> None:
        uri = scene.bucket()
        open_store(uri).put("a", b"1" * 1000)
        with FaultyS3(scene.server("moto").endpoint, trickle=(1, 0.05)) as wire:
            scene.patch.setenv("AWS_ENDPOINT_URL_S3", wire.endpoint)
            scene.patch.setenv("GENAI_S3_PATIENCE", patience)
            wire.fire(kind, times=None, **rule)
            (use or (lambda store: store.put("a", b"1")))(open_store(uri))

    provoke.__name__ = name
    provokes(WIRE, title, f"{RUN}, and this does not end")(provoke)


_wire("wire_busy", "A server that is busy", "503")
_wire("wire_failing", "A server that fails", "500")
_wire("wire_full", "A server whose disk is full", "full_disk")
_wire("wire_skew", "A clock that is wrong", "skew")
_wire("wire_silent", "A server that does not answer", "timeout", patience="0.01")
_wire("wire_refused", "Connections that break", "refused")
_wire("wire_slow", "A line that is too slow", "trickle", lambda store: store.get("a"), patience="0.01")
_wire("wire_down", "Bytes that are changed on their way here", "corrupt", lambda store: store.get("a"), method="GET")
_wire("wire_up", "Bytes that are changed on their way there", "corrupt", method="PUT")


class Odd(BaseHTTPRequestHandler):
    """A server that breaks the protocol: each page of a listing is the first, a range is the whole, and every condition
    is a race.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken>"
        self._say(200, page + b"</ListBucketResult>" if "list-type" in self.path else b"12345")

    def do_HEAD(self) -> None:
        self._say(200, b"12345")

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        code = b"<Error><Code>ConditionalRequestConflict</Code></Error>"
        self._say(*((409, code) if self.headers["If-None-Match"] else (200, b"")))

    def do_DELETE(self) -> None:
        self._say(204, b"")

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def odd(scene: Scene) -> Iterator[S3Store]:
    """A store on such a server."""
    scene.bucket()
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        scene.patch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        yield S3Store("s3://bucket")
        server.shutdown()


@provokes(ANSWERS, "A server that repeats a page of a listing for ever", RUN)
def page_repeated(scene: Scene) -> None:
    with odd(scene) as store:
        list(store.list())


@provokes(ANSWERS, "A server that cannot send a part of an object", RUN)
def range_ignored(scene: Scene) -> None:
    with odd(scene) as store:
        store.open("a").read(1)


@provokes(ANSWERS, "A server that is at work on the same object", RUN)
def probe_conflict(scene: Scene) -> None:
    with odd(scene) as store:
        store.put_new("a", b"1")


@provokes(ANSWERS, "A server that sees racing writers for ever", RUN)
def race_endless(scene: Scene) -> None:
    with odd(scene) as store:
        store._bucket.heeds_conditions = True
        scene.patch.setattr(_s3_claims, "PATIENCE_SECONDS", 0.05)
        store.put_new("a", b"1")


@provokes(ANSWERS, "Another writer that begins and never writes", f"{RUN}, on a server without conditional writes")
def claim_kept(scene: Scene) -> None:
    uri = scene.bucket()
    claim = _s3_claims.claims_of("a") + "another"
    scene.server("moto").client().put_object(Bucket=uri.removeprefix("s3://"), Key=claim, Body=b"claim")
    store = S3Store(uri)
    store._bucket.heeds_conditions = False
    scene.patch.setattr(_s3_claims, "PATIENCE_SECONDS", 0.05)
    store.put_new("a", b"1")
