"""The S3 store on a wire that fails on purpose, before two real servers: what ends is overcome, what does not is an
error in bounded time. Times are shortened by GENAI_S3_PATIENCE; the bounds themselves are in jobs/stores/_s3_patience.
"""

import copy
import random
import secrets
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from genai.errors import IntegrityError, StoreError, StoreRefused
from jobs.stores import _s3_bucket, _s3_download, _s3_upload, open_store
from jobs.stores._s3_patience import Patience, Tries
from jobs.stores.s3 import S3Store
from tests.faulty_s3 import FaultyS3

NOISE = random.Random(3).randbytes(6 << 20)
SMALL = NOISE[:50_000]
BRISK = replace(Patience(), pause=0.001, busy_pause=0.001, longest_pause=0.01)


@dataclass
class Line:
    """A store whose every request passes the proxy, and the server behind it."""

    server: Any
    client: Any
    wire: FaultyS3
    store: S3Store

    def arm(self, kind, times=1, factor=0.02, **which):
        """Have a fault fire, and set the times for it: short ones for one that is noticed by a time that is over."""
        short = Patience.of(None, factor) if kind in ("timeout", "trickle") else BRISK
        self.store._bucket.patience = short
        self.wire.fire(kind, times, **which)

    def calm(self):
        """A wire that works."""
        self.wire.clear()
        self.store._bucket.patience = BRISK

    def other(self, name=None):
        """A store of another process: the same bucket, or that of the name, and none of the memory."""
        bucket = copy.copy(self.store._bucket)
        bucket.name, bucket.unsure = name or bucket.name, {}
        return S3Store(f"s3://{name}" if name else self.store.uri, bucket)


@pytest.fixture(scope="module", params=["moto", "rclone"])
def wired(request):
    """One connection a server: it takes botocore a fifth of a second to make another."""
    server = request.getfixturevalue(f"{request.param}_s3")
    with pytest.MonkeyPatch.context() as patch, FaultyS3(server.endpoint, trickle=(1, 0.05)) as wire:
        uri = server.use(patch)
        patch.setenv("AWS_ENDPOINT_URL_S3", wire.endpoint)
        yield Line(server, server.client(), wire, open_store(uri))


@pytest.fixture
def line(wired):
    """An empty store on a wire that works, and short times."""
    wired.wire.clear()
    wired.wire.fired.clear()
    wired.wire.on_fire, wired.wire.clock_ahead = None, 0
    line = Line(wired.server, wired.client, wired.wire, wired.store.child(secrets.token_hex(4)))
    line.calm()
    yield line
    line.calm()


only = {name: pytest.mark.parametrize("wired", [name], indirect=True) for name in ("moto", "rclone")}


def put(store, key):
    store.put(key, SMALL)
    return store.get(key)


def put_new(store, key):
    assert store.put_new(key, SMALL) is True
    return store.get(key)


def read(store, key):
    return store.get("there")


def read_ranges(store, key):
    with store.open("there") as file:
        return file.read(30_000) + file.read()


def listing(store, key):
    assert [entry.key for entry in store.list("the")] == ["there"]
    return SMALL


def delete(store, key):
    store.delete("gone")
    return SMALL


USES = [put, put_new, read, read_ranges, listing, delete]
ENDING = ["500", "503", "full_disk", "timeout", "refused", "cut_request", "cut_response", "trickle", "lost_answer"]


@pytest.mark.parametrize("kind", [*ENDING, "corrupt"])
def test_a_fault_that_ends_is_overcome(line, kind):
    """Whatever call it hits, the caller gets right bytes, and wins a put_new that it won."""
    line.store.put("there", SMALL)
    for use in USES:
        if (use, kind) == (read_ranges, "corrupt"):  # a range has no digest to compare with
            continue
        line.arm(kind, times=1 if kind in ("timeout", "trickle") else 2)
        assert use(line.store, f"data/{use.__name__}") == SMALL
        line.calm()

    assert line.wire.fired[kind] > 0
    assert line.wire.fired.keys() == {kind}


@only["moto"]
@pytest.mark.parametrize(
    ("kind", "requests", "says"),
    [
        ("500", 6, r"answered (InternalError|500) \(500\).*tried 6 times"),
        ("503", 30, r"answered (SlowDown|503) \(503\).*tried 30 times"),
        ("full_disk", 6, "make room there.*tried 6 times"),
        ("refused", 6, "check the network.*tried 6 times"),
        ("lost_answer", 6, "check the network.*tried 6 times"),
        ("cut_request", 6, "check the network.*tried 6 times"),
        ("timeout", 6, "check the network"),
        ("trickle", 6, "check the network"),
    ],
)
def test_a_fault_that_does_not_end_is_an_error_in_bounded_time(line, kind, requests, says):
    """No call hangs and none asks for ever; the error says what to do and that trying again may help."""
    line.store.put_new("there", SMALL)
    line.arm(kind, times=None, factor=0.005)
    uses, before = [put, put_new] if kind == "cut_request" else USES, line.wire.requests
    for use in uses:
        with pytest.raises(StoreError, match=says) as caught:
            use(line.store, "key")
        assert type(caught.value) is StoreError
        assert caught.value.retryable
    assert line.wire.requests - before <= requests * len(uses)
    line.calm()
    assert [use(line.store, f"after/{use.__name__}") for use in USES] == [SMALL] * len(USES)


