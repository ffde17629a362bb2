"""What only the S3 store must do: foreign errors, secrets, checksums, put-if-absent without the server's help."""

import os
import pickle
import socket
import traceback

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from genai.errors import IntegrityError, NotFound, StoreError, StoreRefused
from jobs.stores import HIDDEN, _s3_claims, open_store
from jobs.stores._s3_errors import of_answer, of_class, shown

FOREIGN = sorted(
    (
        kind
        for kind in vars(botocore.exceptions).values()
        if isinstance(kind, type) and issubclass(kind, BotoCoreError) and kind is not BotoCoreError
    ),
    key=lambda kind: kind.__name__,
)
only_moto = pytest.mark.parametrize("s3_server", ["moto"], indirect=True)
only_rclone = pytest.mark.parametrize("s3_server", ["rclone"], indirect=True)


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_error_of_botocore_is_mapped(foreign):
    """A new one in a new botocore fails here, until somebody has said what it means."""
    assert of_class(foreign) is not None


@pytest.mark.parametrize(
    ("code", "status", "ours", "says"),
    [
        ("NoSuchKey", 404, NotFound, "no such object"),
        ("404", 404, NotFound, "no such object"),
        ("NoSuchBucket", 404, StoreRefused, "no such bucket"),
        ("AccessDenied", 403, StoreRefused, "bucket's policy"),
        ("Weird", 403, StoreRefused, "bucket's policy"),
        ("InvalidAccessKeyId", 403, StoreRefused, "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", 403, StoreRefused, "AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken", 400, StoreRefused, "AWS_SESSION_TOKEN"),
        ("RequestTimeTooSkewed", 403, StoreError, "clock is wrong"),
        ("PermanentRedirect", 301, StoreRefused, "AWS_REGION"),
        ("Weird", 400, StoreRefused, "bucket's name"),
        ("NotImplemented", 501, StoreRefused, "cannot do this"),
        ("SlowDown", 503, StoreError, "try again later"),
        ("InternalError", 500, StoreError, "try again later"),
        ("RequestTimeout", 400, StoreError, "try again later"),
        ("TooManyRequests", 429, StoreError, "try again later"),
        ("BadDigest", 400, StoreError, "changed on their way"),
        ("XAmzContentSHA256Mismatch", 400, StoreError, "changed on their way"),
        ("XMinioStorageFull", 507, StoreError, "make room"),
        ("InsufficientStorage", 507, StoreError, "make room"),
        ("507", 507, StoreError, "make room"),
        ("NoSuchUpload", 404, StoreError, "ended by somebody else"),
    ],
)
def test_answers_of_a_server_become_ours(code, status, ours, says):
    """By code, then by status; the message says what to check."""
    answer = {"Error": {"Code": code, "Message": "quoting a key"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = of_answer(ClientError(answer, "GetObject"), "s3://bucket/key", "http://user:pass@host:1/?x=1")

    assert type(error) is ours
    assert says in str(error)
    assert not {"quoting", "user", "pass", "x=1"} & set(str(error).replace(":", " ").replace("@", " ").split())


def test_an_endpoint_is_shown_without_its_secrets():
    """User, password and query stay out of messages."""
    assert shown("https://user:pass@host:9000/path?token=1#x") == "https://host:9000/path"


def uses(store):
    """One call of each kind that reaches the server."""
    return [
        lambda: store.put("a", b""),
        lambda: store.put("a", bytes(17 << 20)),
        lambda: store.put_new("a", b""),
        lambda: store.get("a"),
        lambda: store.open("a"),
        lambda: list(store.list()),
        lambda: store.delete("a"),
    ]


def test_a_missing_bucket_is_refused_by_name(s3_uri):
    """No method takes it for a missing key."""
    for use in uses(open_store("s3://no-such-bucket-at-all")):
        with pytest.raises(StoreRefused, match=r"no-such-bucket-at-all.*no such bucket"):
            use()


def test_a_bucket_name_that_cannot_be_is_refused(s3_uri):
    """Botocore's own check of names speaks through our door."""
    for use in uses(open_store("s3://Not a Bucket!")):
        with pytest.raises(StoreRefused, match="bucket's name"):
            use()


@only_rclone
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"AWS_ACCESS_KEY_ID": "WRONGACCESSKEY000000"}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, "the secret does not fit"),
    ],
)
def test_wrong_keys_are_refused_and_never_shown(s3_uri, monkeypatch, wrong, says):
    """The message names the variable and the endpoint, and neither the key nor the secret."""
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    for use in (case for number, case in enumerate(uses(open_store(s3_uri))) if number != 4):  # a HEAD has no body
        with pytest.raises(StoreRefused, match=says) as refusal:
            use()
        text = "".join(traceback.format_exception(refusal.value)) + repr(refusal.value)
        assert os.environ["AWS_ENDPOINT_URL_S3"] in text
        assert os.environ["AWS_ACCESS_KEY_ID"] not in text
        assert os.environ["AWS_SECRET_ACCESS_KEY"] not in text
    with pytest.raises(StoreRefused, match="403"):
        open_store(s3_uri).open("a")


