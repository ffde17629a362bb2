"""How S3 is reached, for libraries that bring a client of their own (Arrow's, Rust's).

What the store is told by the AWS variables and profiles is asked of botocore and handed on, so that they reach the same
server with the same keys. It stays in memory: nothing here is for a file, a job or a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import botocore.session

from jobs.stores._s3_bucket import Bucket
from jobs.stores._s3_errors import translated
from jobs.stores._s3_patience import Patience

_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


@dataclass(frozen=True)
class Access:
    """A server, and the keys for it; "" is what was not said. Times are in seconds, `attempts` are of one request."""

    endpoint: str  # "": Amazon's own
    region: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(repr=False)
    patience: Patience


def access(bucket: str) -> Access:
    """How a bucket is reached from here. Raises StoreRefused where the AWS settings are none."""
    reached = Bucket(bucket)
    meta = reached.client.meta
    with translated(f"s3://{bucket}", "the AWS configuration"):
        found = botocore.session.get_session().get_credentials()
        keys = found.get_frozen_credentials() if found else None
    amazon = (urlsplit(reached.endpoint).hostname or "").endswith(_AMAZON)
    region = "us-east-1" if meta.region_name == "aws-global" else str(meta.region_name or "")
    key, secret, token = (keys.access_key, keys.secret_key, keys.token or "") if keys else ("", "", "")
    return Access("" if amazon else reached.endpoint, region, key, secret, token, reached.patience)
