"""Where clients are sent for a blob: steps that make or change the driver's URL.

These are the original's storage middleware (registry-facts §3.9): `redirect` to a plain server in
front of the same files, `rewrite` of what the driver says, and `cloudfront`, which signs.
"""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Final, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from layerstore.clock import Clock

_CLOUDFRONT_ALPHABET: Final = str.maketrans("+=/", "-_~")


class RedirectInvalid(Exception):
    """A step cannot be made of these settings; the text says why."""


class UrlStep(Protocol):
    """One step."""

    def __call__(self, path: str, url: str | None) -> str | None:
        """The URL for a path of the storage, made of the one so far (None: there is none)."""


class Redirect:
    """Sends clients to `baseurl` with the path of the storage behind it, unsigned."""

    def __init__(self, baseurl: str) -> None:
        """Raises RedirectInvalid."""
        self._base = _base(baseurl)

    def __call__(self, path: str, url: str | None) -> str | None:
        return self._base + quote(path)


class Rewrite:
    """Changes scheme, host and the beginning of the path of what the driver says."""

    def __init__(self, scheme: str = "", host: str = "", trimpathprefix: str = "") -> None:
        """What is empty stays as it is."""
        self._scheme = scheme
        self._host = host
        self._trim = trimpathprefix

    def __call__(self, path: str, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        return urlunsplit(
            parts._replace(
                scheme=self._scheme or parts.scheme,
                netloc=self._host or parts.netloc,
                path=parts.path.removeprefix(self._trim),
            )
        )


class CloudFront:
    """Signs URLs of a CloudFront distribution with a canned policy.

    The signature is RSA with SHA-1, because that is what CloudFront takes.
    """

    def __init__(
        self, baseurl: str, key: bytes, keypairid: str, duration_s: float, clock: Clock
    ) -> None:
        """`key` is an RSA key in PEM. Raises RedirectInvalid."""
        self._base = _base(baseurl)
        self._key = _rsa_key(key)
        self._keypairid = keypairid
        self._duration = timedelta(seconds=duration_s)
        self._clock = clock

    def __call__(self, path: str, url: str | None) -> str | None:
        resource = self._base + quote(path)
        expires = int((self._clock.now() + self._duration).timestamp())
        policy = {
            "Statement": [
                {
                    "Resource": resource,
                    "Condition": {"DateLessThan": {"AWS:EpochTime": expires}},
                }
            ]
        }
        text = json.dumps(policy, separators=(",", ":")).encode()
        signed = self._key.sign(text, padding.PKCS1v15(), SHA1())  # noqa: S303  # CloudFront's
        signature = b64encode(signed).decode().translate(_CLOUDFRONT_ALPHABET)
        pair = quote(self._keypairid, safe="")
        return f"{resource}?Expires={expires}&Signature={signature}&Key-Pair-Id={pair}"


def _base(baseurl: str) -> str:
    parts = urlsplit(baseurl)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise RedirectInvalid(f"baseurl: {baseurl!r} is no URL such as https://files.example")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _rsa_key(content: bytes) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RedirectInvalid("privatekey: no key in PEM without a password") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise RedirectInvalid("privatekey: CloudFront takes RSA keys only")
    return key
