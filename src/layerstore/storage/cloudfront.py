"""Where clients are sent for a blob: to a CloudFront distribution, with a signature.

The only step that needs `cryptography`, which costs a process 9 MiB.
"""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from layerstore.clock import Clock
from layerstore.storage.redirects import RedirectInvalid, UrlStep, base_of

_CLOUDFRONT_ALPHABET: Final = str.maketrans("+=/", "-_~")


class CloudFront:
    """Signs URLs of a CloudFront distribution with a canned policy.

    The signature is RSA with SHA-1, because that is what CloudFront takes.
    """

    def __init__(
        self, baseurl: str, key: bytes, keypairid: str, duration_s: float, clock: Clock
    ) -> None:
        """`key` is an RSA key in PEM. Raises RedirectInvalid."""
        self._base = base_of(baseurl)
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


def _rsa_key(content: bytes) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RedirectInvalid("privatekey: no key in PEM without a password") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise RedirectInvalid("privatekey: CloudFront takes RSA keys only")
    return key


_: type[UrlStep] = CloudFront
