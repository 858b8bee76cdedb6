"""What a service account signs can be checked with its public key."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from layerstore.storage.gcs.address import Address
from layerstore.storage.gcs.signature import LIFETIME_MAX_S, AccountKey, KeyUnusable
from tests.issuer import Signer

AT = datetime(2026, 2, 1, 9, 0, 0, tzinfo=UTC)
EMAIL = "registry@project.example"


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def account(private: rsa.RSAPrivateKey) -> AccountKey:
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return AccountKey.of(EMAIL, "key-1", pem)


def unpacked(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_an_assertion_says_who_for_what_and_how_long(
    account: AccountKey, private: rsa.RSAPrivateKey
) -> None:
    header, claims, signature = account.assertion("https://tokens.example", AT).split(".")
    assert json.loads(unpacked(header)) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert json.loads(unpacked(claims)) == {
        "iss": EMAIL,
        "scope": "https://www.googleapis.com/auth/devstorage.read_write",
        "aud": "https://tokens.example",
        "iat": int(AT.timestamp()),
        "exp": int(AT.timestamp()) + 3600,
    }
    signed = f"{header}.{claims}".encode()
    private.public_key().verify(unpacked(signature), signed, padding.PKCS1v15(), SHA256())


def test_an_address_is_signed_as_google_describes(
    account: AccountKey, private: rsa.RSAPrivateKey
) -> None:
    """The texts are those of "V4 signing process with your own program"."""
    path = Address("https://storage.googleapis.com", "a-bucket").public_path("a/b c+d")
    assert path == "/a-bucket/a/b%20c%2Bd"
    query = account.query("GET", "storage.googleapis.com", path, AT, 900)
    plain, _, signature = query.partition("&X-Goog-Signature=")
    assert plain == (
        "X-Goog-Algorithm=GOOG4-RSA-SHA256"
        "&X-Goog-Credential=registry%40project.example%2F20260201%2Fauto%2Fstorage%2Fgoog4_request"
        "&X-Goog-Date=20260201T090000Z&X-Goog-Expires=900&X-Goog-SignedHeaders=host"
    )
    request = f"GET\n{path}\n{plain}\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD"
    text = (
        "GOOG4-RSA-SHA256\n20260201T090000Z\n20260201/auto/storage/goog4_request\n"
        + hashlib.sha256(request.encode()).hexdigest()
    )
    private.public_key().verify(
        bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), SHA256()
    )


def test_no_address_is_good_for_longer_than_a_week(account: AccountKey) -> None:
    query = account.query("GET", "host", "/path", AT, 10 * LIFETIME_MAX_S)
    assert f"X-Goog-Expires={LIFETIME_MAX_S}&" in query


@pytest.mark.parametrize(
    ("email", "pem", "reason"),
    [
        (EMAIL, "", "no key in PEM"),
        (EMAIL, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no key in PEM"),
        (EMAIL, Signer.new("ES256").pem.decode(), "no RSA key"),
        ("", Signer.new("RS256").pem.decode(), "client_email is missing"),
    ],
    ids=["none", "broken", "elliptic", "nobody"],
)
def test_a_key_that_cannot_be_used_says_why(email: str, pem: str, reason: str) -> None:
    with pytest.raises(KeyUnusable, match=reason):
        AccountKey.of(email, "", pem)