def test_a_winner_whose_answers_are_all_lost_learns_it_when_it_asks_again(line):
    """The call ends in an error, as nobody can know; the next one of the same racer does, and no other wins."""
    line.arm("lost_answer", times=None, method="PUT", key="/lease$")
    with pytest.raises(StoreError, match="check the network"):
        line.store.put_new("lease", b"mine")
    line.calm()

    assert not line.other().put_new("lease", b"mine")
    assert line.store.put_new("lease", b"mine")
    assert not line.store.put_new("lease", b"mine")
    assert line.store.get("lease") == b"mine"


@only["rclone"]
@pytest.mark.parametrize("kind", ["lost_answer", "timeout", "500"])
def test_one_racer_wins_whichever_request_of_an_election_fails(line, kind):
    """Claim, listing, looks, write and removal: the fault may hit any of the seven."""
    line.store.put_new("warm", b"")
    for number in range(7):
        line.arm(kind, after=number)
        assert line.store.put_new(f"{number}/lease", b"mine") is True
        assert line.wire.fired[kind] == number + 1
        assert not line.other().put_new(f"{number}/lease", b"yours")
        assert line.store.get(f"{number}/lease") == b"mine"


def test_racers_on_a_failing_wire_have_one_winner(line):
    """Sixteen at once, a tenth of all requests with one fault or another."""
    line.store.put_new("warm", b"")
    racers = [line.other() for _ in range(16)]
    for kind in ("500", "503", "refused", "lost_answer", "cut_request"):
        line.arm(kind, times=None, probability=0.02)
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda racer: racers[racer].put_new("lease", b"%d" % racer), range(16)))
    line.calm()

    assert won.count(True) == 1
    assert line.store.get("lease") == b"%d" % won.index(True)


def test_32_threads_end_right_where_half_of_the_answers_are_slow_down(line):
    """Nothing fails and nothing stands still: a busy server is waited for."""
    line.arm("503", times=None, probability=0.5)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda n: line.store.put(f"data/{n:03}", b"%d" % n), range(160)))
    fired = line.wire.fired["503"]
    line.calm()

    assert fired > 80
    assert [entry.key for entry in line.store.list("data/")] == [f"data/{n:03}" for n in range(160)]


def test_those_who_failed_together_do_not_come_back_together():
    """Pauses are spread over all of their span, which doubles up to its bound."""
    for count, bound in enumerate([0.25, 0.5, 1, 2, 4, 8, 10, 10], start=1):
        pauses = [Tries(Patience(attempts=100), count=count).pause(busy=False) for _ in range(200)]
        assert 0 <= min(pauses) < bound / 5
        assert bound * 4 / 5 < max(pauses) <= bound


@only["moto"]
def test_a_server_that_starts_anew_is_waited_for(line, monkeypatch):
    """Once it was there, a refused connection is no wrong endpoint."""
    monkeypatch.setenv("GENAI_S3_PATIENCE", "0.02")
    with FaultyS3(line.server.endpoint) as first:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", first.endpoint)
        store = open_store(line.store.uri)
        store.put("a", b"1")
    tries = []

    def start_at_the_tenth(request, **_):
        tries.append(request)
        if len(tries) == 10:
            port = int(first.endpoint.rpartition(":")[2])
            second.enter_context(FaultyS3(line.server.endpoint, port=port))

    store._bucket.client.meta.events.register("before-send.s3", start_at_the_tenth)
    with ExitStack() as second:
        store.put("b", b"2")
        assert (store.get("a"), store.get("b")) == (b"1", b"2")
    assert len(tries) > 10


def test_a_clock_that_is_wrong_may_come_right(line):
    """The server refuses requests of another time: the error says to set the clock, and is not the end."""
    line.store.put_new("there", SMALL)
    line.wire.clock_ahead = 3600
    for use in USES:
        with pytest.raises(StoreError, match="clock is wrong") as caught:
            use(line.store, "key")
        assert caught.value.retryable
    line.wire.clock_ahead = 0
    assert put(line.store, "key") == SMALL

    line.wire.clock_ahead = -3600
    line.wire.on_fire = lambda *_: setattr(line.wire, "clock_ahead", 0)
    assert put_new(line.store, "other") == SMALL


