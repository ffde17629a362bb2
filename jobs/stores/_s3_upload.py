"""A large object goes up in parts, several at a time, each tried anew on its own.

- An upload that fails is aborted, so that its parts are not kept, and paid for, for ever. Of a client that is killed
  an unfinished upload stays: a lifecycle rule of the bucket (AbortIncompleteMultipartUpload) removes it.
- Where the answer to the beginning was lost there is one that nobody knows by number: what has the same key and began
  in that very time is aborted too. Should it be another writer's, his put fails, and his next is right.
- Where the answer to the end was lost, the next try finds no such upload: then the object itself tells.
"""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from genai.errors import GenaiError, StoreError
from jobs.stores._s3_patience import Tries, now

if TYPE_CHECKING:
    from jobs.stores._s3_bucket import Bucket

PART_BYTES = 16 << 20
AT_ONCE = 4


def upload(bucket: Bucket, key: str, data: bytes, metadata: dict[str, str]) -> None:
    """Write an object, whole or not at all."""
    algorithm = _algorithm(bucket)
    number = _begun(bucket, key, Metadata=metadata, **algorithm)
    target = {"Bucket": bucket.name, "Key": key, "UploadId": number}
    try:
        parts = _parts(bucket, key, data, {**target, **algorithm})
        _end(bucket, key, metadata["sha256"], target, parts)
    except BaseException:
        _abort(bucket, target)
        raise


def md5(data: bytes) -> str:
    """The digest of a body, as a header says it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _algorithm(bucket: Bucket) -> dict[str, str]:
    wanted = bucket.client.meta.config.request_checksum_calculation != "when_required"
    return {"ChecksumAlgorithm": "CRC32"} if wanted else {}


def _begun(bucket: Bucket, key: str, **more: Any) -> str:
    tries, start = Tries(bucket.patience), now()
    answer = bucket.ask(
        key, lambda: bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key, **more), tries=tries
    )
    number = str(answer["UploadId"])
    if tries.unanswered:
        _abort_lost(bucket, key, number, timedelta(seconds=now() - start + 1))
    return number


def _abort_lost(bucket: Bucket, key: str, mine: str, time: timedelta) -> None:
    with suppress(GenaiError):
        found = bucket.ask(
            key,
            lambda: bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix=key),
            tries=_few(bucket),
        )
        begun = {one["UploadId"]: one["Initiated"] for one in found.get("Uploads", []) if one["Key"] == key}
        for other, at in begun.items():
            if other != mine and mine in begun and timedelta(0) <= begun[mine] - at <= time:
                _abort(bucket, {"Bucket": bucket.name, "Key": key, "UploadId": other})


def _abort(bucket: Bucket, target: dict[str, str]) -> None:
    with suppress(GenaiError):
        bucket.ask(target["Key"], lambda: bucket.client.abort_multipart_upload(**target), tries=_few(bucket))


def _few(bucket: Bucket) -> Tries:
    """For what is done beside the work: it must not hold it up for long."""
    return Tries(bucket.patience, now() + bucket.patience.idle)


def _parts(bucket: Bucket, key: str, data: bytes, target: dict[str, str]) -> list[dict[str, Any]]:
    def send(index: int) -> dict[str, Any]:
        part = data[index * PART_BYTES : (index + 1) * PART_BYTES]
        more = {**target, "PartNumber": index + 1, "ContentMD5": md5(part), "Body": part}
        answer = bucket.ask(key, lambda: bucket.client.upload_part(**more))
        checksum = {"ChecksumCRC32": answer["ChecksumCRC32"]} if "ChecksumCRC32" in answer else {}
        return {"PartNumber": index + 1, "ETag": answer["ETag"], **checksum}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            return list(pool.map(send, range(-(-len(data) // PART_BYTES))))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end(bucket: Bucket, key: str, digest: str, target: dict[str, str], parts: list[dict[str, Any]]) -> None:
    def complete() -> Any:
        return bucket.client.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})

    try:
        bucket.ask(key, complete)
    except StoreError as error:
        try:
            found = bucket.head(key, tries=_few(bucket))
        except GenaiError:
            raise error from None
        if found is None or found["Metadata"].get("sha256") != digest:
            raise
        _abort(bucket, target)
