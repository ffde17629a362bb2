"""The one door through which botocore's errors become ours.

- Most specific first: an answer by its code, then by its HTTP status; a failure on this side by the nearest
  class of its family that the table names.
- A message says what was touched, at which endpoint, what came back, and what to check. Of the foreign error it
  takes the code or the class alone and drops the chain: their texts may quote keys, tokens and signed URLs.
- What becomes a StoreError is also what the store itself tries again, within its bounds (`_s3_patience`).
- A clock that is wrong is the world's fault and may pass: NTP sets it again. An answer to HEAD has no body, so a bare
  403 is taken for that where its Date is far from ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError  # where botocore reads the body of an error, it lets them through

from genai.errors import GenaiError, IntegrityError, NotFound, StoreError, StoreRefused
from jobs.stores._s3_patience import Tries

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile that AWS_PROFILE names"
_REGION = "check AWS_REGION and the endpoint (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL)"
_TOKEN = "log in again or renew AWS_SESSION_TOKEN"  # noqa: S105  # a sentence
_CONFIG = "check AWS_PROFILE and the files ~/.aws/config and ~/.aws/credentials"
_BUCKET = "check the bucket's name and the rest of the URI"
_RIGHTS = "these credentials may not do this here: check the bucket's policy, or use others (AWS_PROFILE)"
_AGAIN = "check the network and the endpoint (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL), then try again"
_LATER = "the server or the way to it is busy or failing; try again later"
_FULL = "the server's disk or quota is full; make room there, then try again"
_CLOCK = "this machine's clock is wrong, or the server's; set it, then try again"
_WIRE = "the bytes were changed on their way; check the network and any proxy in between, then try again"
_GONE = "its upload was ended by somebody else (a lifecycle rule?); try again"
_RESTORE = "the bytes are not those that were stored; restore the object"
_OURS = "this is a fault of genai or of the installed boto3; please report it with this line"

_REFUSED_CODES = {
    "NoSuchBucket": "there is no such bucket; create it or " + _BUCKET,
    "InvalidBucketName": _BUCKET,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": "the secret does not fit the key; " + _KEYS,
    "ExpiredToken": _TOKEN,
    "InvalidToken": _TOKEN,
    "TokenRefreshRequired": _TOKEN,
    "AccessDenied": _RIGHTS,
    "403": _RIGHTS,
    "PermanentRedirect": "the bucket is in another region; " + _REGION,
    "301": "the bucket is in another region; " + _REGION,
    "AuthorizationHeaderMalformed": "the bucket is in another region; " + _REGION,
    "KeyTooLongError": "the prefix is too long; choose a shorter one",
    "NotImplemented": "the server cannot do this; " + _REGION,
}
_BUSY_CODES = ("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests")
_PASSING_CODES = {
    **dict.fromkeys(_BUSY_CODES, _LATER),
    **dict.fromkeys(("RequestTimeout", "RequestTimeoutException", "OperationAborted", "IncompleteBody"), _LATER),
    "ConditionalRequestConflict": _LATER,
    **dict.fromkeys(("InvalidRange", "PreconditionFailed"), _LATER),  # a range of an object that was replaced meanwhile
    **dict.fromkeys(("BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"), _WIRE),
    **dict.fromkeys(("XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "QuotaExceeded"), _FULL),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), _CLOCK),
    "NoSuchUpload": _GONE,
}
_SKEW_SECONDS = 10 * 60
NEVER_SENT = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
FOREIGN = (ClientError, BotoCoreError, Boto3Error, ResponseParserError, HTTPError)

_CLASSES: dict[str, tuple[type[GenaiError], str]] = {
    name: (kind, advice)
    for kind, advice, classes in (
        (
            IntegrityError,
            _RESTORE,
            "ChecksumError FlexibleChecksumError",
        ),
        (
            StoreError,
            _AGAIN,
            (
                "ConnectionError HTTPClientError IncompleteReadError "
                "AwsChunkedWrapperError CapacityNotAvailableError RetriesExceededError S3TransferFailedError "
                "S3UploadFailedError"
            ),
        ),
        (
            StoreError,
            "the service that hands out credentials did not answer; " + _KEYS,
            "CredentialRetrievalError MetadataRetrievalError TokenRetrievalError",
        ),
        (
            StoreRefused,
            _KEYS,
            (
                "NoCredentialsError PartialCredentialsError NoAuthTokenError UnknownCredentialError "
                "UnknownTokenProviderError RefreshWithMFAUnsupportedError InvalidIMDSEndpointError "
                "InvalidIMDSEndpointModeError"
            ),
        ),
        (StoreRefused, _TOKEN, "SSOError LoginError"),
        (
            StoreRefused,
            _CONFIG,
            (
                "ProfileNotFound ConfigParseError ConfigNotFound InvalidConfigError InvalidRetryConfigurationError "
                "InvalidDefaultsMode InvalidChecksumConfigError InvalidProxiesConfigError "
                "InvalidS3AddressingStyleError InvalidS3UsEast1RegionalEndpointConfigError "
                "InvalidSTSRegionalEndpointsConfigError InvalidEndpointDiscoveryConfigurationError "
                "InvalidEndpointConfigurationError UnsupportedS3ConfigurationError UnknownSignatureVersionError "
                "UnsupportedSignatureVersionError MissingDependencyException MD5UnavailableError"
            ),
        ),
        (
            StoreRefused,
            _REGION,
            (
                "UnknownRegionError ServiceNotInRegionError BaseEndpointResolverError EndpointProviderError "
                "InvalidRegionError InvalidHostLabelError InvalidDNSNameError EndpointDiscoveryException "
                "ResponseParserError UnsupportedS3ControlConfigurationError UnsupportedOutpostResourceError"
            ),
        ),
        (
            StoreRefused,
            _BUCKET,
            (
                "ParamValidationError UnsupportedS3ArnError UnsupportedS3ControlArnError "
                "UnsupportedS3AccesspointConfigurationError"
            ),
        ),
        (
            StoreRefused,
            _OURS,
            (
                "DataNotFoundError ApiVersionNotFoundError MissingParametersError ValidationError UnknownServiceStyle "
                "PaginationError OperationNotPageableError UnseekableStreamError WaiterError WaiterConfigError "
                "InvalidExpressionError UnknownClientMethodError StubResponseError UnsupportedServiceProtocolsError"
            ),
        ),
    )
    for name in classes.split()
}


@contextmanager
def translated(where: str, endpoint: str) -> Iterator[None]:
    """Raise NotFound, StoreError, StoreRefused or IntegrityError about `where` in place of any error of boto3."""
    try:
        yield
    except FOREIGN as error:
        raise ours(error, where, endpoint) from None


def ours(error: Exception, where: str, endpoint: str, tries: Tries | None = None) -> GenaiError:
    """Our error for a foreign one, which ended `tries`."""
    if isinstance(error, ClientError):
        found = of_answer(error, where, endpoint)
    else:
        kind, advice = of_class(type(error)) or (StoreError, _AGAIN)
        found = kind(f"{where}: {type(error).__name__} at {shown(endpoint)}; {advice}")
    if type(found) is StoreError and tries and tries.count > 1:
        return StoreError(f"{found} (tried {tries.count} times)")
    return found


def of_class(foreign: type[Exception]) -> tuple[type[GenaiError], str] | None:
    """Our class and advice for a failure on this side, by the nearest of its families; None where unmapped."""
    return next((_CLASSES[c.__name__] for c in foreign.__mro__ if c.__name__ in _CLASSES), None)


def of_answer(error: ClientError, where: str, endpoint: str) -> GenaiError:
    """Our error for a server's answer."""
    code, status = code_of(error), status_of(error)
    found = f"{where}: {shown(endpoint)} answered {code} ({status})"
    if status in (401, 403) and _is_far(error):
        return StoreError(f"{found}; {_CLOCK}")
    if code in _REFUSED_CODES:
        return StoreRefused(f"{found}; {_REFUSED_CODES[code]}")
    if code in ("NoSuchKey", "NotFound") or (status == 404 and code != "NoSuchUpload"):
        return NotFound(f"{where}: there is no such object")
    if code in _PASSING_CODES or status in (408, 409, 412, 416, 429) or status >= 500:
        return StoreError(f"{found}; {_PASSING_CODES.get(code, _FULL if status == 507 else _LATER)}")
    rights = status in (401, 403)
    return StoreRefused(f"{found}; {_RIGHTS if rights else f'{_BUCKET}, and {_REGION}'}")


