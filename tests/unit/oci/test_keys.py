"""Keys: their ids, their forms, and which are refused (registry-facts §1.10)."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from layerstore.oci.keys import (
    PrivateKey,
    certified_key,
    checked,
    new_private_key,
    private_key,
    public_key,
)
from layerstore.oci.webkeys import CHANCE_BYTES, JsonWebKey, KeyInvalid, decode, encode
from tests.unit.oci.signers import KINDS, certificate, edwards_pem, host

VECTOR = JsonWebKey(
    kty="EC",
    crv="P-256",
    x="3gAwX48IQ5oaYQAYSxor6rYYc_6yjuLCjtQ9LUakg4A",
    y="t72ge6kIA1XOjqjVoEOiPPAURltJFBMGDSQvEGVB010",
)
VECTOR_ID = "OD6I:6DRK:JXEJ:KBM4:255X:NSAA:MUSF:E4VM:ZI6W:CUN2:L4Z6:LSF4"

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def with_members(**members: Any) -> JsonWebKey:
    return msgspec.structs.replace(VECTOR, **members)


def private_jwk(key: PrivateKey) -> dict[str, str]:
    """A private key in the form in which the original reads one from a file."""
    members = msgspec.to_builtins(key.public.jwk)
    if isinstance(key.key, rsa.RSAPrivateKey):
        numbers = key.key.private_numbers()
        parts = {"d": numbers.d, "p": numbers.p, "q": numbers.q}
    else:
        parts = {"d": key.key.private_numbers().private_value}
    texts = {name: encode(n.to_bytes((n.bit_length() + 7) // 8)) for name, n in parts.items()}
    return dict(members) | texts


def test_the_id_is_that_of_the_vector() -> None:
    assert public_key(VECTOR).id == VECTOR_ID
    assert public_key(with_members(kid=VECTOR_ID)).id == VECTOR_ID


def test_another_id_than_the_key_s_own_is_refused() -> None:
    with pytest.raises(KeyInvalid, match=VECTOR_ID):
        public_key(with_members(kid=host().public.id))


def test_members_are_written_in_alphabetical_order() -> None:
    elliptic = msgspec.json.decode(msgspec.json.encode(public_key(VECTOR).jwk))
    assert list(elliptic) == ["crv", "kid", "kty", "x", "y"]
    plain = msgspec.json.decode(msgspec.json.encode(host("RSA").public.jwk))
    assert list(plain) == ["e", "kid", "kty", "n"]
    assert plain["e"] == "AQAB"


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_survives_its_form_as_json(kind: str) -> None:
    key = host(kind).public
    assert public_key(key.jwk) == key
    assert public_key(key.jwk).jwk == key.jwk


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_is_read_from_json_and_from_pem(kind: str) -> None:
    key = host(kind)
    as_json = msgspec.json.encode(private_jwk(key))
    for content in (as_json, b"\n" + as_json, key.as_pem()):
        read = private_key(content)
        assert read.public == key.public
        assert key.public.holds(read.sign(b"message"), b"message", read.algorithm)


def test_a_private_key_is_read_from_the_older_form_of_pem() -> None:
    older = host("RSA").key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    assert private_key(older).public == host("RSA").public


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"{",
        b"[" * 100_000,
        b'{"kty":' * 100_000,
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        msgspec.json.encode(VECTOR),
        msgspec.json.encode(with_members(d="AQ")),
        edwards_pem(),
        host().key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        ),
        msgspec.json.encode(private_jwk(host("RSA")) | {"p": "AA", "q": "AA"}),
    ],
)
def test_what_is_no_private_key_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(KeyInvalid, match=r"\w+ \w+"):
        private_key(content)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"kty": "oct", "k": "AAAA"}, "symmetric"),
        ({"d": "AAAA"}, "private parts"),
        ({"k": "AAAA"}, "private parts"),
        ({"crv": "P-192"}, "kty"),
        ({"crv": "secp256k1"}, "kty"),
        ({"kty": "OKP", "crv": "Ed25519"}, "kty"),
        ({"x": ""}, "missing"),
        ({"x": encode(bytes(31))}, "another length"),
        ({"x": encode(bytes(32))}, "do not make one"),
        ({"x": VECTOR.x + "="}, "base64"),
        ({"x": "!" * 43}, "base64"),
        ({"x": "\u2028" * 43}, "do not make one"),
    ],
)
def test_a_key_that_verifies_nothing_is_refused(members: dict[str, str], words: str) -> None:
    with pytest.raises(KeyInvalid, match=words):
        public_key(with_members(**members))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"n": encode(b"\xff" * 2048)}, "bits"),
        ({"n": encode(b"\x03" * 128)}, "bits"),
        ({"n": ""}, "missing"),
        ({"e": encode(b"\x01" * 5)}, "exponent"),
        ({"e": ""}, "missing"),
        ({"e": encode(b"\x02")}, "do not make one"),
    ],
)
def test_a_weak_or_huge_rsa_key_is_refused(members: dict[str, str], words: str) -> None:
    jwk = msgspec.structs.replace(host("RSA").public.jwk, kid="", **members)
    with pytest.raises(KeyInvalid, match=words):
        public_key(jwk)


def test_a_curve_that_is_not_taken_is_refused_in_any_form() -> None:
    with pytest.raises(KeyInvalid, match="P-256, P-384, P-521"):
        checked(ec.generate_private_key(ec.SECP256K1()).public_key())


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_of_a_certificate_is_that_of_its_owner(kind: str) -> None:
    assert certified_key(certificate(host(kind))) == host(kind).public


@pytest.mark.parametrize(
    "text", ["", "AAAA", "not base64!", base64.b64encode(b"\x30\x82").decode()]
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(KeyInvalid, match="certificate"):
        certified_key(text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_holds_for_its_message_key_and_algorithm_only(kind: str) -> None:
    key = host(kind)
    content = key.sign(b"message")
    assert key.public.holds(content, b"message", key.algorithm)
    assert not key.public.holds(content, b"another", key.algorithm)
    assert not host(kind, 1).public.holds(content, b"message", key.algorithm)
    assert not key.public.holds(content[:-1], b"message", key.algorithm)
    assert not key.public.holds(b"", b"message", key.algorithm)
    for algorithm in ("none", "", "HS256", "ES256K", "PS256", key.algorithm.lower()):
        assert not key.public.holds(content, b"message", algorithm)


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("P-256", ("ES256",)),
        ("P-384", ("ES384",)),
        ("P-521", ("ES512",)),
        ("RSA", ("RS256", "RS384", "RS512")),
    ],
)
def test_algorithms_fit_their_keys(kind: str, algorithms: tuple[str, ...]) -> None:
    assert host(kind).public.algorithms == algorithms
    assert host(kind).algorithm == algorithms[0]


@pytest.mark.parametrize(("kind", "octets"), [("P-256", 64), ("P-384", 96), ("P-521", 132)])
def test_an_elliptic_signature_has_a_fixed_width(kind: str, octets: int) -> None:
    assert {len(host(kind).sign(bytes([number]))) for number in range(20)} == {octets}


def test_base64_has_one_spelling_only() -> None:
    assert decode(encode(b"\xfb\xff")) == b"\xfb\xff"
    for text in ("-_9", "-_8=", "+/8", "-_ 8", "-", "\u00e9"):
        with pytest.raises(ValueError, match=r"base64|ASCII"):
            decode(text)


def test_a_new_key_comes_from_chance_alone() -> None:
    chance = bytes(range(CHANCE_BYTES))
    assert new_private_key(chance).public == new_private_key(chance).public
    assert new_private_key(chance).public != new_private_key(chance[::-1]).public
    assert new_private_key(chance).algorithm == "ES256"


@pytest.mark.parametrize("chance", [bytes(CHANCE_BYTES), (ORDER - 1).to_bytes(CHANCE_BYTES)])
def test_a_new_key_is_one_whatever_chance_says(chance: bytes) -> None:
    key = new_private_key(chance)
    assert key.public.holds(key.sign(b"message"), b"message", "ES256")


def test_a_new_key_takes_enough_chance() -> None:
    with pytest.raises(ValueError, match=str(CHANCE_BYTES)):
        new_private_key(bytes(CHANCE_BYTES - 1))
