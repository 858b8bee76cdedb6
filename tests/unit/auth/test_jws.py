"""Signatures: each algorithm with its own kind of key, and no other."""

import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from layerstore.auth import jws
from layerstore.auth.bearer import ALGORITHMS, TokenInvalid
from layerstore.auth.jws import SigningKey
from layerstore.oci.keys import checked
from tests.issuer import Signer, as_part, b64
from tests.unit.auth.tokens import signer

KINDS = sorted(ALGORITHMS)


def public(signer: Signer) -> SigningKey:
    key = signer.key.public_key()
    return key if isinstance(key, Ed25519PublicKey) else checked(key)


def pieces(token: str) -> list[str]:
    return token.split(".")


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_signature_holds_for_its_key_and_content_only(algorithm: str) -> None:
    token = signer(algorithm).token({"sub": "alice"}, kid="1")
    parts = jws.parse(token)
    parts.verify(public(signer(algorithm)))
    assert (parts.header.kid, json.loads(parts.payload)) == ("1", {"sub": "alice"})
    with pytest.raises(TokenInvalid, match="does not hold"):
        parts.verify(public(signer(algorithm, 1)))


@pytest.mark.parametrize(("algorithm", "other"), list(itertools.permutations(KINDS, 2)))
def test_a_header_cannot_choose_another_algorithm(algorithm: str, other: str) -> None:
    """Signed by one algorithm, said to be another."""
    parts = jws.parse(signer(algorithm).token({}, alg=other))
    with pytest.raises(TokenInvalid, match="does not hold"):
        parts.verify(public(signer(algorithm)))


@pytest.mark.parametrize(("algorithm", "other"), list(itertools.permutations(KINDS, 2)))
def test_a_key_of_another_kind_is_never_used(algorithm: str, other: str) -> None:
    """Each signature against the keys of all kinds: only its own verifies."""
    with pytest.raises(TokenInvalid, match="does not hold"):
        jws.parse(signer(algorithm).token({})).verify(public(signer(other)))


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_is_never_a_secret(name: str, algorithm: str) -> None:
    """The confusion of algorithms: a MAC whose key is the public key, in every form it has."""
    for secret in _forms(signer(algorithm)):
        signed = f"{as_part({'alg': name, 'typ': 'JWT'})}.{as_part({'sub': 'mallory'})}"
        mac = hmac.digest(secret, signed.encode(), getattr(hashlib, f"sha{name[2:]}"))
        with pytest.raises(TokenInvalid, match="is not taken"):
            jws.parse(f"{signed}.{b64(mac)}", frozenset({name}) | ALGORITHMS)


def _forms(signer: Signer) -> Iterator[bytes]:
    yield signer.public_der
    yield json.dumps(signer.jwk).encode()
    yield b""


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", "nOnE", "es256", "RS1", "dir"])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_a_token_without_an_algorithm_of_ours_is_not_taken(name: str, signature: str) -> None:
    with pytest.raises(TokenInvalid, match="is not taken"):
        jws.parse(f"{as_part({'alg': name})}.{as_part({})}.{signature}")


def test_only_the_algorithms_that_were_chosen_are_taken() -> None:
    token = signer("RS256").token({})
    with pytest.raises(TokenInvalid, match="RS256"):
        jws.parse(token, frozenset({"ES256"}))


def test_critical_members_that_are_not_understood_end_the_matter() -> None:
    for value in (["b64"], [], None, "exp"):
        with pytest.raises(TokenInvalid, match="critical"):
            jws.parse(signer().token({}, crit=value, b64=False))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: ".",
        lambda token: "..",
        lambda token: "...",
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token + ".AAAA",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace(".", "..", 1),
        lambda token: ".".join(pieces(token)[:2]),
        lambda token: ".".join(["e30", *pieces(token)[1:]]),
        lambda token: ".".join([b64(b"[]"), *pieces(token)[1:]]),
        lambda token: ".".join([b64(b'{"alg":5}'), *pieces(token)[1:]]),
        lambda token: ".".join([b64(b'{"alg":null}'), *pieces(token)[1:]]),
        lambda token: ".".join([b64(b"\xff\xfe"), *pieces(token)[1:]]),
        lambda token: ".".join([b64(b"[" * 40_000), *pieces(token)[1:]]),
        lambda token: ".".join([b64(b'{"alg":"ES256","x5c":"text"}'), *pieces(token)[1:]]),
        lambda token: ".".join([b64(b'{"alg":"ES256","jwk":[]}'), *pieces(token)[1:]]),
        lambda token: token + "A" * jws.TOKEN_LENGTH_MAX,
        lambda token: "ä" + token,
    ],
)
def test_what_is_no_token_is_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(TokenInvalid):
        jws.parse(spoil(signer().token({})))


def test_one_content_has_one_spelling() -> None:
    """Bits that base64 leaves over are zero, so that a token has no second form."""
    token = signer().token({"n": 1})
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    other = token[:-1] + alphabet[last ^ 1]
    with pytest.raises(TokenInvalid):
        jws.parse(other).verify(public(signer()))


def test_the_halves_of_an_elliptic_signature_have_their_width() -> None:
    head, body, signature = pieces(signer().token({}))
    for other in (signature[:-4], signature + "AAAA", "", b64(bytes(64)), b64(b"\xff" * 64)):
        with pytest.raises(TokenInvalid):
            jws.parse(f"{head}.{body}.{other}").verify(public(signer()))
