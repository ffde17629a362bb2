"""The failing wire itself: what it says that it did it did, and nothing else."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.faulty_s3 import FaultyS3


def reached(server, endpoint):
    """A client of botocore's own that never tries twice."""
    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64, read_timeout=20),
    )


def test_what_no_fault_hits_passes_unchanged(s3_server):
    """Signatures hold, bodies of many pieces arrive, 64 connections at once are served."""
    bucket = s3_server.bucket()
    with FaultyS3(s3_server.endpoint) as wire:
        client = reached(s3_server, wire.endpoint)
        data = bytes(range(256)) * 8000
        client.put_object(Bucket=bucket, Key="a b+ü", Body=data, Metadata={"x": "y"})
        found = client.get_object(Bucket=bucket, Key="a b+ü")
        assert found["Body"].read() == data
        assert {name.lower(): value for name, value in found["Metadata"].items()} == {"x": "y"}  # rclone title-cases
        with ThreadPoolExecutor(64) as pool:
            list(pool.map(lambda n: client.put_object(Bucket=bucket, Key=f"n/{n}", Body=b"%d" % n), range(256)))
        assert client.list_objects_v2(Bucket=bucket, Prefix="n/")["KeyCount"] == 256

    assert (wire.requests, wire.fired) == (259, {})


def test_a_fault_fires_as_often_as_it_is_counted(s3_server):
    """By method, by key, after some have passed, so many times; what has nothing to act on does not fire."""
    bucket, seen = s3_server.bucket(), []
    with FaultyS3(s3_server.endpoint, on_fire=lambda *fault: seen.append(fault)) as wire:
        client = reached(s3_server, wire.endpoint)
        wire.fire("503", times=2, after=1, method="PUT", key="/a$")
        wire.fire("lost_answer", method="DELETE")
        wire.fire("cut_request")
        wire.fire("corrupt", method="GET")
        codes = [outcome(lambda key=key: client.put_object(Bucket=bucket, Key=key, Body=b"")) for key in "babaa"]
        assert codes == ["", "", "", "SlowDown", "SlowDown"]
        assert outcome(lambda: client.delete_object(Bucket=bucket, Key="a")) == "ConnectionClosedError"
        assert outcome(lambda: client.get_object(Bucket=bucket, Key="a")) == "NoSuchKey"
        assert outcome(lambda: client.get_object(Bucket=bucket, Key="b")) == ""

    assert wire.fired == {"503": 2, "lost_answer": 1}
    assert [kind for kind, _, _ in seen] == ["503", "503", "lost_answer"]
    assert seen[0] == ("503", "PUT", f"/{bucket}/a")


def outcome(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ConnectionClosedError as error:
        return type(error).__name__
    return ""


@contextmanager
def commanded(*arguments):
    command = [sys.executable, "-m", "tests.faulty_s3", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize("s3_server", ["moto"], indirect=True)
def test_it_is_commanded_by_lines_of_json(s3_server):
    """A process of its own: orders in, counts and events out, and it ends with its input."""
    bucket = s3_server.bucket()
    with commanded("--upstream", s3_server.endpoint, "--events") as process:

        def order(**line):
            process.stdin.write(json.dumps(line) + "\n")
            return answer()

        def answer():
            return json.loads(process.stdout.readline())

        client = reached(s3_server, answer()["endpoint"])
        assert order(fire="500", times=None, method="PUT") == {"fired": {}, "requests": 0}
        assert outcome(lambda: client.put_object(Bucket=bucket, Key="a", Body=b"1")) == "InternalError"
        assert answer() == {"event": "500", "method": "PUT", "path": f"/{bucket}/a"}
        assert "no fault 'sloth'" in order(fire="sloth")["error"]
        assert order(clear=True, clock_ahead=3600) == {"fired": {"500": 1}, "requests": 1}
        assert outcome(lambda: client.put_object(Bucket=bucket, Key="a", Body=b"1")) == "RequestTimeTooSkewed"
        assert answer()["event"] == "skew"
        assert order(clock_ahead=0) == {"fired": {"500": 1, "skew": 1}, "requests": 2}
        assert outcome(lambda: client.put_object(Bucket=bucket, Key="a", Body=b"1")) == ""
