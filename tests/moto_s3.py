"""Moto's S3 server, whose conditional puts are one step: of many, one wins, as at AWS.

    python tests/moto_s3.py -H 127.0.0.1 -p 9000

Moto looks for the object in one step and writes it in another, and each request has a thread.
"""

from threading import Lock
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

_writing, _put = Lock(), S3Response.put_object


def _put_object(self: S3Response) -> Any:
    with _writing:
        return _put(self)


if __name__ == "__main__":
    S3Response.put_object = _put_object  # type: ignore[method-assign]
    main()
