"""The files of trusted keys, and by which names a key is found in them."""

import logging
from pathlib import Path

import pytest

from layerstore.auth import jws
from layerstore.auth.access import AuthorityUnusable
from layerstore.auth.bearer import TokenInvalid
from layerstore.auth.trust import TrustedKeys, parse_bundle, parse_jwks
from tests.fakes import EPOCH
from tests.issuer import Signer, as_part, b64, certificate, pem, x5c
from tests.unit.auth.tokens import signer, write_bundle, write_jwks

KINDS = ["ES256", "ES384", "ES512", "RS256", "EdDSA"]


def believed(keys: TrustedKeys, signed_by: Signer, **header: object) -> bool:
    """Whether a token with this header, signed by this key, is believed."""
    parts = jws.parse(signed_by.token({}, **header))
    try:
        parts.verify(keys.key_for(parts.header, EPOCH))
    except TokenInvalid:
        return False
    return True


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_certified_key_answers_to_both_of_its_ids(algorithm: str, tmp_path: Path) -> None:
    """Version 2 and version 3 of the original each know one of them."""
    keys = TrustedKeys(write_bundle(tmp_path, signer("RS256", 3), signer(algorithm)), None)
    for kid in (signer(algorithm).libtrust_id, signer(algorithm).thumbprint):
        assert believed(keys, signer(algorithm), kid=kid)
        assert not believed(keys, signer(algorithm, 1), kid=kid)


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_key_of_a_file_answers_to_its_name_too(algorithm: str, tmp_path: Path) -> None:
    one = signer(algorithm)
    keys = TrustedKeys(None, write_jwks(tmp_path, one.jwk | {"kid": "key of May", "use": "sig"}))
    for kid in ("key of May", one.libtrust_id, one.thumbprint):
        assert believed(keys, one, kid=kid)
    for kid in ("", "key of June", "key of May ", one.thumbprint.lower()):
        assert not believed(keys, one, kid=kid)


def test_an_id_of_the_original_is_computed_as_there(tmp_path: Path) -> None:
    """The vector of registry-facts §1.10, and that of RFC 8037 A.3."""
    elliptic = {
        "kty": "EC",
        "crv": "P-256",
        "x": "3gAwX48IQ5oaYQAYSxor6rYYc_6yjuLCjtQ9LUakg4A",
        "y": "t72ge6kIA1XOjqjVoEOiPPAURltJFBMGDSQvEGVB010",
    }
    edwards = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    ids = parse_jwks(write_jwks(tmp_path, elliptic, edwards).read_bytes()).keys()
    assert "OD6I:6DRK:JXEJ:KBM4:255X:NSAA:MUSF:E4VM:ZI6W:CUN2:L4Z6:LSF4" in ids
    assert "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" in ids


def test_a_header_without_a_hint_points_to_no_key(tmp_path: Path) -> None:
    keys = TrustedKeys(write_bundle(tmp_path, signer()), None)
    assert not believed(keys, signer())
    assert not believed(keys, signer(), kid="")


def test_a_key_in_a_header_is_never_believed(tmp_path: Path) -> None:
    """CVE-2025-24976: the id of a trusted key beside the members of the attacker's."""
    keys = TrustedKeys(write_bundle(tmp_path, signer()), write_jwks(tmp_path, signer().jwk))
    mallory = signer("ES256", 66)
    for kid in (signer().libtrust_id, signer().thumbprint, mallory.libtrust_id, "", "x"):
        assert not believed(keys, mallory, jwk=mallory.jwk | {"kid": kid})
        assert not believed(keys, mallory, jwk=mallory.jwk, kid=kid)
        assert not believed(keys, mallory, jwk=mallory.jwk | {"kid": kid}, kid=kid)


def test_a_key_in_a_header_may_name_a_trusted_one(tmp_path: Path) -> None:
    keys = TrustedKeys(write_bundle(tmp_path, signer()), None)
    for kid in (signer().libtrust_id, signer().thumbprint):
        assert believed(keys, signer(), jwk=signer().jwk | {"kid": kid})


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_key_in_a_header_that_has_no_name_is_found_by_what_it_is(
    algorithm: str, tmp_path: Path
) -> None:
    """As version 2 of the original does it; what is trusted is still the key of the file."""
    own, mallory = signer(algorithm), signer(algorithm, 66)
    keys = TrustedKeys(None, write_jwks(tmp_path, own.jwk))
    assert believed(keys, own, jwk=own.jwk)
    assert not believed(keys, mallory, jwk=own.jwk)
    assert not believed(keys, mallory, jwk=mallory.jwk)
    assert not believed(keys, own, jwk=own.jwk | {"kid": "unknown"})


