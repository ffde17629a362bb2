"""One bucket as boto3 reaches it: the client, and the few calls that the store is made of, on full keys.

- Endpoint, region, profile, credentials, AWS_MAX_ATTEMPTS and AWS_RETRY_MODE come from the usual AWS variables
  and profiles; nothing of our own.
- Retries are bounded and adaptive: botocore slows down when the server says so.
- Checksums: single puts carry Content-MD5 and what botocore adds (CRC32), parts of an upload their CRC32, for
  the server to check. Each object carries its SHA-256 as metadata, which a whole `get` checks here, so that
  bytes are known to be right end to end even on servers that check nothing.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError, FlexibleChecksumError, HTTPClientError, IncompleteReadError

from genai.errors import IntegrityError, StoreRefused
from genai.identity import sha256
from jobs.stores._s3_errors import status_of, translated

MULTIPART_BYTES = 16 << 20
PART_BYTES = 16 << 20
CONNECTIONS = 64  # 32 threads of the caller's, and parts of their uploads
ATTEMPTS = 6
BODY_ATTEMPTS = 3  # botocore does not retry a body that breaks off
CONNECT_SECONDS, READ_SECONDS = 10, 60

_TRANSFER = TransferConfig(
    multipart_threshold=MULTIPART_BYTES,
    multipart_chunksize=PART_BYTES,
    max_concurrency=4,
    preferred_transfer_client="classic",
)


class Bucket:
    """A client and a bucket's name; safe for threads."""

    def __init__(self, name: str) -> None:
        with translated(f"s3://{name}", "the AWS configuration"):
            self.name, self.client = name, _connect(name)
        self.endpoint = str(self.client.meta.endpoint_url)
        self.lock = threading.Lock()
        self.heeds_conditions: bool | None = None  # None: not yet found out

    def put(self, key: str, data: bytes, **more: Any) -> None:
        """Write an object; `more` are arguments of `put_object`, which then is one request of any size."""
        metadata = {"sha256": sha256(data), **more.pop("Metadata", {})}
        if len(data) > MULTIPART_BYTES and not more:
            self.client.upload_fileobj(
                io.BytesIO(data), self.name, key, ExtraArgs={"Metadata": metadata}, Config=_TRANSFER
            )
            return
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        self.client.put_object(Bucket=self.name, Key=key, Body=data, ContentMD5=digest, Metadata=metadata, **more)

    def get(self, key: str, **more: Any) -> tuple[bytes, dict[str, str]]:
        """The bytes and the metadata (names in lower case) of an object, or of the range in `more`."""
        for left in reversed(range(BODY_ATTEMPTS)):
            answer = self.client.get_object(Bucket=self.name, Key=key, **more)
            try:
                return answer["Body"].read(), _lower(answer["Metadata"])
            except (HTTPClientError, IncompleteReadError, FlexibleChecksumError):
                if not left:
                    raise
        raise AssertionError

    def get_checked(self, key: str) -> bytes:
        """The bytes of an object, compared with the SHA-256 that it carries. Raises IntegrityError."""
        data, metadata = self.get(key, ChecksumMode="ENABLED")  # some servers send a range the whole's checksum
        if metadata.get("sha256", sha256(data)) != sha256(data):
            raise IntegrityError(f"s3://{self.name}/{key}: the bytes are not those that were written; restore it")
        return data

    def head(self, key: str) -> dict[str, Any] | None:
        """Size, ETag and metadata of an object, or None where there is none (or no such bucket)."""
        try:
            answer = self.client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if status_of(error) != 404:
                raise
            return None
        return {**answer, "Metadata": _lower(answer["Metadata"])}

    def list(self, prefix: str) -> Iterator[dict[str, Any]]:
        """All objects whose key starts with `prefix`, in the server's order (by bytes), page by page."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        for page in pages:
            yield from page.get("Contents", [])

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""
        self.client.delete_object(Bucket=self.name, Key=key)


def _connect(name: str) -> Any:
    core = botocore.session.get_session()
    mode = os.environ.get("AWS_RETRY_MODE") or core.get_scoped_config().get("retry_mode") or "adaptive"
    try:
        retries: Any = {"mode": mode, "total_max_attempts": core.get_config_variable("max_attempts") or ATTEMPTS}
        config = Config(
            retries=retries,
            max_pool_connections=CONNECTIONS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            response_checksum_validation="when_required",  # asked for on whole reads; see get_checked
        )
        return boto3.session.Session(botocore_session=core).client("s3", config=config)
    except ValueError:  # botocore's word for a URL or a number that is none; the text may quote a password
        raise StoreRefused(
            f"s3://{name}: the endpoint is no URL, or another AWS setting is unreadable; "
            "check AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL (http://host:port) and AWS_MAX_ATTEMPTS"
        ) from None


def _lower(metadata: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in metadata.items()}  # some servers title-case them