@only_moto
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "NoCredentialsError.*AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "PartialCredentialsError.*AWS_SECRET_ACCESS_KEY"),
        ({"AWS_PROFILE": "nobody"}, "ProfileNotFound.*AWS_PROFILE"),
        ({"AWS_ENDPOINT_URL_S3": "http://user:hunter2@[broken"}, "AWS_ENDPOINT_URL_S3"),
        ({"AWS_ENDPOINT_URL_S3": "localhost"}, "AWS_ENDPOINT_URL_S3"),
        ({"AWS_MAX_ATTEMPTS": "many"}, "AWS_MAX_ATTEMPTS"),
        ({"AWS_RETRY_MODE": "stubborn"}, "config"),
    ],
)
def test_a_wrong_setting_is_refused_by_the_variable_to_check(s3_uri, monkeypatch, change, says):
    """What is missing or unreadable in the environment is named, without its value."""
    for name, value in change.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(StoreRefused, match=says) as refusal:
        open_store(s3_uri).get("a")

    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


@only_moto
def test_a_dead_endpoint_is_worth_another_try(s3_uri, monkeypatch):
    """Nobody listens there: a StoreError that names the endpoint, after AWS_MAX_ATTEMPTS attempts."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for use in uses(open_store(s3_uri)):
        with pytest.raises(StoreError, match=f"EndpointConnectionError at {endpoint}"):
            use()


@only_moto
def test_retries_are_bounded_and_follow_the_usual_variables(s3_uri, monkeypatch):
    """Six tries by default; AWS_RETRY_MODE and AWS_MAX_ATTEMPTS have the last word."""
    retries = open_store(s3_uri)._bucket.client.meta.config.retries
    assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 6)

    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    bucket = open_store(s3_uri)._bucket
    retries = bucket.client.meta.config.retries
    assert (retries["mode"], retries["total_max_attempts"]) == ("adaptive", 2)
    assert (bucket.patience.attempts, bucket.patience.busy_attempts) == (2, 2)


@only_moto
def test_a_large_object_goes_up_in_parts(s3_server, s3_uri):
    """Above the bound an upload is multipart, as its ETag shows, and still carries its digest."""
    open_store(s3_uri).put("a", bytes(17 << 20))
    found = s3_server.client().head_object(Bucket=s3_uri[5:], Key="a")

    assert found["ETag"].endswith('-2"')
    assert "sha256" in found["Metadata"]


@only_rclone
def test_bytes_changed_on_their_way_up_are_not_taken(s3_uri):
    """A server that checks refuses them, and nothing is stored."""
    store = open_store(s3_uri)

    def corrupt(request, **_):
        request.body = b"changed!"

    store._bucket.client.meta.events.register("before-send.s3.PutObject", corrupt)
    with pytest.raises((StoreError, StoreRefused), match="answered"):
        store.put("a", b"original")
    assert list(store.list()) == []


@pytest.mark.parametrize("size", [8, 17 << 20])
def test_bytes_changed_at_rest_are_noticed(s3_server, s3_uri, size):
    """A whole read compares with the digest that the object carries, on either server."""
    store, client = open_store(s3_uri), s3_server.client()
    store.put("a", bytes(size))
    client.put_object(
        Bucket=s3_uri[5:],
        Key="a",
        Body=b"\1" * size,
        Metadata=client.head_object(Bucket=s3_uri[5:], Key="a")["Metadata"],
    )

    with pytest.raises(IntegrityError, match="not those"):
        store.get("a")


def test_objects_of_other_tools_are_read(s3_server, s3_uri):
    """An object without our digest is taken as it is."""
    s3_server.client().put_object(Bucket=s3_uri[5:], Key="a", Body=b"theirs")

    assert open_store(s3_uri).get("a") == b"theirs"


@only_moto
def test_an_object_replaced_while_it_is_read_is_an_error(s3_uri):
    """A reader never sees a mixture of two versions."""
    store = open_store(s3_uri)
    store.put("a", bytes(1_000_000))
    with store.open("a") as file:
        file.read(10)
        store.put("a", b"\1" * 1_000_000)
        file.seek(900_000)
        with pytest.raises(StoreError, match="PreconditionFailed"):
            file.read(10)


def test_a_pickle_and_a_repr_carry_no_secret(s3_server, s3_uri):
    """What travels to workers and into logs is the URI."""
    store = open_store(s3_uri)

    for text in (pickle.dumps(store), repr(store).encode(), store.locate("a").encode()):
        assert s3_server.access_key.encode() not in text
        assert s3_server.secret_key.encode() not in text


def test_whether_a_server_heeds_conditions_is_found_out(s3_server, s3_uri):
    """Moto does, rclone does not; a probe leaves nothing behind."""
    store = open_store(s3_uri)
    store.put_new("a", b"")

    assert store._bucket.heeds_conditions == (s3_server.folder is None)
    assert store.child("b")._bucket.heeds_conditions is not None
    assert [found["Key"] for found in s3_server.client().list_objects_v2(Bucket=s3_uri[5:])["Contents"]] == ["a"]


def test_hidden_objects_are_not_listed(s3_server, s3_uri):
    """Claims and probes of racers at work are the store's own affair."""
    for key in (f"{HIDDEN}/probe/1", f"a/{HIDDEN}/2/3", "a/b"):
        s3_server.client().put_object(Bucket=s3_uri[5:], Key=key, Body=b"")

    assert [entry.key for entry in open_store(s3_uri).list()] == ["a/b"]


