"""The notary: signed manifests on their way in and out.

What is pushed is taken apart, and all that is wrong with it told at once; what is served is put
together from the payload and the signatures that hold. Where no signature is kept, as in trees of
2.5 to 2.8, the registry signs with its own key. Knows no storage: that is `signatures.py`.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from layerstore.clock import Clock
from layerstore.oci import schema1, signed
from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    ManifestInvalid,
    ManifestUnverified,
    MediaTypeUnsupported,
    RegistryError,
)
from layerstore.oci.manifest import REFERENCES_MAX, Manifest
from layerstore.oci.name import Name, Tag
from layerstore.oci.signed import Signature
from layerstore.oci.webkeys import CHANCE_BYTES

if TYPE_CHECKING:
    from layerstore.oci.keys import PrivateKey, PublicKey

_log = logging.getLogger(__name__)


class Submission(NamedTuple):
    """A manifest that somebody wants to push: what is to be stored, and what is wrong so far."""

    content: bytes
    manifest: Manifest
    signatures: Sequence[Signature] = ()
    errors: tuple[RegistryError, ...] = ()


class Witness(NamedTuple):
    """A stored signature: by whose key it is, or why it does not hold."""

    signature: Signature
    key: "PublicKey | None"
    reason: str = ""


class Notary:
    """Signs and verifies for all repositories.

    `takes_pushes` is `compatibility.schema1.enabled`. `key` gives the registry's key, which is
    asked for when it is needed first; without it one is made that lives as long as the notary.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        takes_pushes: bool = False,
        key: "Callable[[], PrivateKey] | None" = None,
    ) -> None:
        self._clock = clock
        self._takes_pushes = takes_pushes
        self._new_key = key or (lambda: _new_key(clock))
        self._key: PrivateKey | None = None

    def receive(
        self, document: bytes, name: Name, tags: Sequence[Tag], *, layers_max: int = REFERENCES_MAX
    ) -> Submission:
        """Take a pushed document apart; whatever is wrong in it stands in the submission.

        Raises MediaTypeUnsupported while pushes are switched off, and ManifestInvalid or
        ManifestUnverified for what is no signed document at all.
        """
        if not self._takes_pushes:
            raise MediaTypeUnsupported(
                message="schema 1 manifests are not taken here; push schema 2 or OCI manifests, or"
                " set compatibility.schema1.enabled to true to allow them"
            )
        payload, signatures = signed.split(document)
        facts = schema1.parse(payload, layers_max=layers_max)
        schema1.check_members(payload)
        verified, errors = _verified(payload, signatures)
        errors = [*facts.mismatches(name, tags), *errors]
        return Submission(payload, facts.manifest, tuple(verified), tuple(errors))

    def issue(self, payload: bytes, signatures: Iterable[Signature]) -> bytes:
        """The document to serve: the payload with every signature that holds, or with ours.

        Raises ManifestInvalid for a payload that cannot be signed.
        """
        witnesses = [self.judge(payload, signature) for signature in signatures]
        holding = [witness.signature for witness in witnesses if witness.key is not None]
        if len(holding) < len(witnesses):
            _log.warning("%s has signatures that do not hold", Digest.of(payload))
        return signed.join(payload, holding or [self._sign(payload)])

    def judge(self, payload: bytes, signature: Signature) -> Witness:
        """Whether a signature holds."""
        try:
            return Witness(signature, signed.verify(payload, signature))
        except ManifestUnverified as error:
            return Witness(signature, None, reason_of(error))

    @property
    def key(self) -> "PrivateKey":
        """The key that this registry signs with."""
        if self._key is None:
            self._key = self._new_key()
        return self._key

    def _sign(self, payload: bytes) -> Signature:
        return signed.sign(payload, self.key, self._clock.now())


def _new_key(clock: Clock) -> "PrivateKey":
    from layerstore.oci.keys import new_private_key  # 9 MiB, for who signs

    return new_private_key(clock.token(CHANCE_BYTES))


def reason_of(error: ManifestUnverified) -> str:
    """Why a signature does not hold, in words."""
    return str(error.detail.get("reason", "")) if isinstance(error.detail, dict) else error.text


def _verified(
    payload: bytes, signatures: Sequence[Signature]
) -> tuple[list[Signature], list[RegistryError]]:
    """The signatures as they are kept, and those that do not hold as errors."""
    verified: list[Signature] = []
    errors: list[RegistryError] = []
    for signature in signatures:
        try:
            verified.append(signed.normal(payload, signature))
        except (ManifestUnverified, ManifestInvalid) as error:
            errors.append(error)
    return verified, errors
