"""The one table from what went wrong to a status, and the answer that tells it.

Handlers and all below raise; `answer` is asked by the dispatcher and by the server's edge
(architecture §6). What is no RegistryError is told as UNKNOWN without a word of detail.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from layerstore.api.documents import encode
from layerstore.oci.descriptor import JSON
from layerstore.oci.errors import (
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    BodyStalled,
    BodyTooLarge,
    Denied,
    DigestInvalid,
    HeadersTooLarge,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestNotAcceptable,
    ManifestUnknown,
    ManifestUnverified,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    RangeInvalid,
    RangeUnsatisfiable,
    RegistryError,
    RouteUnknown,
    SeveralErrors,
    SizeInvalid,
    StorageFull,
    TagInvalid,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unknown,
    Unsupported,
    UploadOffsetInvalid,
    UrlTooLong,
    as_json,
)
from layerstore.storage.driver import InvalidPath, OutOfSpace, StorageUnavailable
from layerstore.web.message import BodyBroken, Response

UNAVAILABLE_RETRY_S: Final = 5
"""Seconds after which a client may ask a storage again that could not be used."""

CLIENT_GONE: Final = 499
"""Stands in the log for a request whose sender went away; nobody reads it."""

STATUSES: Final[Mapping[type[BaseException], int]] = {
    Unsupported: 405,
    MethodNotAllowed: 405,
    RouteUnknown: 404,
    MediaTypeUnsupported: 415,
    Unauthorized: 401,
    Denied: 403,
    Unavailable: 503,
    BodyStalled: 408,
    StorageFull: 507,
    TooManyRequests: 429,
    DigestInvalid: 400,
    SizeInvalid: 400,
    BodyTooLarge: 413,
    HeadersTooLarge: 431,
    RangeInvalid: 416,
    NameInvalid: 400,
    UrlTooLong: 414,
    NameUnknown: 404,
    TagInvalid: 400,
    ManifestUnknown: 404,
    ManifestNotAcceptable: 406,
    ManifestInvalid: 400,
    ManifestUnverified: 400,
    ManifestBlobUnknown: 400,
    BlobUnknown: 404,
    BlobUploadUnknown: 404,
    BlobUploadInvalid: 404,
    PaginationNumberInvalid: 400,
    OutOfSpace: 507,
    StorageUnavailable: 503,
    InvalidPath: 503,
    BodyBroken: CLIENT_GONE,
    Exception: 500,
}
"""Registry-facts §2.3 and decisions 1. The nearest class in an error's ancestry decides."""

_OUR_FAULTS: Final = (500, 503, 507)


class StandsElsewhere(UploadOffsetInvalid):
    """The same, with the headers that tell a client where to go on, in the words of the cause."""

    def __init__(self, size: int, headers: Sequence[tuple[str, str]], cause: RangeInvalid) -> None:
        self.headers = tuple(headers)
        super().__init__(size)
        self.text = cause.text


def status_of(error: BaseException) -> int:
    """The status of an answer that tells this error; several errors take the first one's."""
    if isinstance(error, SeveralErrors):
        return status_of(error.errors[0])
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def answer(error: Exception) -> Response:
    """What the client is told."""
    in_words = told(error)
    headers = [("content-type", JSON), *_headers(in_words)]
    return Response(status_of(error), headers, encode({"errors": as_json(in_words)}))


def is_ours(error: Exception) -> bool:
    """Whether the error is a fault of this registry, for its operators to look at."""
    return status_of(error) in _OUR_FAULTS


def told(error: Exception) -> RegistryError:
    """The error in the client's words: a storage's own names its paths, and stays inside."""
    match error:
        case RegistryError():
            return error
        case OutOfSpace():
            return StorageFull()
        case InvalidPath():  # names were checked before: something else stands at the path
            return Unavailable(message="the storage is damaged where this belongs")
        case StorageUnavailable():
            return Unavailable(
                message="the storage cannot be used now", retry_after=UNAVAILABLE_RETRY_S
            )
    return Unknown()


def _headers(error: RegistryError) -> list[tuple[str, str]]:
    match error:
        case SeveralErrors():
            return _headers(error.errors[0])
        case MethodNotAllowed():
            return [("allow", ", ".join(error.allowed))]
        case Unauthorized():
            return [("www-authenticate", error.challenge)]
        case TooManyRequests():
            return [("retry-after", str(error.retry_after))]
        case Unavailable() if error.retry_after is not None:
            return [("retry-after", str(error.retry_after))]
        case RangeUnsatisfiable():
            return [("content-range", f"bytes */{error.size}")]
        case StandsElsewhere():
            return list(error.headers)
    return []
