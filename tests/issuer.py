"""A token service's keys, certificates and tokens, made by `cryptography` alone.

Nothing of the registry is used to make them, so that a fault there is not made here too.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

ISSUER, SERVICE = "issuer.example", "registry.example"
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: Mapping[str, tuple[str, ec.EllipticCurve, int]] = {
    "ES256": ("P-256", ec.SECP256R1(), 32),
    "ES384": ("P-384", ec.SECP384R1(), 48),
    "ES512": ("P-521", ec.SECP521R1(), 66),
}
AnyKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def as_part(document: object) -> str:
    return b64(json.dumps(document).encode())


def new_key(algorithm: str, bits: int = 2048) -> AnyKey:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm][1])
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Signer:
    """A private key and the algorithm that it signs with."""

    key: AnyKey
    algorithm: str

    @classmethod
    def new(cls, algorithm: str) -> Signer:
        return cls(new_key(algorithm), algorithm)

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        method = _HASHES[self.algorithm[2:]]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            width = _CURVES[self.algorithm][2]
            pair = decode_dss_signature(self.key.sign(message, ec.ECDSA(method)))
            return b"".join(number.to_bytes(width, "big") for number in pair)
        if self.algorithm.startswith("PS"):
            salted = padding.PSS(padding.MGF1(method), method.digest_size)
            return self.key.sign(message, salted, method)
        return self.key.sign(message, padding.PKCS1v15(), method)

    def token(self, claims: object, **header: object) -> str:
        """A signed token. `header` adds to `alg` and `typ`, or replaces them."""
        head = as_part({"alg": self.algorithm, "typ": "JWT", **header})
        signed = f"{head}.{as_part(claims)}"
        return f"{signed}.{b64(self.sign(signed.encode()))}"

    @cached_property
    def public_der(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def libtrust_id(self) -> str:
        text = base64.b32encode(hashlib.sha256(self.public_der).digest()[:30]).decode()
        return ":".join(text[at : at + 4] for at in range(0, 48, 4))

    @property
    def jwk(self) -> dict[str, str]:
        """The members that RFC 7638 hashes."""
        public = self.key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return {"crv": "Ed25519", "kty": "OKP", "x": b64(public.public_bytes_raw())}
        if isinstance(public, ec.EllipticCurvePublicKey):
            name, _, width = _CURVES[self.algorithm]
            numbers = public.public_numbers()
            x, y = (b64(part.to_bytes(width, "big")) for part in (numbers.x, numbers.y))
            return {"crv": name, "kty": "EC", "x": x, "y": y}
        number = public.public_numbers()
        size = (number.n.bit_length() + 7) // 8
        return {
            "e": b64(number.e.to_bytes(3, "big")),
            "kty": "RSA",
            "n": b64(number.n.to_bytes(size, "big")),
        }

    @property
    def thumbprint(self) -> str:
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())

    @property
    def pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def certificate(
    signer: Signer,
    now: datetime,
    *,
    name: str = "tokens",
    issuer: tuple[x509.Certificate, Signer] | None = None,
    is_authority: bool | None = None,
    days: tuple[float, float] = (-1, 30),
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> x509.Certificate:
    """A certificate of the signer's key, by itself unless an issuer is given.

    `is_authority` None leaves the basic constraints out; `days` is its life, from `now`.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above, by = issuer or (None, signer)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.subject if above else subject)
        .public_key(signer.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
    if is_authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    plain = isinstance(by.key, ed25519.Ed25519PrivateKey)
    return builder.sign(by.key, None if plain else hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def x5c(*certificates: x509.Certificate) -> list[str]:
    return [
        base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode()
        for one in certificates
    ]


def claims(now: datetime, **changes: Any) -> dict[str, Any]:
    """Good claims, save for the changes; a change to None takes a claim away."""
    moment = int(now.timestamp())
    good = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": SERVICE,
        "exp": moment + 300,
        "nbf": moment - 10,
        "iat": moment - 10,
        "jti": "one of many",
        "access": [],
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


def entry(name: str, *actions: str, type: str = "repository") -> dict[str, Any]:
    """One entry of the claim `access`."""
    return {"type": type, "name": name, "actions": list(actions)}


def today() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
