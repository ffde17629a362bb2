"""One bucket as boto3 reaches it: the client, and the few calls that the store is made of, on full keys.

- Endpoint, region, profile, credentials, AWS_MAX_ATTEMPTS and AWS_RETRY_MODE come from the usual AWS variables
  and profiles; of our own there is GENAI_S3_PATIENCE.
- Every request goes through `Bucket.ask`, which tries it anew where that may help. Its bounds are in `_s3_patience`,
  and `_s3_errors` says what may help; botocore's own retries are off.
- Checksums: puts and parts carry Content-MD5 and what botocore adds (CRC32), for the server to check. Each object
  carries its SHA-256 as metadata, which a whole `get` checks here, so that bytes are known to be right end to end even
  on servers that check nothing. A body that fails this is read again, as the wire may be at fault. Reads of ranges
  have no digest to check: there TLS guards the wire.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.loaders import Loader, create_loader

from genai.errors import IntegrityError, StoreError, StoreRefused
from genai.identity import sha256
from jobs.stores import _s3_wire
from jobs.stores._s3_download import Download
from jobs.stores._s3_errors import (
    FOREIGN,
    NEVER_SENT,
    code_of,
    is_answered,
    is_busy,
    is_passing,
    ours,
    status_of,
    translated,
)
from jobs.stores._s3_patience import Patience, Tries, Unanswered, factor
from jobs.stores._s3_upload import PART_BYTES, md5, upload

T = TypeVar("T")

CONNECTIONS = 64  # 32 threads of the caller's, and parts of their uploads
WHOLE_READS = 3  # of an object whose bytes do not fit its digest


class Bucket:
    """A client and a bucket's name; safe for threads."""

    def __init__(self, name: str) -> None:
        with translated(f"s3://{name}", "the AWS configuration"):
            self.name, (self.client, self.patience) = name, _connect(name)
        self.endpoint = str(self.client.meta.endpoint_url)
        self.reached = False  # whether the server has ever answered
        self.heeds_conditions: bool | None = None  # None: not yet found out
        self.unsure: dict[tuple[str, str], str] = {}  # writes of `put_new` that may have won; see _s3_claims

    def ask(
        self, key: str, call: Callable[[], T], *, expected: Collection[int | str] = (), tries: Tries | None = None
    ) -> T:
        """The answer to a request, after as many tries as it takes and `tries` allows. An error of the server whose
        status or code is `expected` is the caller's; all others are raised as ours.
        """
        tries = tries or Tries(self.patience)
        while True:
            try:
                answer = tries.run(call)
            except FOREIGN as error:
                self.reached |= isinstance(error, ClientError)
                if isinstance(error, ClientError) and {status_of(error), code_of(error)} & set(expected):
                    raise
                tries.unanswered |= not is_answered(error)
                busy = is_busy(error) or (self.reached and isinstance(error, NEVER_SENT))
                pause = tries.pause(busy=busy) if is_passing(error) else None
                if pause is None:
                    raise ours(error, f"s3://{self.name}/{key}", self.endpoint, tries) from None
            else:
                self.reached = True
                return answer
            time.sleep(pause)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, of any size."""
        if len(data) > PART_BYTES:
            upload(self, key, data, {"sha256": sha256(data)})
        else:
            self.put_once(key, data)

    def put_once(
        self, key: str, data: bytes, *, writer: str = "", if_absent: bool = False, until: float = float("inf")
    ) -> bool:
        """Write an object by one request: whether every try of it was answered, so that none can yet arrive.

        With `if_absent` the caller meets the statuses 409, 412 and 501. With `until`, a time of `_s3_patience.now`,
        nothing is sent from then on. Where it has a `writer` and may be written all the same, it raises Unanswered.
        """
        metadata = {"sha256": sha256(data), **({"writer": writer} if writer else {})}
        more: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        target = {"Bucket": self.name, "Key": key, "Body": data, "ContentMD5": md5(data), "Metadata": metadata, **more}
        tries = Tries(self.patience, until)
        expected = (409, 412, 501) if if_absent else ()
        try:
            self.ask(key, lambda: self.client.put_object(**target), expected=expected, tries=tries)
        except StoreError as error:
            raise (Unanswered(*error.args) if writer and tries.unanswered else error) from None
        return not tries.unanswered

    def get(self, key: str) -> bytes:
        """The bytes of an object, compared with the SHA-256 that it carries. Raises IntegrityError."""
        for left in reversed(range(WHOLE_READS)):
            download = Download(self, key)
            try:
                data = download.read()
            except IntegrityError:
                if not left:
                    raise
                continue
            digest = sha256(data)
            if download.metadata.get("sha256", digest) == digest:
                return data
        raise IntegrityError(f"s3://{self.name}/{key}: the bytes are not those that were written; restore it")

    def get_range(self, key: str, start: int, end: int, etag: str) -> bytes:
        """The bytes from `start` to before `end` of one version of an object."""
        return Download(self, key, start, end, etag).read()

    def head(self, key: str, tries: Tries | None = None) -> dict[str, Any] | None:
        """Size, ETag and metadata of an object, or None where there is none (or no such bucket)."""
        try:
            answer = self.ask(
                key, lambda: self.client.head_object(Bucket=self.name, Key=key), expected=(404,), tries=tries
            )
        except ClientError:
            return None
        return {**answer, "Metadata": {name.lower(): value for name, value in answer["Metadata"].items()}}

    def list(self, prefix: str, **how: str) -> Iterator[dict[str, Any]]:
        """All objects whose key starts with `prefix`, in the server's order (by bytes), page by page; with a Delimiter
        those that go on beyond the next one as one Prefix, after the objects of its page.
        """
        asked: dict[str, Any] = {"Bucket": self.name, "Prefix": prefix, **how}
        more: Any = True
        while more:
            page = self.ask(prefix, lambda: self.client.list_objects_v2(**asked))
            yield from page.get("Contents", [])
            yield from page.get("CommonPrefixes", [])
            more = page.get("IsTruncated") and page.get("NextContinuationToken")
            if more and more == asked.get("ContinuationToken"):
                raise StoreError(f"s3://{self.name}/{prefix}: the server repeats a page for ever; try again")
            asked["ContinuationToken"] = more

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        self.ask(key, lambda: self.client.delete_object(Bucket=self.name, Key=key))


@cache
def _descriptions(path: str | None) -> Loader:
    """Botocore's files, which it would parse anew for each client, a tenth of a second long."""
    return create_loader(path)


