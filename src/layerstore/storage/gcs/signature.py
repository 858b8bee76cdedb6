"""What a service account's key signs: requests for tokens, and addresses for clients.

Pure: the moment is an argument (RFC 7523; Google's V4 signing process, RSA with SHA-256).
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from layerstore.storage.gcs.address import encoded, query_text

SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
ASSERTION_S: Final = 3600
LIFETIME_MAX_S: Final = 7 * 24 * 3600
"""Seconds that a signed address may be good."""

_ALGORITHM: Final = "GOOG4-RSA-SHA256"


class KeyUnusable(Exception):
    """There is no such key in it."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """The key of a service account; `email` names the account."""

    email: str
    key_id: str
    key: rsa.RSAPrivateKey

    @classmethod
    def of(cls, email: str, key_id: str, pem: str) -> "AccountKey":
        """Raises KeyUnusable."""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyUnusable("private_key is no key in PEM") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyUnusable("private_key is no RSA key")
        if not email:
            raise KeyUnusable("client_email is missing")
        return cls(email, key_id, key)

    def assertion(self, audience: str, at: datetime) -> str:
        """A signed claim to be the account, for who gives tokens."""
        now = int(at.timestamp())
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        claims = {
            "iss": self.email,
            "scope": SCOPE,
            "aud": audience,
            "iat": now,
            "exp": now + ASSERTION_S,
        }
        text = f"{_packed(msgspec.json.encode(header))}.{_packed(msgspec.json.encode(claims))}"
        return f"{text}.{_packed(self._sign(text))}"

    def query(self, method: str, host: str, path: str, at: datetime, lifetime_s: int) -> str:
        """The query of an address that needs no headers; `path` is encoded already."""
        scope = f"{at:%Y%m%d}/auto/storage/goog4_request"
        moment = f"{at:%Y%m%dT%H%M%SZ}"
        query = query_text(
            (
                ("X-Goog-Algorithm", _ALGORITHM),
                ("X-Goog-Credential", f"{self.email}/{scope}"),
                ("X-Goog-Date", moment),
                ("X-Goog-Expires", str(min(lifetime_s, LIFETIME_MAX_S))),
                ("X-Goog-SignedHeaders", "host"),
            )
        )
        request = f"{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = self._sign(f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}").hex()
        return f"{query}&X-Goog-Signature={encoded(signature)}"

    def _sign(self, text: str) -> bytes:
        return self.key.sign(text.encode(), padding.PKCS1v15(), SHA256())


def _packed(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