@only_moto
def test_a_winner_whose_answer_was_lost_knows_that_it_won(s3_uri):
    """The put arrives, its answer does not, the retry is refused: still true, or nobody would hold the lease."""
    store, sent = open_store(s3_uri), []
    store.put_new("warm", b"")

    def lose_the_first_answer(request, **_):
        if not sent:
            sent.append(URLLib3Session().send(request).status_code)
            raise ReadTimeoutError(endpoint_url=request.url)

    store._bucket.client.meta.events.register("before-send.s3.PutObject", lose_the_first_answer)
    assert store.put_new("lease", b"mine")
    assert sent == [200]
    assert not open_store(s3_uri).put_new("lease", b"yours")


@only_rclone
def test_the_claim_of_a_dead_racer_does_not_block(s3_server, s3_uri):
    """By the server's own times it is older than any living one can be, so it is removed."""
    store = open_store(s3_uri)
    claim = s3_server.folder / s3_uri[5:] / (_s3_claims.claims_of("runs/lease") + "dead")
    claim.parent.mkdir(parents=True)
    claim.write_bytes(b"claim")
    os.utime(claim, (claim.stat().st_mtime - _s3_claims.DEAD_SECONDS - 60,) * 2)

    assert store.put_new("runs/lease", b"mine")
    assert not claim.exists()


@only_rclone
def test_the_claim_of_a_racer_killed_just_now_is_watched_and_removed(s3_server, s3_uri, monkeypatch):
    """No age tells, so the others look at it for a while; it is a minute, here shorter."""
    monkeypatch.setattr(_s3_claims, "WATCH_SECONDS", 0.2)
    claim = _s3_claims.claims_of("lease") + "dead"
    s3_server.client().put_object(Bucket=s3_uri[5:], Key=claim, Body=b"claim")

    assert open_store(s3_uri).put_new("lease", b"mine")
    left = s3_server.client().list_objects_v2(Bucket=s3_uri[5:])["Contents"]
    assert [found["Key"] for found in left] == ["lease"]


@only_rclone
def test_nobody_wins_against_a_living_claim(s3_server, s3_uri, monkeypatch):
    """A racer may be about to write: others wait, and give up rather than win too."""
    monkeypatch.setattr(_s3_claims, "PATIENCE_SECONDS", 0.2)
    claim = _s3_claims.claims_of("lease") + "alive"
    s3_server.client().put_object(Bucket=s3_uri[5:], Key=claim, Body=b"claim")

    with pytest.raises(StoreError, match="other writers"):
        open_store(s3_uri).put_new("lease", b"mine")
    left = s3_server.client().list_objects_v2(Bucket=s3_uri[5:])["Contents"]
    assert [found["Key"] for found in left] == [claim]


@only_rclone
def test_a_racer_that_passed_for_dead_is_no_winner(s3_server, s3_uri):
    """Its claim went while it wrote, so another may have won: it must not say that it did."""
    store = open_store(s3_uri)
    store.put_new("warm", b"")

    def bury_the_claim(request, **_):
        if request.url.endswith("/lease"):
            for claim in list(store._bucket.list(_s3_claims.claims_of("lease"))):
                store._bucket.delete(claim["Key"])

    store._bucket.client.meta.events.register("before-send.s3.PutObject", bury_the_claim)
    with pytest.raises(StoreError, match="held up"):
        store.put_new("lease", b"mine")
