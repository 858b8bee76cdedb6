"""Certificates that a token brings along (`x5c`), held against those that are trusted.

The rules of RFC 5280 as `cryptography` has them, for a purpose that no profile names: any usage,
any subject. A certificate that is trusted itself needs no issuer.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

CHAIN_LENGTH_MAX: Final = 8
"""Certificates in one header, so that a search for paths stays small."""

_REASON_LENGTH_MAX: Final = 200


class ChainInvalid(Exception):
    """The certificates lead to none that is trusted; the text is for the log."""


class TrustedRoots:
    """The certificates that an operator trusts."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._certificates = frozenset(certificates)
        self._store = Store(list(certificates)) if certificates else None

    def leaf(self, chain: Sequence[str], now: datetime) -> x509.Certificate:
        """The first certificate of `x5c`, which is valid now. Raises ChainInvalid."""
        if not 0 < len(chain) <= CHAIN_LENGTH_MAX:
            raise ChainInvalid(f"x5c has {len(chain)} certificates")
        leaf, *others = (_certificate(text) for text in chain)
        if leaf in self._certificates:
            _check_dates(leaf, now)
        else:
            self._check_path(leaf, others, now)
        return leaf

    def _check_path(
        self, leaf: x509.Certificate, others: list[x509.Certificate], now: datetime
    ) -> None:
        if self._store is None:
            raise ChainInvalid("no certificates are trusted")
        policy = PolicyBuilder().store(self._store).time(now)
        policy = policy.max_chain_depth(CHAIN_LENGTH_MAX)
        policy = policy.extension_policies(ca_policy=_ISSUERS, ee_policy=_ANY)
        try:
            policy.build_client_verifier().verify(leaf, others)
        except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
            reason = str(error)[:_REASON_LENGTH_MAX]
            raise ChainInvalid(f"x5c leads to no trusted certificate: {reason!a}") from error


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        raise ChainInvalid("x5c holds something that is no certificate") from None


def _check_dates(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ChainInvalid("the certificate is not valid now")


def _check_is_issuer(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("a certificate that is no authority's has issued another")


def _check_may_issue(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("a key that must not sign certificates has signed one")


_ANY: Final = ExtensionPolicy.permit_all()
_ISSUERS: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _check_is_issuer)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_may_issue)
)
