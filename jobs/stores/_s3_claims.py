"""Put-if-absent: by `If-None-Match: *` where the server heeds it, by an election where it does not.

Whether a server heeds the condition is found out once a bucket, by a probe object under the hidden prefix.

The election needs only that a listing shows every object whose put was answered before. A racer puts a claim
beside the key and lists the claims. Alone, with the key absent, it writes the key, and only then removes its
claim. Otherwise it removes its claim, waits a random, growing time and starts again, until the key is there.
Of two racers the one who listed last saw the other's claim, or, that being gone, the key; so at most one writes.

A claim that is `DEAD_SECONDS` older than mine, by the server's clock for both, belongs to a racer that was
killed and is removed. Therefore a racer that has held its claim for half that time before it could write gives
up that claim, and one that finds its claim removed after the write does not call itself the winner. A write
that fails leaves its claim behind: it may still arrive, and until then nobody may win.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from genai.errors import StoreError
from jobs.stores import HIDDEN
from jobs.stores._s3_bucket import Bucket
from jobs.stores._s3_errors import status_of

DEAD_SECONDS = 300.0
PATIENCE_SECONDS = 2 * DEAD_SECONDS  # long enough to outlive the claim of a dead racer
PAUSE_SECONDS = 2.0  # the longest wait between two tries


def put_new(bucket: Bucket, root: str, key: str, data: bytes) -> bool:
    """Write an object only if there is none of that key, in the way that the server allows; `root`, under
    which it may be probed, is "" or ends in `/`.
    """
    with bucket.lock:
        if bucket.heeds_conditions is None:
            bucket.heeds_conditions = heeds_conditions(bucket, root)
    return (put_if_absent if bucket.heeds_conditions else put_elected)(bucket, key, data)


def heeds_conditions(bucket: Bucket, root: str) -> bool:
    """Whether the server refuses a conditional put onto an object that is there."""
    probe = f"{root}{HIDDEN}/probe/{secrets.token_hex(8)}"
    bucket.put(probe, b"")
    try:
        bucket.put(probe, b"", IfNoneMatch="*")
    except ClientError as error:
        if status_of(error) not in (412, 501):  # 501: says openly that it does not know conditions
            raise
        return status_of(error) == 412
    finally:
        with suppress(ClientError):  # whoever may write but not delete keeps an empty probe
            bucket.delete(probe)
    return False


def put_if_absent(bucket: Bucket, key: str, data: bytes) -> bool:
    """One conditional put. Where it is refused because an earlier try of this very call had arrived, and only
    its answer was lost, the object bears our nonce: then we are the winner.
    """
    nonce = secrets.token_hex(8)
    for pause in _pauses():
        try:
            bucket.put(key, data, IfNoneMatch="*", Metadata={"writer": nonce})
        except ClientError as error:
            if status_of(error) == 412:
                return ((bucket.head(key) or {}).get("Metadata") or {}).get("writer") == nonce
            if status_of(error) != 409:
                raise
        else:
            return True
        time.sleep(pause)
    raise StoreError(f"s3://{bucket.name}/{key}: the server saw racing writers for too long; try again")


def put_elected(bucket: Bucket, key: str, data: bytes) -> bool:
    """Put-if-absent among racers who all come this way."""
    folder = claims_of(key)
    for pause in _pauses():
        if bucket.head(key):
            return False
        mine = f"{folder}{secrets.token_hex(8)}"
        if _alone(bucket, key, mine):
            _write_as_winner(bucket, key, data, mine)
            return True
        time.sleep(pause)
    raise StoreError(f"s3://{bucket.name}/{key}: other writers claim it and none writes it; try again")


def _write_as_winner(bucket: Bucket, key: str, data: bytes, mine: str) -> None:
    bucket.put(key, data)
    if not bucket.head(mine):
        raise StoreError(
            f"s3://{bucket.name}/{key}: this writer was held up so long that it passed for dead; try again"
        )
    bucket.delete(mine)


def claims_of(key: str) -> str:
    """The hidden folder of a key's claims: beside the key, so that it is one whatever root a racer came by."""
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{HIDDEN}/{hashlib.sha256(name.encode()).hexdigest()[:32]}/"


def _alone(bucket: Bucket, key: str, mine: str) -> bool:
    """Put the claim `mine`; keep it, and say True, where it is the only one and the key is absent."""
    alone, started = False, time.monotonic()
    try:
        bucket.put(mine, b"claim")
        claims = {claim["Key"]: claim["LastModified"] for claim in bucket.list(claims_of(key))}
        alone = claims.keys() == {mine} and not bucket.head(key) and time.monotonic() - started < DEAD_SECONDS / 2
    finally:
        if not alone:
            bucket.delete(mine)
    _bury(bucket, claims, mine)
    return alone


def _bury(bucket: Bucket, claims: dict[str, Any], mine: str) -> None:
    for claim, put in claims.items():
        if mine in claims and (claims[mine] - put).total_seconds() > DEAD_SECONDS:
            bucket.delete(claim)


def _pauses() -> Iterator[float]:
    """Random, growing waits, until patience is over."""
    end, longest = time.monotonic() + PATIENCE_SECONDS, 0.02
    while time.monotonic() < end:
        yield random.uniform(0, longest)
        longest = min(2 * longest, PAUSE_SECONDS)