def test_bytes_changed_on_their_way_down_for_ever_are_an_integrity_error(line):
    """Read again, as the wire may be at fault, and then told; nothing wrong is handed over."""
    line.store.put("a", SMALL)
    line.arm("corrupt", times=None, method="GET")
    with pytest.raises(IntegrityError, match="restore"):
        line.store.get("a")
    assert line.wire.fired["corrupt"] == 3


@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
def test_bytes_changed_on_their_way_up_for_ever_are_not_stored(line, small_parts, in_parts):
    """The digests of the request give them away at the server."""
    line.arm("corrupt", times=None, method="PUT")
    with pytest.raises(StoreError, match="changed on their way"):
        line.store.put("a", NOISE if in_parts else SMALL)

    assert list(line.store.list()) == []


def test_a_body_that_breaks_off_goes_on_where_it_broke(line, monkeypatch):
    """A large object on a bad wire is not begun again each time."""
    monkeypatch.setattr(_s3_download, "PIECE_BYTES", 1 << 20)
    line.store.put("a", NOISE)
    line.arm("cut_response", times=3, method="GET", key="/a$")
    line.wire.requests = 0

    assert line.store.get("a") == NOISE
    assert (line.wire.fired["cut_response"], line.wire.requests) == (3, 4)


@only["rclone"]
@pytest.mark.parametrize("kind", ["500", "cut_response"])
def test_a_listing_of_many_pages_survives_a_bad_page(line, kind):
    """Each page is asked for anew on its own: no key is missing and none comes twice."""
    keys = [f"data/{n:04}" for n in range(2100)]
    line.arm(kind, times=2, key="continuation-token")
    store = line.other(line.server.bucket())
    (line.server.folder / store._bucket.name / "data").mkdir()
    for key in keys:
        (line.server.folder / store._bucket.name / key).touch()

    assert [entry.key for entry in store.list("data/")] == keys
    assert line.wire.fired[kind] == 2


PARTS = {"begin": ("POST", r"\?uploads"), "part": ("PUT", "partNumber=2"), "end": ("POST", r"\?uploadId")}


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of the least size that servers take, so that six MiB are two."""
    monkeypatch.setattr(_s3_bucket, "PART_BYTES", 5 << 20)
    monkeypatch.setattr(_s3_upload, "PART_BYTES", 5 << 20)


def unfinished(line):
    return line.client.list_multipart_uploads(Bucket=line.store.uri.split("/")[2]).get("Uploads", [])


@pytest.mark.parametrize("kind", ["500", "full_disk", "timeout", "cut_request", "trickle", "lost_answer"])
def test_an_upload_in_parts_overcomes_a_fault_and_leaves_nothing(line, small_parts, kind):
    """At its beginning, in a part, at its end: the object is right, and no unfinished upload stays."""
    for step, (method, key) in PARTS.items():
        if (kind, step) == ("cut_request", "begin"):  # it has no body
            continue
        line.arm(kind, method=method, key=key)
        line.store.put(step, NOISE)
        assert line.wire.fired.pop(kind) == 1
        assert line.store.get(step) == NOISE
    assert unfinished(line) == []


@pytest.mark.parametrize(("kind", "step"), [("500", "part"), ("timeout", "part"), ("full_disk", "end")])
def test_an_upload_that_fails_is_aborted(line, small_parts, kind, step):
    """What was sent of it is not kept for ever, and no object is there."""
    line.arm(kind, times=None, method=PARTS[step][0], key=PARTS[step][1])
    with pytest.raises(StoreError):
        line.store.put("a", NOISE)

    assert list(line.store.list()) == []
    assert unfinished(line) == []


@only["moto"]
def test_the_bounds_hold_under_tls(line, monkeypatch, tmp_path):
    """A trickle through an encrypted connection is cut as well, and what is right passes."""
    certificate, context = self_signed(tmp_path)
    monkeypatch.setenv("GENAI_S3_PATIENCE", "0.01")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with FaultyS3(line.server.endpoint, tls=context, trickle=(1, 0.05)) as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", wire.endpoint)
        store = open_store(line.store.uri)
        wire.fire("trickle", times=1)
        assert put(store, "a") == SMALL
        wire.fire("trickle", times=None)
        with pytest.raises(StoreError, match="ReadTimeoutError"):
            store.get("a")
    assert wire.fired["trickle"] > 2


def self_signed(folder):
    """A certificate for 127.0.0.1, and the context of a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


@pytest.mark.parametrize("wrong", ["fast", "0", "-1", "nan", "inf"])
def test_the_factor_on_the_times_is_checked(monkeypatch, wrong):
    """A typing error in it is named."""
    monkeypatch.setenv("GENAI_S3_PATIENCE", wrong)
    with pytest.raises(StoreRefused, match=f"GENAI_S3_PATIENCE='{wrong}'"):
        open_store("s3://bucket")