@pytest.mark.parametrize("jwk", [{"kty": "EC"}, {"kty": "oct", "k": "AAAA"}, {"kty": "OKP"}])
def test_what_is_no_key_in_a_header_names_none(jwk: dict[str, str], tmp_path: Path) -> None:
    keys = TrustedKeys(write_bundle(tmp_path, signer()), None)
    assert not believed(keys, signer(), jwk=jwk)


def test_a_key_in_a_header_may_bring_its_certificates(tmp_path: Path) -> None:
    mallory = signer("ES256", 66)
    keys = TrustedKeys(write_bundle(tmp_path, signer()), None)
    own = certificate(signer(), EPOCH)
    (tmp_path / "bundle.pem").write_bytes(pem(own))
    theirs = certificate(mallory, EPOCH)
    assert believed(keys, signer(), jwk=signer().jwk | {"x5c": x5c(own)})
    assert not believed(keys, mallory, jwk=mallory.jwk | {"x5c": x5c(theirs)})
    assert not believed(keys, mallory, jwk=mallory.jwk | {"x5c": x5c(own)})


def test_certificates_in_a_header_decide_before_anything_else(tmp_path: Path) -> None:
    own = certificate(signer(), EPOCH)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pem(own))
    keys = TrustedKeys(bundle, write_jwks(tmp_path, signer("ES256", 1).jwk | {"kid": "1"}))
    theirs = certificate(signer("ES256", 1), EPOCH)
    assert believed(keys, signer(), x5c=x5c(own), kid="unknown")
    assert not believed(keys, signer("ES256", 1), x5c=x5c(theirs), kid="1")
    assert believed(keys, signer("ES256", 1), kid="1")


def test_a_bundle_that_is_changed_changes_who_is_believed(tmp_path: Path) -> None:
    keys = TrustedKeys(write_bundle(tmp_path, signer()), None)
    assert believed(keys, signer(), kid=signer().thumbprint)
    write_bundle(tmp_path, signer("RS256"), signer("EdDSA"))
    assert not believed(keys, signer(), kid=signer().thumbprint)
    assert believed(keys, signer("EdDSA"), kid=signer("EdDSA").thumbprint)


def test_a_key_file_that_is_changed_changes_who_is_believed(tmp_path: Path) -> None:
    keys = TrustedKeys(None, write_jwks(tmp_path, signer().jwk | {"kid": "old"}))
    write_jwks(tmp_path, signer("RS256").jwk | {"kid": "of autumn"})
    assert not believed(keys, signer(), kid="old")
    assert believed(keys, signer("RS256"), kid="of autumn")


def test_a_broken_file_leaves_the_keys_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = TrustedKeys(None, write_jwks(tmp_path, signer().jwk))
    (tmp_path / "jwks.json").write_text("{")
    assert believed(keys, signer(), kid=signer().thumbprint)
    assert "what it said before stays" in caplog.text


def test_without_any_file_nobody_could_be_believed() -> None:
    with pytest.raises(AuthorityUnusable, match="rootcertbundle and jwks"):
        TrustedKeys(None, None)


@pytest.mark.parametrize("content", [b"", b"nonsense", signer().pem, b"-----BEGIN CERTIFICATE"])
def test_a_bundle_holds_certificates(content: bytes) -> None:
    with pytest.raises(ValueError, match="no certificates"):
        parse_bundle(content)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[]}', b"\xff", b"[" * 100_000]
)
def test_a_key_file_holds_keys(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"no set of|none of its keys"):
        parse_jwks(content)


def unusable_keys() -> list[object]:
    rsa_key, elliptic, edwards = (signer(kind).jwk for kind in ("RS256", "ES256", "EdDSA"))
    return [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "1"},
        rsa_key | {"d": "AQAB"},
        edwards | {"d": "AAAA"},
        rsa_key | {"use": "enc"},
        rsa_key | {"n": b64(b"\x01" * 128)},
        elliptic | {"crv": "secp256k1"},
        elliptic | {"y": elliptic["x"]},
        edwards | {"crv": "X25519"},
        edwards | {"x": "AAAA"},
        {"kty": "future"},
        {},
        "text",
        5,
        {"kty": 5},
    ]


@pytest.mark.parametrize("key", unusable_keys(), ids=str)
def test_a_key_that_cannot_be_used_is_passed_over(
    key: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="none of its keys"):
        parse_jwks(write_jwks(tmp_path, key).read_bytes())
    keys = TrustedKeys(None, write_jwks(tmp_path, key, signer().jwk))
    assert believed(keys, signer(), kid=signer().thumbprint)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "jwks: key 1 is passed over" in caplog.text


def test_a_symmetric_key_in_a_file_makes_no_token_good(tmp_path: Path) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "1", "alg": "HS256"}
    keys = TrustedKeys(None, write_jwks(tmp_path, secret, signer().jwk))
    with pytest.raises(TokenInvalid):
        jws.parse(f"{as_part({'alg': 'HS256', 'kid': '1'})}.{as_part({})}.AAAA")
    assert not believed(keys, signer(), kid="1")
