"""The keys whose tokens are believed: from `rootcertbundle` and `jwks`, each found by its ids.

A key answers to the id of version 2 of the original, to the thumbprint of RFC 7638 that version 3
asks for, and to the `kid` that a key file gives it: both kinds of token service can go on.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import structs

from layerstore.auth.access import AuthorityUnusable
from layerstore.auth.bearer import TokenInvalid
from layerstore.auth.chains import ChainInvalid, TrustedRoots
from layerstore.auth.jws import Header, KeyHint, SigningKey
from layerstore.auth.watched import WatchedFile
from layerstore.oci.keys import PublicKey, checked, key_id, public_key
from layerstore.oci.webkeys import JsonWebKey, KeyInvalid, decode, encode

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a bundle, and of a key file."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class _Bundle:
    """What a file of certificates says."""

    def __init__(self, certificates: list[x509.Certificate]) -> None:
        self.roots = TrustedRoots(certificates)
        self.keys = _by_ids(_certified(certificates))


class TrustedKeys:
    """The keys in one or two files, as they are now. Raises AuthorityUnusable."""

    def __init__(self, bundle: Path | None, jwks: Path | None) -> None:
        if bundle is None and jwks is None:
            raise AuthorityUnusable("auth.token: one of rootcertbundle and jwks has to be given")
        self._bundle = _watched("rootcertbundle", bundle, parse_bundle) if bundle else None
        self._jwks = _watched("jwks", jwks, parse_jwks) if jwks else None

    def key_for(self, header: Header, now: datetime) -> SigningKey:
        """The trusted key that the header points to. Raises TokenInvalid.

        The first of `x5c`, `jwk`, `kid` that there is decides (registry-facts §2.11). A `jwk`
        names a key, by its `kid` or by what it is, and never brings one: CVE-2025-24976.
        """
        if header.x5c:
            return self._certified(header.x5c, now)
        if header.jwk is not None:
            return self._hinted(header.jwk, now)
        return self._named(header.kid)

    def edition(self) -> bytes:
        """Other bytes after every change of the files, which are looked at."""
        files = [file for file in (self._bundle, self._jwks) if file is not None]
        for file in files:
            file.value()
        return bytes(" ".join(str(file.changes) for file in files), "ascii")

    def _hinted(self, hint: KeyHint, now: datetime) -> SigningKey:
        if hint.x5c:
            return self._certified(hint.x5c, now)
        return self._named(hint.kid or _id_of(hint))

    def _certified(self, chain: tuple[str, ...], now: datetime) -> SigningKey:
        roots = self._bundle.value().roots if self._bundle else TrustedRoots([])
        try:
            return signing_key(roots.leaf(chain, now))
        except (ChainInvalid, KeyInvalid) as error:
            raise TokenInvalid(str(error)) from error

    def _named(self, kid: str) -> SigningKey:
        for keys in self._present():
            if kid in keys:
                return keys[kid]
        raise TokenInvalid(f"no trusted key has the id {kid[:80]!a}")

    def _present(self) -> Iterable[Mapping[str, SigningKey]]:
        if self._jwks:
            yield self._jwks.value()
        if self._bundle:
            yield self._bundle.value().keys


def _watched(key: str, path: Path, parse: Callable[[bytes], T]) -> WatchedFile[T]:
    return WatchedFile(f"auth.token.{key}", path, parse, bytes_max=FILE_BYTES_MAX)


def parse_bundle(content: bytes) -> _Bundle:
    """The certificates in a PEM file. Raises ValueError."""
    try:
        return _Bundle(x509.load_pem_x509_certificates(content))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("no certificates in the form PEM can be read from it") from error


def _certified(certificates: Iterable[x509.Certificate]) -> Iterable[SigningKey]:
    """The keys that can sign tokens; a root of another kind is still a root."""
    for certificate in certificates:
        try:
            yield signing_key(certificate)
        except KeyInvalid as error:
            _log.info("a trusted certificate's own key signs no tokens: %s", error)


def signing_key(certificate: x509.Certificate) -> SigningKey:
    """The key in a certificate. Raises KeyInvalid for one that signs no tokens."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyInvalid("its key is of an unknown kind") from error
    return key if isinstance(key, Ed25519PublicKey) else checked(key)


def _by_ids(keys: Iterable[SigningKey]) -> dict[str, SigningKey]:
    return {found: key for key in keys for found in ids_of(key)}


def ids_of(key: SigningKey) -> tuple[str, str]:
    """The id that version 2 of the original computes, and the thumbprint of RFC 7638."""
    if isinstance(key, Ed25519PublicKey):
        return key_id(key), _thumbprint(_edwards_jwk(key))
    return key.id, _thumbprint(key.jwk)


def _id_of(hint: KeyHint) -> str:
    """The id of a key that a header shows without one. Raises TokenInvalid."""
    try:
        key = _edwards_key(hint) if hint.kty == "OKP" else public_key(hint)
    except KeyInvalid as error:
        raise TokenInvalid(f"its jwk is no key: {error}") from error
    return ids_of(key)[0]


def _edwards_jwk(key: Ed25519PublicKey) -> JsonWebKey:
    """RFC 8037 §2."""
    return JsonWebKey(
        crv="Ed25519", kty="OKP", x=encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    )


def _thumbprint(jwk: JsonWebKey) -> str:
    """JsonWebKey writes its members in the order, and the form, that RFC 7638 §3 asks for."""
    return encode(hashlib.sha256(msgspec.json.encode(structs.replace(jwk, kid=""))).digest())


class _KeyOfSet(JsonWebKey, frozen=True):
    use: str = "sig"


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[msgspec.Raw]


def parse_jwks(content: bytes) -> dict[str, SigningKey]:
    """The keys in a file of keys (RFC 7517 §5) by all their ids. Raises ValueError.

    What cannot be used (symmetric, private, of an unknown kind, for encryption) is passed over
    with a warning, as RFC 7517 §5 advises; at least one has to remain.
    """
    try:
        entries = msgspec.json.decode(content, type=_KeySet).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("it is no set of JSON Web Keys") from error
    keys: dict[str, SigningKey] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            keys |= _entry(entry)
        except KeyInvalid as error:
            _log.warning("jwks: key %d is passed over: %s", number, error)
    if not keys:
        raise ValueError("none of its keys can verify a token")
    return keys


def _entry(entry: msgspec.Raw) -> dict[str, SigningKey]:
    try:
        jwk = msgspec.json.decode(entry, type=_KeyOfSet)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise KeyInvalid("it is no JSON Web Key") from None
    if jwk.use != "sig":
        raise KeyInvalid("it is not meant for signatures")
    key = _edwards_key(jwk) if jwk.kty == "OKP" else _key_without_id(jwk)
    return _by_ids([key]) | ({jwk.kid: key} if jwk.kid else {})


def _key_without_id(jwk: JsonWebKey) -> PublicKey:
    """A key file may call its keys what it likes."""
    return public_key(structs.replace(jwk, kid=""))


def _edwards_key(jwk: JsonWebKey) -> Ed25519PublicKey:
    if jwk.is_private:
        raise KeyInvalid("the key holds private parts; whoever owns it should replace it")
    if jwk.crv != "Ed25519":
        raise KeyInvalid("of the Edwards curves only Ed25519 is taken")
    try:
        return Ed25519PublicKey.from_public_bytes(decode(jwk.x))
    except ValueError:
        raise KeyInvalid("its x is no point of the curve") from None
