"""Signed documents: taken apart, judged, made, joined (registry-facts §1.10, Appendix C 2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from layerstore.oci import signed
from layerstore.oci.errors import ManifestInvalid, ManifestUnverified
from layerstore.oci.keys import PrivateKey
from layerstore.oci.signed import SIGNATURES_MAX, Signature, join, normal, split, verify
from layerstore.oci.webkeys import encode
from tests.unit.oci.signers import (
    KINDS,
    SIGNED_AT,
    certificate,
    changed,
    document,
    host,
    payload,
    signature_by,
)

CONTENT = b'{\n   "schemaVersion": 1,\n   "name": "a/b",\n   "tag": "t"\n}'
PROTECTED = (
    "eyJmb3JtYXRMZW5ndGgiOjU2LCJmb3JtYXRUYWlsIjoiQ24wIiwidGltZSI6IjIwMTUtMDEtMTRUMTg6MzA6MDBaIn0"
)
ENCODED = "ewogICAic2NoZW1hVmVyc2lvbiI6IDEsCiAgICJuYW1lIjogImEvYiIsCiAgICJ0YWciOiAidCIKfQ"


def protected(**members: Any) -> str:
    return encode(msgspec.json.encode(members))


def signatures(content: bytes) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(content)["signatures"]
    return entries


def test_what_is_signed_is_that_of_the_vector() -> None:
    made = signed.sign(CONTENT, host(), SIGNED_AT)
    assert made.protected == PROTECTED
    assert encode(CONTENT) == ENCODED
    digest = "c9287c8fe213b7080a10f3213c656088e2b40a32981c71d1fd63d61205be5fb6"
    assert hashlib.sha256(split(join(CONTENT, [made])).payload).hexdigest() == digest


def test_the_time_is_written_in_utc() -> None:
    there = SIGNED_AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    made = signed.sign(CONTENT, host(), there)
    assert made.protected == PROTECTED
    assert made.signed_at == SIGNED_AT


@pytest.mark.parametrize(
    "time", ["", "yesterday", "2015-01-14T18:30:00+01:00", "2015-01-14T18:30:00Z\x1b[2J"]
)
def test_a_time_in_another_form_is_none(time: str) -> None:
    part = protected(formatLength=56, formatTail="Cn0", time=time)
    assert Signature(signed.Header(alg="ES256"), "", part).signed_at is None


def test_the_document_goes_on_where_the_payload_s_last_member_ends() -> None:
    made = document(CONTENT)
    assert made.startswith(CONTENT[:56] + b',\n   "signatures": [\n      {\n         "header": {\n')
    assert made.endswith(b'"\n      }\n   ]\n}')
    entry = signatures(made)[0]
    assert list(entry) == ["header", "signature", "protected"]
    assert list(entry["header"]) == ["jwk", "alg"]


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        payload(),
        b'{"schemaVersion":1}',
        b'{\n"schemaVersion":1\n}',
        b'{\n\t"schemaVersion": 1\n}\n\n',
        b'{\r\n  "schemaVersion": 1\r\n}',
        b'  {"schemaVersion": 1 }  ',
        b'{\n "a": "\\"},",\n "b": {}}',
    ],
)
def test_a_payload_comes_back_byte_for_byte(content: bytes) -> None:
    made = document(content, host(), host("P-384"))
    taken = split(made)
    assert taken.payload == content
    assert join(content, taken.signatures) == made
    assert json.loads(made) == json.loads(content) | {"signatures": signatures(made)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_holds_and_tells_its_key(kind: str) -> None:
    taken = split(document(payload(), host(kind)))
    (signature,) = taken.signatures
    assert verify(taken.payload, signature) == host(kind).public
    assert signature.header.alg == host(kind).algorithm


@pytest.mark.parametrize(("algorithm", "method"), [("RS384", "SHA384"), ("RS512", "SHA512")])
def test_every_hash_of_an_rsa_key_holds(algorithm: str, method: str) -> None:
    key = host("RSA").key
    assert isinstance(key, rsa.RSAPrivateKey)
    usual = signed.sign(CONTENT, host("RSA"), SIGNED_AT)
    text = f"{usual.protected}.{ENCODED}".encode()
    content = key.sign(text, padding.PKCS1v15(), getattr(hashes, method)())
    header = signed.Header(jwk=usual.header.jwk, alg=algorithm)
    assert verify(CONTENT, Signature(header, encode(content), usual.protected))
    other = signed.Header(jwk=usual.header.jwk, alg="RS256")
    with pytest.raises(ManifestUnverified):
        verify(CONTENT, Signature(other, encode(content), usual.protected))


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_tells_the_key(kind: str) -> None:
    signature = signature_by(host(kind), CONTENT, x5c=(certificate(host(kind)),))
    assert verify(CONTENT, signature) == host(kind).public
    taken = split(join(CONTENT, [signature]))
    assert normal(taken.payload, taken.signatures[0]) == signature


def test_a_certificate_and_a_key_have_to_agree() -> None:
    chain = (certificate(host()),)
    agreeing = signature_by(host(), CONTENT, x5c=chain, jwk=host().public.jwk)
    assert verify(CONTENT, agreeing) == host().public
    differing = signature_by(host(), CONTENT, x5c=chain, jwk=host(number=1).public.jwk)
    with pytest.raises(ManifestUnverified, match="different keys"):
        verify(CONTENT, differing)


def with_header(**header: Any) -> Callable[[], bytes]:
    return lambda: changed(document(payload()), header=header)


def private_header() -> bytes:
    jwk = msgspec.to_builtins(host().public.jwk) | {"d": "AAAA"}
    return changed(document(payload()), header={"jwk": jwk})


def tampered_payload() -> bytes:
    return document(payload()).replace(b"amd64", b"arm64")


def signature_over_another_payload() -> bytes:
    other = signed.sign(payload(architecture="arm64"), host(), SIGNED_AT)
    return changed(document(payload()), signature=other.signature)


def swapped_keys() -> bytes:
    jwk = msgspec.to_builtins(host(number=1).public.jwk)
    return changed(document(payload()), header={"jwk": jwk})


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (tampered_payload, "not one of this payload"),
        (signature_over_another_payload, "not one of this payload"),
        (swapped_keys, "not one of this payload"),
        (with_header(alg="none"), "alg is not one of its key: ES256"),
        (with_header(alg="HS256"), "alg is not one of its key: ES256"),
        (with_header(alg="ES384"), "alg is not one of its key: ES256"),
        (with_header(alg="RS256"), "alg is not one of its key: ES256"),
        (with_header(alg=""), "alg is not one of its key: ES256"),
        (with_header(jwk=None), "brings no key"),
        (with_header(jwk={"kty": "oct", "k": "c2VjcmV0"}, alg="HS256"), "symmetric"),
        (with_header(jwk={"kty": "EC"}), "only keys of kty"),
        (with_header(x5c=["AAAA"]), "certificate"),
        (private_header, "private parts"),
        (lambda: changed(document(payload()), signature=""), "not one of this payload"),
        (lambda: changed(document(payload()), signature="A"), "base64"),
        (lambda: changed(document(payload()), signature="\u00fc"), "ASCII"),
    ],
)
def test_a_signature_that_does_not_hold_is_told_with_its_reason(
    made: Callable[[], bytes], reason: str
) -> None:
    taken = split(made())
    with pytest.raises(ManifestUnverified, match=reason):
        verify(taken.payload, taken.signatures[0])


@pytest.mark.parametrize(
    "content",
    [payload(), b"{}", b'{"signatures":[]}', b'{"signatures":null}'],
)
def test_a_document_without_a_signature_is_not_verified(content: bytes) -> None:
    with pytest.raises(ManifestUnverified, match="not signed"):
        split(content)


def with_form(**members: Any) -> bytes:
    usual = {"formatLength": len(payload()) - 2, "formatTail": "Cn0"}
    return changed(document(payload()), protected=protected(**(usual | members)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"signatures":{}}', "cannot be read"),
        (b'{"signatures":[1]}', "cannot be read"),
        (b'{"signatures":[{"header":{},"signature":"","protected":""}]}', "cannot be read"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"signatures":' + b"[" * 100_000, "cannot be read"),
        (document(b'{\n "name": "\xff"\n}'), "no document"),
        (with_form(formatLength=0), "does not lie in the document"),
        (with_form(formatLength=-1), "does not lie in the document"),
        (with_form(formatLength=1_000_000), "does not lie in the document"),
        (with_form(formatLength=10**30), "does not lie in the document"),
        (with_form(formatLength=1.5), "protected part"),
        (with_form(formatLength="56"), "protected part"),
        (with_form(formatLength=5), "no JSON object with members"),
        (with_form(formatTail=""), "no document"),
        (with_form(formatTail=encode(b',"b":1}')), "formatLength is not where"),
        (with_form(formatTail=encode(b"}")[:-1]), "no document"),
        (with_form(formatTail=encode(b',"signatures":[]}')), "holds signatures itself"),
        (with_form(formatTail=encode(b"," + b'"a":[' * 100_000)), "larger than is allowed"),
        (changed(document(payload()), protected="!"), "protected part"),
        (changed(document(payload()), protected=encode(b"[" * 9000)), "protected part"),
        (changed(document(payload()), protected=encode(b"{}")), "protected part"),
        (changed(document(payload()), header={"x5c": ["A"] * 9}), "larger than is allowed"),
        (changed(document(payload()), header={"x5c": ["A" * 40_000]}), "larger than is allowed"),
    ],
)
def test_what_is_no_signed_document_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ManifestInvalid, match=words):
        split(content)


def test_signatures_that_cover_different_payloads_conflict() -> None:
    short = signed.sign(payload(), host(), SIGNED_AT)
    shifted = protected(formatLength=short.form.length - 1, formatTail=short.form.tail)
    other = Signature(short.header, short.signature, shifted)
    with pytest.raises(ManifestInvalid, match="disagree"):
        split(
            join(payload(), [short, signed.sign(payload(), host("P-384"), SIGNED_AT)]).replace(
                b'"protected": "' + short.protected.encode(),
                b'"protected": "' + other.protected.encode(),
                1,
            )
        )


def test_more_signatures_than_allowed_are_refused() -> None:
    one = signed.sign(CONTENT, host(), SIGNED_AT)
    entries = msgspec.json.encode([one] * (SIGNATURES_MAX + 1))
    with pytest.raises(ManifestInvalid, match="more signatures than is allowed"):
        split(CONTENT[:56] + b',"signatures":' + entries + b"}")


def test_a_union_is_ordered_by_key_and_then_by_signature() -> None:
    hosts: list[PrivateKey] = [host(number=number) for number in range(4)]
    made = [signed.sign(CONTENT, key, SIGNED_AT) for key in hosts for _ in range(3)]
    whole = join(CONTENT, made)
    order = [(entry["header"]["jwk"]["kid"], entry["signature"]) for entry in signatures(whole)]
    assert order == sorted(order)
    assert len(order) == len(made)
    assert join(CONTENT, reversed(made)) == whole
    assert join(CONTENT, made + made) == whole


def test_one_signature_is_kept_under_one_digest_whatever_its_header_said() -> None:
    usual = signed.sign(CONTENT, host(), SIGNED_AT)
    jwk = msgspec.to_builtins(host().public.jwk)
    for other in (
        {"y": jwk["y"], "x": jwk["x"], "kty": "EC", "crv": "P-256"},
        jwk | {"use": "sig", "hosts": ["example"]},
    ):
        (entry,) = split(changed(document(CONTENT), header={"jwk": other})).signatures
        kept = normal(CONTENT, Signature(entry.header, usual.signature, usual.protected))
        assert kept.stored() == usual.stored()


def test_a_kept_signature_is_compact_and_comes_back() -> None:
    usual = signed.sign(CONTENT, host(), SIGNED_AT)
    content = usual.stored()
    assert content.startswith(b'{"header":{"jwk":{"crv":"P-256","kid":"')
    assert b" " not in content
    assert signed.read_signature(content) == usual


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"header":{"alg":"\xff"}}'])
def test_a_kept_signature_that_is_damaged_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        signed.read_signature(content)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{ }", b'{"a":1,}', b'"a"'])
def test_what_is_no_object_with_members_cannot_be_signed(content: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        signed.sign(content, host(), SIGNED_AT)


def test_a_signature_with_another_division_of_the_payload_does_not_hold() -> None:
    part = protected(formatLength=len(CONTENT), formatTail="")
    text = f"{part}.{ENCODED}".encode()
    made = Signature(
        signed.Header(jwk=host().public.jwk, alg="ES256"), encode(host().sign(text)), part
    )
    with pytest.raises(ManifestUnverified, match="another payload"):
        verify(CONTENT, made)