def is_passing(error: Exception) -> bool:
    """Whether the same request may do better another time."""
    if isinstance(error, ClientError):
        lasts = status_of(error) in (412, 416) or code_of(error) == "NoSuchUpload"
        return not lasts and type(of_answer(error, "", "")) is StoreError
    return isinstance(error, ResponseParserError) or (of_class(type(error)) or (StoreError,))[0] is StoreError


def is_busy(error: Exception) -> bool:
    """Whether the server asks for time, having done nothing."""
    return isinstance(error, ClientError) and (status_of(error) in (429, 503) or code_of(error) in _BUSY_CODES)


def is_answered(error: Exception) -> bool:
    """Whether it is known that the request was not carried out, and will not be."""
    if isinstance(error, ClientError):
        return is_busy(error) or status_of(error) < 500 or status_of(error) in (501, 507)
    return isinstance(error, NEVER_SENT)


def _is_far(error: ClientError) -> bool:
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return abs(parsedate_to_datetime(date).timestamp() - time.time()) > _SKEW_SECONDS
    except ValueError:
        return False


def code_of(error: ClientError) -> str:
    """The error code of an answer ("404" and the like where it has no body)."""
    return str(error.response.get("Error", {}).get("Code", "?"))


def status_of(error: ClientError) -> int:
    """The HTTP status of an answer; 0 where unknown."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def shown(endpoint: str) -> str:
    """An endpoint without what may be secret in it: user, password, query."""
    parts = urlsplit(endpoint)
    if not parts.scheme:  # no endpoint yet: "the AWS configuration"
        return endpoint
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
