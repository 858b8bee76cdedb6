"""Certificates that tokens bring along: which lead to a trusted one, and which do not."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from layerstore.auth.chains import CHAIN_LENGTH_MAX, ChainInvalid, TrustedRoots
from tests.fakes import EPOCH
from tests.issuer import Signer, certificate, x5c
from tests.unit.auth.tokens import signer

Issued = tuple[x509.Certificate, Signer]


@dataclass(frozen=True)
class Family:
    """A root, what it issued, and what that issued."""

    root: Issued
    middle: Issued
    leaf: Issued


def usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, sign_certificates, False, False, False)


@pytest.fixture(scope="module")
def family() -> Family:
    root = certificate(signer("ES256", 10), EPOCH, name="root", is_authority=True)
    top = (root, signer("ES256", 10))
    middle = certificate(signer("RS256"), EPOCH, name="middle", issuer=top, is_authority=True)
    between = (middle, signer("RS256"))
    leaf = certificate(signer("ES384"), EPOCH, name="leaf", issuer=between)
    return Family(top, between, (leaf, signer("ES384")))


def test_a_chain_to_a_trusted_root_gives_its_first_certificate(family: Family) -> None:
    roots = TrustedRoots([family.root[0]])
    chain = x5c(family.leaf[0], family.middle[0])
    assert roots.leaf(chain, EPOCH) == family.leaf[0]
    assert roots.leaf([*chain, *x5c(family.root[0])], EPOCH) == family.leaf[0]


def test_a_trusted_certificate_needs_no_issuer(family: Family) -> None:
    """As most token services have it: one self-made certificate that is no authority's."""
    for constraints in (None, True, False):
        own = certificate(signer(), EPOCH, is_authority=constraints)
        assert TrustedRoots([own]).leaf(x5c(own), EPOCH) == own
    leaf = family.leaf[0]
    assert TrustedRoots([leaf]).leaf(x5c(leaf), EPOCH) == leaf


def test_a_trusted_certificate_has_its_days(family: Family) -> None:
    own = certificate(signer(), EPOCH, days=(-2, 2))
    for days, good in ((-3, False), (-1, True), (1, True), (3, False)):
        if good:
            assert TrustedRoots([own]).leaf(x5c(own), EPOCH + timedelta(days=days)) == own
        else:
            with pytest.raises(ChainInvalid, match="not valid now"):
                TrustedRoots([own]).leaf(x5c(own), EPOCH + timedelta(days=days))


def refused(roots: list[x509.Certificate], *chain: x509.Certificate) -> None:
    with pytest.raises(ChainInvalid):
        TrustedRoots(roots).leaf(x5c(*chain), EPOCH)


def test_a_stranger_is_refused(family: Family) -> None:
    stranger = certificate(signer("ES256", 11), EPOCH, name="root", is_authority=True)
    theirs = certificate(signer(), EPOCH, issuer=(stranger, signer("ES256", 11)))
    refused([family.root[0]], stranger)
    refused([family.root[0]], theirs)
    refused([family.root[0]], theirs, stranger)
    refused([family.root[0]], theirs, family.root[0])
    refused([], family.leaf[0], family.middle[0], family.root[0])


def test_a_missing_link_is_refused(family: Family) -> None:
    refused([family.root[0]], family.leaf[0])
    refused([family.root[0]], family.leaf[0], family.root[0])


def test_who_is_no_authority_issues_nothing(family: Family) -> None:
    """Else whoever has any certificate of the root's could make himself more."""
    for issuer, constraints in ((family.leaf, None), (family.leaf, False)):
        forged = certificate(signer(), EPOCH, issuer=issuer, is_authority=constraints)
        refused([family.root[0]], forged, issuer[0], family.middle[0])
    for constraints in (None, False):
        root = certificate(signer("ES256", 12), EPOCH, name="r", is_authority=constraints)
        below = certificate(signer(), EPOCH, issuer=(root, signer("ES256", 12)))
        refused([root], below)


def test_a_key_that_must_not_sign_certificates_signs_none() -> None:
    for may, extension in (
        (True, usage(sign_certificates=True)),
        (False, usage(sign_certificates=False)),
    ):
        root = certificate(
            signer("ES256", 13),
            EPOCH,
            name="r",
            is_authority=True,
            extensions=[(extension, True)],
        )
        below = certificate(signer(), EPOCH, issuer=(root, signer("ES256", 13)))
        if may:
            assert TrustedRoots([root]).leaf(x5c(below), EPOCH) == below
        else:
            refused([root], below)


@pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
@pytest.mark.parametrize("which", ["middle", "leaf"])
def test_every_link_has_its_days(which: str, days: tuple[float, float], family: Family) -> None:
    if which == "middle":
        middle = certificate(
            signer("RS256"), EPOCH, name="m", issuer=family.root, is_authority=True, days=days
        )
        leaf = certificate(signer(), EPOCH, issuer=(middle, signer("RS256")))
        refused([family.root[0]], leaf, middle)
    else:
        refused([family.root[0]], certificate(signer(), EPOCH, issuer=family.root, days=days))


def test_a_leaf_of_the_right_issuers_name_and_a_wrong_signature_is_refused(
    family: Family,
) -> None:
    refused(
        [family.root[0]], certificate(signer(), EPOCH, issuer=(family.root[0], signer("ES256", 11)))
    )


def test_what_must_be_understood_and_is_not_is_refused(family: Family) -> None:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    for critical in (False, True):
        leaf = certificate(signer(), EPOCH, issuer=family.root, extensions=[(strange, critical)])
        if critical:
            refused([family.root[0]], leaf)
        else:
            assert TrustedRoots([family.root[0]]).leaf(x5c(leaf), EPOCH) == leaf


def test_what_is_understood_may_be_critical(family: Family) -> None:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (usage(sign_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), True),
        (x509.SubjectAlternativeName([x509.DNSName("auth.example")]), True),
    ]
    leaf = certificate(signer(), EPOCH, issuer=family.root, extensions=extensions)
    assert TrustedRoots([family.root[0]]).leaf(x5c(leaf), EPOCH) == leaf


def test_a_chain_is_as_long_as_it_may_be(family: Family) -> None:
    with pytest.raises(ChainInvalid, match="has 0 certificates"):
        TrustedRoots([family.root[0]]).leaf([], EPOCH)
    chain = x5c(*[family.leaf[0]] * (CHAIN_LENGTH_MAX + 1))
    with pytest.raises(ChainInvalid, match="has 9 certificates"):
        TrustedRoots([family.root[0]]).leaf(chain, EPOCH)


@pytest.mark.parametrize("text", ["", "!", "AAAA", "-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_is_refused(text: str, family: Family) -> None:
    with pytest.raises(ChainInvalid, match="no certificate"):
        TrustedRoots([family.root[0]]).leaf([text], EPOCH)
    with pytest.raises(ChainInvalid, match="no certificate"):
        TrustedRoots([family.root[0]]).leaf([*x5c(family.leaf[0]), text], EPOCH)
