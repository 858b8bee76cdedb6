"""JSON Web Signatures in the compact form (RFC 7515 §3.1): taken apart, and verified.

Public keys only. A symmetric algorithm, or none, is in no list here, so no setting switches it on:
whoever knows a public key could sign with it (bug museum: confusion of algorithms).
"""

from typing import Final, NamedTuple, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from layerstore.auth.bearer import ALGORITHMS, EDDSA, TokenInvalid
from layerstore.oci.keys import PublicKey
from layerstore.oci.webkeys import JsonWebKey, decode

_PSS_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "PS256": hashes.SHA256(),
    "PS384": hashes.SHA384(),
    "PS512": hashes.SHA512(),
}
TOKEN_LENGTH_MAX: Final = 64 * 1024
"""Characters of a token, beyond which it is not looked at."""

SigningKey: TypeAlias = PublicKey | Ed25519PublicKey


class KeyHint(JsonWebKey, frozen=True):
    """A key as a header shows it. It is never believed, only used to find a trusted one."""

    x5c: tuple[str, ...] = ()


class Header(msgspec.Struct, frozen=True):
    """What a token says of its signature (RFC 7515 §4.1)."""

    alg: str
    kid: str = ""
    x5c: tuple[str, ...] = ()
    jwk: KeyHint | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Signed(NamedTuple):
    """A token in its parts, none of them verified."""

    header: Header
    message: bytes
    signature: bytes
    payload: bytes

    def verify(self, key: SigningKey) -> None:
        """Raises TokenInvalid unless this key made the signature, by an algorithm that fits it."""
        if not _holds(key, self.header.alg, self.signature, self.message):
            raise TokenInvalid("the signature does not hold")


def parse(token: str, algorithms: frozenset[str] = ALGORITHMS) -> Signed:
    """The parts of a token whose algorithm is one of these. Raises TokenInvalid."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise TokenInvalid(f"longer than {TOKEN_LENGTH_MAX} characters")
    message, _, signature = token.rpartition(".")
    try:
        head, payload = (decode(part) for part in message.split("."))
        header = msgspec.json.decode(head, type=Header)
        parts = Signed(header, message.encode(), decode(signature), payload)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise TokenInvalid("not three parts of base64 with a header of JSON") from None
    if header.crit is not msgspec.UNSET:
        raise TokenInvalid("it has critical header members, which are not understood")
    if header.alg not in ALGORITHMS & algorithms:
        raise TokenInvalid(f"the algorithm {header.alg[:16]!a} is not taken")
    return parts


def _holds(key: SigningKey, algorithm: str, signature: bytes, message: bytes) -> bool:
    if isinstance(key, Ed25519PublicKey):
        return algorithm == EDDSA and _holds_edwards(key, signature, message)
    if algorithm in _PSS_HASHES:
        return isinstance(key.key, RSAPublicKey) and _holds_pss(
            key.key, _PSS_HASHES[algorithm], signature, message
        )
    return key.holds(signature, message, algorithm)


def _holds_edwards(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _holds_pss(
    key: RSAPublicKey, method: hashes.HashAlgorithm, signature: bytes, message: bytes
) -> bool:
    """The salt is as long as the hash (RFC 7518 §3.5)."""
    try:
        key.verify(signature, message, PSS(MGF1(method), method.digest_size), method)
    except InvalidSignature:
        return False
    return True
