"""The keys that sign schema 1 manifests: as JSON Web Keys, in certificates, by their ids.

The only file of the vocabulary that knows `cryptography`, which costs a process 9 MiB: whoever may
never need it imports this file where it does. Elliptic keys on three curves and RSA
keys, nothing symmetric (registry-facts §1.10). Files are read elsewhere, and whom to trust is the
client's decision, never made here.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from layerstore.oci.webkeys import CHANCE_BYTES, JsonWebKey, KeyInvalid, decode, encode

RSA_BITS_MIN: Final = 2048
"""Bits of a modulus (RFC 7518 §3.3)."""

RSA_BITS_MAX: Final = 8192
"""Bits of a modulus: a signature by a larger one costs more to verify than it is worth."""

EXPONENT_BITS_MAX: Final = 32
"""Bits of a public exponent, for the same reason."""

_KEY_ID_BYTES: Final = 30
_KEY_ID_GROUP: Final = 4
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

AnyPublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
AnyPrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class _Curve(NamedTuple):
    """`octets` is the width of a coordinate, and of either half of a signature."""

    name: str
    algorithm: str
    octets: int
    curve: ec.EllipticCurve


_CURVES: Final = {
    curve.name: curve
    for curve in (
        _Curve("P-256", "ES256", 32, ec.SECP256R1()),
        _Curve("P-384", "ES384", 48, ec.SECP384R1()),
        _Curve("P-521", "ES512", 66, ec.SECP521R1()),
    )
}
_RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512")
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies. Two are equal when their ids are."""

    key: AnyPublicKey

    @cached_property
    def id(self) -> str:
        """Twelve groups of four letters and digits (registry-facts §1.10)."""
        return key_id(self.key)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The values of `alg` that fit this key, the usual one first."""
        if isinstance(self.key, rsa.RSAPublicKey):
            return _RSA_ALGORITHMS
        return (_curve_of(self.key).algorithm,)

    @property
    def jwk(self) -> JsonWebKey:
        """The key as JSON, with its id and no member more than it needs."""
        if isinstance(self.key, rsa.RSAPublicKey):
            numbers = self.key.public_numbers()
            return JsonWebKey(
                kty="RSA", kid=self.id, n=_minimal_text(numbers.n), e=_minimal_text(numbers.e)
            )
        point, curve = self.key.public_numbers(), _curve_of(self.key)
        x, y = (encode(part.to_bytes(curve.octets, "big")) for part in (point.x, point.y))
        return JsonWebKey(kty="EC", kid=self.id, crv=curve.name, x=x, y=y)

    def holds(self, signature: bytes, message: bytes, algorithm: str) -> bool:
        """Whether this key made the signature of the message, by an algorithm that fits it."""
        if algorithm not in self.algorithms:
            return False
        method = _HASHES[algorithm[2:]]
        try:
            if isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, message, PKCS1v15(), method)
                return True
            return self._holds_elliptic(self.key, signature, message, method)
        except InvalidSignature:
            return False

    @staticmethod
    def _holds_elliptic(
        key: ec.EllipticCurvePublicKey,
        signature: bytes,
        message: bytes,
        method: hashes.HashAlgorithm,
    ) -> bool:
        octets = _curve_of(key).octets
        if len(signature) != 2 * octets:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:octets], signature[octets:]))
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(method))
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True, eq=False)
class PrivateKey:
    """A key that signs."""

    key: AnyPrivateKey

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.key.public_key())

    @property
    def algorithm(self) -> str:
        """The value of `alg` that it signs with."""
        return self.public.algorithms[0]

    def sign(self, message: bytes) -> bytes:
        """The signature as JSON Web Signatures carry it: r and s at fixed width, or PKCS#1 v1.5."""
        method = _HASHES[self.algorithm[2:]]
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, PKCS1v15(), method)
        octets = _curve_of(self.key.public_key()).octets
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(method)))
        return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")

    def as_pem(self) -> bytes:
        """The key as text to keep (PKCS#8); a secret."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def key_id(key: PublicKeyTypes) -> str:
    """The id of a public key of any kind: of its SubjectPublicKeyInfo (registry-facts §1.10)."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = base64.b32encode(hashlib.sha256(der).digest()[:_KEY_ID_BYTES]).decode()
    groups = range(0, len(text), _KEY_ID_GROUP)
    return ":".join(text[at : at + _KEY_ID_GROUP] for at in groups)


def public_key(jwk: JsonWebKey) -> PublicKey:
    """The public key that `jwk` describes.

    Raises KeyInvalid: for private and symmetric keys, other curves, weak or huge ones, points off
    the curve, and a `kid` that is not this key's id.
    """
    if jwk.kty == "oct":
        raise KeyInvalid("a symmetric key proves nothing to others")
    if jwk.is_private:
        raise KeyInvalid("the key holds private parts; whoever owns it should replace it")
    key = checked(_public_numbers(jwk))
    if jwk.kid and jwk.kid != key.id:
        raise KeyInvalid(f"kid is not the key's id, which is {key.id}")
    return key


