"""Everything that can be wrong with a request or with content, one class each.

    RegistryError
    ├── Unknown                      UNKNOWN
    ├── Unsupported                  UNSUPPORTED
    │   ├── MethodNotAllowed         … this route has other methods
    │   ├── RouteUnknown             … no such route
    │   ├── MediaTypeUnsupported     … a body of another type
    │   └── DeleteDisabled, ReadOnly … switched off by the operator
    ├── Unauthorized, Denied         UNAUTHORIZED, DENIED
    ├── Unavailable                  UNAVAILABLE
    │   └── BodyStalled, StorageFull … the sender is too slow, the disk is full
    ├── TooManyRequests              TOOMANYREQUESTS
    ├── DigestInvalid                DIGEST_INVALID
    ├── SizeInvalid                  SIZE_INVALID
    │   ├── BodyTooLarge             … more than the limit
    │   └── HeadersTooLarge          … all lines of the head together
    ├── RangeInvalid                 RANGE_INVALID
    │   ├── UploadOffsetInvalid      … the upload stands elsewhere
    │   └── RangeUnsatisfiable       … no byte of the blob is in the range
    ├── NameInvalid                  NAME_INVALID
    │   └── UrlTooLong               … more than the limit
    ├── NameUnknown, TagInvalid      NAME_UNKNOWN, TAG_INVALID
    ├── ManifestUnknown              MANIFEST_UNKNOWN
    │   └── ManifestNotAcceptable    … stored as a type that the client refuses
    ├── ManifestInvalid, ManifestUnverified, ManifestBlobUnknown
    ├── BlobUnknown, BlobUploadUnknown, BlobUploadInvalid
    ├── PaginationNumberInvalid      PAGINATION_NUMBER_INVALID
    └── SeveralErrors                the errors of one request, all at once

An error knows its code and its words (registry-facts §2.3), never an HTTP status: the table in
`api/errors.py` is the only place that does.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class RegistryError(Exception):
    """What a client is told: a code of the protocol, a sentence, and a detail that helps.

    `detail` is any JSON value; it reaches the client, so it never names a path of the server.
    """

    code: ClassVar[str] = "UNKNOWN"
    message: ClassVar[str] = "unknown error"

    def __init__(self, detail: object = None, *, message: str | None = None) -> None:
        self.detail = detail
        self.text = message if message is not None else self.message
        super().__init__(f"{self.code}: {self.text}" + (f" ({detail})" if detail else ""))


class Unknown(RegistryError):
    """Something broke that is nobody's request's fault."""


class Unsupported(RegistryError):
    code = "UNSUPPORTED"
    message = "The operation is unsupported."


class MethodNotAllowed(Unsupported):
    """The route exists, with the methods in `allowed`."""

    message = "this address does not take that method"

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__({"allow": list(self.allowed)})


class RouteUnknown(Unsupported):
    message = "there is nothing at this address"


class MediaTypeUnsupported(Unsupported):
    message = "a body of this type is not taken here"


class DeleteDisabled(Unsupported):
    message = "deleting is switched off; set storage.delete.enabled to true to allow it"


class ReadOnly(Unsupported):
    message = "the registry is read-only (storage.maintenance.readonly.enabled)"


class Unauthorized(RegistryError):
    """Authentication is required; `challenge` is the value of WWW-Authenticate."""

    code = "UNAUTHORIZED"
    message = "authentication required"

    def __init__(self, challenge: str, detail: object = None) -> None:
        self.challenge = challenge
        super().__init__(detail)


class Denied(RegistryError):
    code = "DENIED"
    message = "requested access to the resource is denied"


class Unavailable(RegistryError):
    """Try again, after `retry_after` seconds where that is known."""

    code = "UNAVAILABLE"
    message = "service unavailable"

    def __init__(
        self,
        detail: object = None,
        *,
        message: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(detail, message=message)


class BodyStalled(Unavailable):
    message = "the body came too slowly"


class StorageFull(Unavailable):
    message = "the storage is full"


class TooManyRequests(RegistryError):
    code = "TOOMANYREQUESTS"
    message = "too many requests"

    def __init__(self, detail: object = None, *, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class DigestInvalid(RegistryError):
    code = "DIGEST_INVALID"
    message = "provided digest did not match uploaded content"


class SizeInvalid(RegistryError):
    code = "SIZE_INVALID"
    message = "provided length did not match content length"


class BodyTooLarge(SizeInvalid):
    """The body is larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__({"limit": limit}, message=f"the body is larger than {limit} bytes")


class HeadersTooLarge(SizeInvalid):
    """The header lines have more than `limit` bytes together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__({"limit": limit}, message=f"the headers are larger than {limit} bytes")


class RangeInvalid(RegistryError):
    code = "RANGE_INVALID"
    message = "invalid content range"


class UploadOffsetInvalid(RangeInvalid):
    """The chunk does not begin where the upload stands; `size` is where that is."""

    message = "the chunk does not begin where the upload stands"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__({"size": size})


class RangeUnsatisfiable(RangeInvalid):
    """None of the ranges asked for touches content of `size` bytes."""

    message = "the range lies outside the content"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__({"size": size})


class NameInvalid(RegistryError):
    code = "NAME_INVALID"
    message = "invalid repository name"


class UrlTooLong(NameInvalid):
    message = "the address is too long"


class NameUnknown(RegistryError):
    code = "NAME_UNKNOWN"
    message = "repository name not known to registry"


class TagInvalid(RegistryError):
    code = "TAG_INVALID"
    message = "manifest tag did not match URI"


class ManifestUnknown(RegistryError):
    code = "MANIFEST_UNKNOWN"
    message = "manifest unknown"


class ManifestNotAcceptable(ManifestUnknown):
    message = "the manifest is stored as a type that the request refuses"


class ManifestInvalid(RegistryError):
    code = "MANIFEST_INVALID"
    message = "manifest invalid"


class ManifestUnverified(RegistryError):
    code = "MANIFEST_UNVERIFIED"
    message = "manifest failed signature verification"


class ManifestBlobUnknown(RegistryError):
    code = "MANIFEST_BLOB_UNKNOWN"
    message = "blob unknown to registry"


class BlobUnknown(RegistryError):
    code = "BLOB_UNKNOWN"
    message = "blob unknown to registry"


class BlobUploadUnknown(RegistryError):
    code = "BLOB_UPLOAD_UNKNOWN"
    message = "blob upload unknown to registry"


class BlobUploadInvalid(RegistryError):
    code = "BLOB_UPLOAD_INVALID"
    message = "blob upload invalid"


class PaginationNumberInvalid(RegistryError):
    code = "PAGINATION_NUMBER_INVALID"
    message = "invalid number of results requested"


class SeveralErrors(RegistryError):
    """All that is wrong with one request; the first decides the status."""

    def __init__(self, errors: Sequence[RegistryError]) -> None:
        self.errors = tuple(errors)
        super().__init__(message="; ".join(str(error) for error in errors))


def raise_all(errors: Sequence[RegistryError]) -> None:
    """Raise nothing, the only error, or all of them as SeveralErrors."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralErrors(errors)


def as_json(error: RegistryError) -> list[Mapping[str, object]]:
    """The entries of the `errors` array of an answer (distribution specification, Error Codes)."""
    parts = error.errors if isinstance(error, SeveralErrors) else (error,)
    return [
        {"code": part.code, "message": part.text}
        | ({} if part.detail is None else {"detail": part.detail})
        for part in parts
    ]
