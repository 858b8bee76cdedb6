"""The token that a session's Location carries."""

from datetime import UTC, datetime

import pytest

from layerstore.api.state import StateSealer, UploadState, written
from layerstore.oci.errors import BlobUploadInvalid
from layerstore.oci.name import Name

NAME = Name("library/alpine")
UPLOAD = "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"
STATE = UploadState(NAME, UPLOAD, 1024, "2015-01-14T18:30:00.5Z")
TOKEN = (
    "nJ6xWjBcD-wFYFKekBNNAj5JqIjHGGLEg-ba2awaA7Z7Ik5hbWUiOiJsaWJyYXJ5L2FscGluZSIsIlVVSUQiOiIw"
    "ZjFlMmQzYy00YjVhLTQ2NzgtOGE5Yi0wYzFkMmUzZjRhNWIiLCJPZmZzZXQiOjEwMjQsIlN0YXJ0ZWRBdCI6IjIw"
    "MTUtMDEtMTRUMTg6MzA6MDAuNVoifQ=="
)

SEALER = StateSealer(b"secret")


def test_a_state_is_sealed_as_the_original_seals_it() -> None:
    assert SEALER.seal(STATE) == TOKEN


def test_a_token_of_the_original_is_opened() -> None:
    assert SEALER.open(TOKEN, NAME, UPLOAD) == STATE


def test_padding_that_a_client_lost_does_not_matter() -> None:
    assert SEALER.open(TOKEN.rstrip("="), NAME, UPLOAD) == STATE


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "=",
        "not base64 at all!",
        "é" * 20,
        TOKEN[:-8],
        TOKEN[:60] + "A" + TOKEN[61:],
        "A" * 3000,
    ],
)
def test_what_we_did_not_seal_is_refused(token: str | None) -> None:
    with pytest.raises(BlobUploadInvalid):
        SEALER.open(token, NAME, UPLOAD)


@pytest.mark.parametrize("token", [None, ""])
def test_a_missing_state_is_told_to_be_missing(token: str | None) -> None:
    with pytest.raises(BlobUploadInvalid) as refusal:
        SEALER.open(token, NAME, UPLOAD)
    assert refusal.value.detail == {"_state": "missing; use the Location of the latest answer"}


def test_another_secret_is_refused() -> None:
    with pytest.raises(BlobUploadInvalid) as refusal:
        StateSealer(b"another").open(TOKEN, NAME, UPLOAD)
    assert refusal.value.detail == "invalid secret"


def test_the_state_of_another_session_is_refused() -> None:
    with pytest.raises(BlobUploadInvalid):
        SEALER.open(TOKEN, Name("library/debian"), UPLOAD)
    with pytest.raises(BlobUploadInvalid):
        SEALER.open(TOKEN, NAME, UPLOAD.replace("0", "1"))


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [
        (0, "2026-03-04T05:06:07Z"),
        (500_000, "2026-03-04T05:06:07.5Z"),
        (1, "2026-03-04T05:06:07.000001Z"),
        (120, "2026-03-04T05:06:07.00012Z"),
    ],
)
def test_moments_are_written_without_zeros_at_the_end(microsecond: int, text: str) -> None:
    assert written(datetime(2026, 3, 4, 5, 6, 7, microsecond, UTC)) == text


def test_the_beginning_of_time_has_four_digits_for_its_year() -> None:
    assert written(datetime.min.replace(tzinfo=UTC)) == "0001-01-01T00:00:00Z"
