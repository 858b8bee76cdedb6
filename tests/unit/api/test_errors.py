"""Every error has its status, and tells nothing that it must not."""

import msgspec
import pytest

import layerstore.oci.errors as vocabulary
from layerstore.api.errors import STATUSES, StandsElsewhere, answer, is_ours, status_of
from layerstore.oci.errors import (
    BlobUnknown,
    BodyStalled,
    BodyTooLarge,
    DigestInvalid,
    ManifestBlobUnknown,
    MethodNotAllowed,
    RangeInvalid,
    RangeUnsatisfiable,
    RegistryError,
    SeveralErrors,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from layerstore.storage.driver import OutOfSpace, PathNotFound, StorageUnavailable
from layerstore.web.message import BodyBroken, Response

CODES = {
    "UNKNOWN": 500,
    "UNSUPPORTED": 405,
    "UNAUTHORIZED": 401,
    "DENIED": 403,
    "UNAVAILABLE": 503,
    "TOOMANYREQUESTS": 429,
    "DIGEST_INVALID": 400,
    "SIZE_INVALID": 400,
    "RANGE_INVALID": 416,
    "NAME_INVALID": 400,
    "TAG_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "MANIFEST_UNKNOWN": 404,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNVERIFIED": 400,
    "MANIFEST_BLOB_UNKNOWN": 400,
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 404,
    "PAGINATION_NUMBER_INVALID": 400,
}


def classes() -> list[type[RegistryError]]:
    found = vars(vocabulary).values()
    return [kind for kind in found if isinstance(kind, type) and issubclass(kind, RegistryError)]


def told(response: Response) -> list[dict[str, object]]:
    assert isinstance(response.body, bytes)
    errors = msgspec.json.decode(response.body)["errors"]
    assert isinstance(errors, list)
    return errors


def test_every_code_of_the_protocol_has_a_class_with_its_status() -> None:
    own = {kind.code: kind for kind in classes() if "code" in vars(kind)}
    assert set(own) == set(CODES)
    assert {code: status_of(kind.__new__(kind)) for code, kind in own.items()} == CODES


@pytest.mark.parametrize("kind", [kind for kind in classes() if kind is not SeveralErrors])
def test_every_class_has_a_status_of_an_error(kind: type[RegistryError]) -> None:
    assert 400 <= status_of(kind.__new__(kind)) < 600


def test_the_nearest_class_in_the_ancestry_decides() -> None:
    class Particular(BodyTooLarge):
        """A kind of its own."""

    assert status_of(Particular(5)) == STATUSES[BodyTooLarge] == 413


def test_the_first_of_several_errors_decides() -> None:
    several = SeveralErrors([ManifestBlobUnknown("a"), BlobUnknown("b")])
    response = answer(several)
    assert response.status == 400
    assert [(entry["code"], entry["detail"]) for entry in told(response)] == [
        ("MANIFEST_BLOB_UNKNOWN", "a"),
        ("BLOB_UNKNOWN", "b"),
    ]


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (MethodNotAllowed(["GET", "HEAD"]), 405, ("allow", "GET, HEAD")),
        (Unauthorized('Basic realm="x"'), 401, ("www-authenticate", 'Basic realm="x"')),
        (TooManyRequests(retry_after=7), 429, ("retry-after", "7")),
        (Unavailable(retry_after=9), 503, ("retry-after", "9")),
        (RangeUnsatisfiable(12), 416, ("content-range", "bytes */12")),
        (StandsElsewhere(3, [("range", "0-2")], RangeInvalid()), 416, ("range", "0-2")),
        (SeveralErrors([TooManyRequests(), DigestInvalid()]), 429, ("retry-after", "1")),
        (StorageUnavailable("d", "/p", "down"), 503, ("retry-after", "5")),
    ],
)
def test_an_error_brings_its_headers(
    error: Exception, status: int, header: tuple[str, str]
) -> None:
    response = answer(error)
    assert response.status == status
    assert header in response.headers


def test_a_body_that_stalls_is_a_timeout() -> None:
    assert answer(BodyStalled()).status == 408


def test_a_full_storage_is_told_as_one() -> None:
    response = answer(OutOfSpace("filesystem", "/secret/place"))
    assert (response.status, told(response)[0]["code"]) == (507, "UNAVAILABLE")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("/secret/place"),
        PathNotFound("filesystem", "/secret/place"),
        StorageUnavailable("filesystem", "/secret/place", "broken"),
        OutOfSpace("filesystem", "/secret/place"),
        KeyError("/secret/place"),
    ],
)
def test_a_fault_of_ours_is_told_without_a_word_of_detail(error: Exception) -> None:
    response = answer(error)
    assert is_ours(error)
    assert isinstance(response.body, bytes)
    assert b"secret" not in response.body
    assert "detail" not in told(response)[0]


def test_who_went_away_is_no_fault_of_ours() -> None:
    assert answer(BodyBroken()).status == 499
    assert not is_ours(BodyBroken())
    assert not is_ours(DigestInvalid())