def certified_key(certificate: str) -> PublicKey:
    """The public key in a certificate, given as base64 of its DER form (RFC 7515 §4.1.6).

    Raises KeyInvalid. Who issued the certificate, and until when, is not looked at.
    """
    try:
        der = base64.b64decode(certificate, validate=True)
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise KeyInvalid("x5c does not begin with a certificate that can be read") from None
    return checked(key)


def checked(key: object) -> PublicKey:
    """The key as one that verifies manifests; KeyInvalid when it is of another kind or size."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        _curve_of(key)
        return PublicKey(key)
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyInvalid("only elliptic keys and RSA keys are taken")
    if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        raise KeyInvalid(f"an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
    if key.public_numbers().e.bit_length() > EXPONENT_BITS_MAX:
        raise KeyInvalid(f"the exponent of an RSA key has at most {EXPONENT_BITS_MAX} bits")
    return PublicKey(key)


def private_key(content: bytes) -> PrivateKey:
    """The private key in a file's content: a JSON Web Key, or PEM without a password.

    Raises KeyInvalid.
    """
    is_json = content.lstrip().startswith(b"{")
    key = _private_numbers(_jwk_of(content)) if is_json else _of_pem(content)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyInvalid("only elliptic keys and RSA keys are taken")
    checked(key.public_key())
    return PrivateKey(key)


def new_private_key(chance: bytes) -> PrivateKey:
    """A key on P-256 out of at least CHANCE_BYTES bytes that nobody can guess."""
    if len(chance) < CHANCE_BYTES:
        raise ValueError(f"a key is made of at least {CHANCE_BYTES} bytes")
    scalar = int.from_bytes(chance, "big") % (_P256_ORDER - 1) + 1
    return PrivateKey(ec.derive_private_key(scalar, ec.SECP256R1()))


def _jwk_of(content: bytes) -> JsonWebKey:
    try:
        return msgspec.json.decode(content, type=JsonWebKey)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise KeyInvalid("it is no JSON Web Key") from None


def _of_pem(content: bytes) -> object:
    try:
        return serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyInvalid("it is no private key as PEM without a password") from None


def _curve_of(key: ec.EllipticCurvePublicKey) -> _Curve:
    for known in _CURVES.values():
        if known.curve.name == key.curve.name:
            return known
    raise KeyInvalid(f"only the curves {', '.join(_CURVES)} are taken")


def _public_numbers(jwk: JsonWebKey) -> AnyPublicKey:
    try:
        if jwk.kty == "RSA":
            return _rsa_public_numbers(jwk).public_key()
        if jwk.kty == "EC" and jwk.crv in _CURVES:
            curve = _CURVES[jwk.crv]
            x, y = (_number(part, curve.octets) for part in (jwk.x, jwk.y))
            return ec.EllipticCurvePublicNumbers(x, y, curve.curve).public_key()
    except KeyInvalid:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyInvalid(f"the members of the key do not make one: {error}") from None
    raise KeyInvalid("only keys of kty RSA, and EC on P-256, P-384 and P-521, are taken")


def _private_numbers(jwk: JsonWebKey) -> AnyPrivateKey:
    if not jwk.d:
        raise KeyInvalid("it is no private key: it has no d")
    public, d = _public_numbers(jwk), _number(jwk.d)
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            numbers = ec.EllipticCurvePrivateNumbers(d, public.public_numbers())
            return numbers.private_key()
        p, q = _number(jwk.p), _number(jwk.q)
        return rsa.RSAPrivateNumbers(
            p=p,
            q=q,
            d=d,
            dmp1=rsa.rsa_crt_dmp1(d, p),
            dmq1=rsa.rsa_crt_dmq1(d, q),
            iqmp=rsa.rsa_crt_iqmp(p, q),
            public_numbers=public.public_numbers(),
        ).private_key()
    except (ValueError, ZeroDivisionError):
        raise KeyInvalid("the private parts do not fit the public ones") from None


def _rsa_public_numbers(jwk: JsonWebKey) -> rsa.RSAPublicNumbers:
    """Sizes are looked at before anything is calculated with them."""
    if len(jwk.n) > len(encode(bytes(RSA_BITS_MAX // 8))):
        raise KeyInvalid(f"an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
    if len(jwk.e) > len(encode(bytes(EXPONENT_BITS_MAX // 8))):
        raise KeyInvalid(f"the exponent of an RSA key has at most {EXPONENT_BITS_MAX} bits")
    return rsa.RSAPublicNumbers(_number(jwk.e), _number(jwk.n))


def _number(text: str, octets: int | None = None) -> int:
    content = decode(text)
    if not content or (octets is not None and len(content) != octets):
        raise KeyInvalid("a member of the key is missing or has another length")
    return int.from_bytes(content, "big")


def _minimal_text(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
