"""Tokens of every good form, and with every fault, as a token service or a forger would make them.

Made by `cryptography` alone (tests/issuer.py). What is trusted: a bundle with a certificate of its
own for each of two keys and a root, and a key file with one more.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.issuer import ISSUER, SERVICE, Signer, as_part, b64, certificate, claims, pem, x5c

Entries = Sequence[Mapping[str, Any]]
Issued = tuple[x509.Certificate, Signer]


@cache
def key(name: str, algorithm: str = "ES256") -> Signer:
    """The key of somebody; making them is slow."""
    return Signer.new(algorithm)


@dataclass(frozen=True)
class TokenWorld:
    """A token service at a moment, those whom the registry trusts, and those whom it does not."""

    now: datetime
    slack_s: int = 0
    """By how many seconds faults of time are worse than they need be, for clocks that go on."""

    def trust(self, folder: Path) -> dict[str, str]:
        """The section `auth.token` of a registry that trusts the service."""
        own = [certificate(key("own"), self.now), certificate(key("rsa", "RS256"), self.now)]
        bundle, keys = folder / "bundle.pem", folder / "keys.json"
        bundle.write_bytes(pem(*own, self._root()[0]))
        keys.write_text(json.dumps({"keys": [key("file", "EdDSA").jwk | {"kid": "named"}]}))
        return {
            "realm": "https://auth.example/token",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(bundle),
            "jwks": str(keys),
        }

    def _root(self, name: str = "root", **more: Any) -> Issued:
        made = certificate(key(name), self.now, name="root", is_authority=True, **more)
        return made, key(name)

    def _middle(self, by: Issued, *, is_authority: bool = True, **more: Any) -> Issued:
        signer = key("middle")
        made = certificate(
            signer, self.now, name="middle", issuer=by, is_authority=is_authority, **more
        )
        return made, signer

    def _leaf(self, by: Issued, **more: Any) -> x509.Certificate:
        return certificate(key("leaf"), self.now, name="leaf", issuer=by, **more)

    def _said(self, entries: Entries, **changes: Any) -> dict[str, Any]:
        return claims(self.now, access=list(entries), **changes)

    def good(self, entries: Entries, sub: str = "alice") -> dict[str, str]:
        """Authorization headers that are to be believed, by their form."""
        own, file, rsa, leaf = key("own"), key("file", "EdDSA"), key("rsa", "RS256"), key("leaf")
        said, second = self._said(entries, sub=sub), int(self.now.timestamp())
        middle = self._middle(self._root())
        chain = x5c(self._leaf(middle), middle[0])
        pss = Signer(rsa.key, "PS256")
        leeway = self._said(
            entries, sub=sub, exp=second - max(0, 30 - self.slack_s), nbf=second + 30
        )
        several = self._said(entries, sub=sub, aud=["another.example", SERVICE])
        tokens = {
            "thumbprint": own.token(said, kid=own.thumbprint),
            "libtrust id": own.token(said, kid=own.libtrust_id),
            "name in the key file": file.token(said, kid="named"),
            "thumbprint of the key file": file.token(said, kid=file.thumbprint),
            "RSA": rsa.token(said, kid=rsa.thumbprint),
            "RSA with PSS": pss.token(said, kid=rsa.libtrust_id),
            "a chain": leaf.token(said, x5c=chain),
            "a chain with its root": leaf.token(said, x5c=[*chain, *x5c(self._root()[0])]),
            "a key that is only named": own.token(said, jwk=own.jwk | {"kid": own.libtrust_id}),
            "a key without a name": own.token(said, jwk=own.jwk),
            "a key with a chain": leaf.token(said, jwk=leaf.jwk | {"x5c": chain}),
            "several audiences": own.token(several, kid=own.thumbprint),
            "clocks that differ": own.token(leeway, kid=own.thumbprint),
        }
        return {form: f"Bearer {token}" for form, token in tokens.items()}

    def bad(self, entries: Entries) -> dict[str, str]:
        """Authorization headers that must not be believed, by their fault."""
        faults = {
            **self._claims_at_fault(entries),
            **self._signatures_at_fault(entries),
            **self._algorithms_at_fault(entries),
            **self._hints_at_fault(entries),
            **self._chains_at_fault(entries),
            **self._forms_at_fault(entries),
        }
        return {fault: f"Bearer {token}" for fault, token in faults.items()} | {
            "another scheme": "Token " + self._plain(entries),
            "as a password": "Basic " + self._plain(entries),
            "a scheme twice": "Bearer Bearer " + self._plain(entries),
            "a bearer of nothing": "Bearer",
        }

    def _plain(self, entries: Entries, **header: Any) -> str:
        own = key("own")
        return own.token(self._said(entries), kid=own.thumbprint, **header)

    def _claims_at_fault(self, entries: Entries) -> dict[str, str]:
        second, own = int(self.now.timestamp()), key("own")
        changes: dict[str, dict[str, Any]] = {
            "expired": {"exp": second - 61 - self.slack_s},
            "no end": {"exp": None},
            "an end in words": {"exp": str(second + 300)},
            "not yet": {"nbf": second + 61 + self.slack_s},
            "another issuer": {"iss": "another.example"},
            "no issuer": {"iss": None},
            "another audience": {"aud": "another.example"},
            "other audiences": {"aud": ["another.example", SERVICE + "."]},
            "no audience": {"aud": None},
            "entries that are none": {"access": {"type": "repository"}},
        }
        said = {fault: {**self._said(entries), **change} for fault, change in changes.items()}
        return {
            fault: own.token(
                {name: value for name, value in one.items() if value is not None},
                kid=own.thumbprint,
            )
            for fault, one in said.items()
        }

    def _signatures_at_fault(self, entries: Entries) -> dict[str, str]:
        head, body, signature = self._plain(entries).split(".")
        more = self._said([*entries, {"type": "repository", "name": "more", "actions": ["*"]}])
        return {
            "a stranger's signature": key("stranger").token(
                self._said(entries), kid=key("own").thumbprint
            ),
            "a signature that is cut": f"{head}.{body}.{signature[:-4]}",
            "no signature": f"{head}.{body}.",
            "the signature of other claims": f"{head}.{as_part(more)}.{signature}",
            "the signature of another head": ".".join(
                [as_part({"alg": "ES256", "kid": key("own").libtrust_id}), body, signature]
            ),
        }

    def _algorithms_at_fault(self, entries: Entries) -> dict[str, str]:
        own, rsa = key("own"), key("rsa", "RS256")
        said = as_part(self._said(entries))
        public = rsa.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

        def symmetric(secret: bytes, **header: Any) -> str:
            signed = as_part({"alg": "HS256", "typ": "JWT", **header}) + "." + said
            return f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"

        none = {"alg": "none", "kid": own.thumbprint}
        return {
            "no algorithm": f"{as_part(none)}.{said}.",
            "no algorithm, and a signature": own.token(self._said(entries), **none),
            "none in capitals": f"{as_part(none | {'alg': 'NONE'})}.{said}.",
            "a public key as a password": symmetric(public, kid=rsa.thumbprint),
            "a public key as a password, DER": symmetric(rsa.public_der, kid=rsa.libtrust_id),
            "an empty password": symmetric(b"", kid="named"),
            "a password that is brought along": symmetric(
                b"mine", jwk={"kty": "oct", "k": b64(b"mine"), "kid": rsa.thumbprint}
            ),
            "the algorithm of another kind of key": self._plain(entries, alg="RS256"),
            "another curve": self._plain(entries, alg="ES384"),
            "an algorithm that nobody knows": self._plain(entries, alg="ES999"),
        }

    def _hints_at_fault(self, entries: Entries) -> dict[str, str]:
        own, stranger, said = key("own"), key("stranger"), self._said(entries)
        return {
            "no hint": own.token(said),
            "an empty kid": own.token(said, kid=""),
            "an unknown kid": own.token(said, kid="another"),
            "a stranger's own kid": stranger.token(said, kid=stranger.thumbprint),
            "a stranger's key": stranger.token(said, jwk=stranger.jwk),
            "a stranger's key under a trusted name": stranger.token(
                said, jwk=stranger.jwk | {"kid": own.thumbprint}
            ),
            "a kid beside an unknown key": own.token(
                said, kid=own.thumbprint, jwk=stranger.jwk | {"kid": stranger.thumbprint}
            ),
        }

    def _chains_at_fault(self, entries: Entries) -> dict[str, str]:
        root, strangers, leaf = self._root(), self._root("strangers"), key("leaf")
        middle = self._middle(root)
        chains = {
            "a leaf that has expired": [self._leaf(middle, days=(-30, -1)), middle[0]],
            "a leaf of tomorrow": [self._leaf(middle, days=(1, 30)), middle[0]],
            "an issuer that has expired": self._below(self._middle(root, days=(-30, -1))),
            "an issuer that is no authority": self._below(self._middle(root, is_authority=False)),
            "a root of the same name": self._below(self._middle(strangers)),
            "a root that is brought along": [*self._below(self._middle(strangers)), strangers[0]],
            "a missing issuer": [self._leaf(middle)],
            "issuers the wrong way round": [middle[0], self._leaf(middle)],
            "too long": [self._leaf(middle), *[middle[0]] * 9],
            "only itself": [certificate(leaf, self.now)],
        }
        said, good = self._said(entries), x5c(*self._below(middle))
        found = {fault: leaf.token(said, x5c=x5c(*chain)) for fault, chain in chains.items()}
        return {f"chain: {fault}": token for fault, token in found.items()} | {
            "chain: of somebody else": key("stranger").token(said, x5c=good),
            "chain: no certificates": leaf.token(said, x5c=[base64.b64encode(b"no").decode()]),
            "chain: bad, beside a good kid": key("own").token(
                said, x5c=x5c(certificate(leaf, self.now)), kid=key("own").thumbprint
            ),
        }

    def _below(self, middle: Issued) -> list[x509.Certificate]:
        return [self._leaf(middle), middle[0]]

    def _forms_at_fault(self, entries: Entries) -> dict[str, str]:
        own = key("own")
        whole = self._plain(entries)
        return {
            "critical members": self._plain(entries, crit=["exp"]),
            "two parts": whole.rpartition(".")[0],
            "four parts": f"{whole}.{b64(b'more')}",
            "claims that are a list": own.token([self._said(entries)], kid=own.thumbprint),
            "claims that are a text": own.token("claims", kid=own.thumbprint),
            "another alphabet": whole.replace(".", ",", 1),
            "too long": whole + "A" * 70_000,
        }