def _connect(name: str) -> tuple[Any, Patience]:
    core = botocore.session.get_session()
    mode = os.environ.get("AWS_RETRY_MODE") or core.get_scoped_config().get("retry_mode") or "standard"
    try:
        patience = Patience.of(core.get_config_variable("max_attempts"), factor())
        config = Config(
            retries={"mode": mode, "total_max_attempts": patience.attempts},
            max_pool_connections=CONNECTIONS,
            connect_timeout=patience.connect,
            read_timeout=patience.idle,
            response_checksum_validation="when_required",  # asked for on whole reads; see Download
        )
        core.register_component("data_loader", _descriptions(core.get_config_variable("data_path")))
        client = boto3.session.Session(botocore_session=core).client("s3", config=config)
    except ValueError:  # botocore's word for a URL or a number that is none; the text may quote a password
        raise StoreRefused(
            f"s3://{name}: the endpoint is no URL, or another AWS setting is unreadable; "
            "check AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL (http://host:port) and AWS_MAX_ATTEMPTS"
        ) from None
    client.meta.events.unregister("needs-retry.s3", unique_id="retry-config-s3")  # `ask` does it
    client.meta.events.register("before-parse.s3", _refuse_half_a_body)
    _s3_wire.pace(client)
    return client, patience


def _refuse_half_a_body(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:
    """Compare the length of an answer with what its head announced, as botocore does not."""
    body, announced = response_dict["body"], int(response_dict["headers"].get("content-length", 0))
    if operation_model.http["method"] != "HEAD" and isinstance(body, bytes) and len(body) < announced:
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=announced)
