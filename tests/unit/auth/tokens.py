"""A token authority over files that a test writes, and keys that all tests share."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from layerstore.auth.token import TokenAuthority, TokenSettings
from tests.fakes import EPOCH, FakeClock
from tests.issuer import ISSUER, SERVICE, Signer, certificate, claims, pem

REALM = "https://auth.example/token"
PLAIN = f'Bearer realm="{REALM}",service="{SERVICE}"'


@cache
def signer(algorithm: str = "ES256", number: int = 0) -> Signer:
    """One key for each algorithm and number: making them is slow."""
    return Signer.new(algorithm)


def good_claims(**changes: Any) -> dict[str, Any]:
    return claims(EPOCH, **changes)


def write_bundle(folder: Path, *signers: Signer) -> Path:
    path = folder / "bundle.pem"
    path.write_bytes(pem(*(certificate(one, EPOCH) for one in signers)))
    return path


def write_jwks(folder: Path, *keys: object) -> Path:
    path = folder / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    return path


def token_authority(clock: FakeClock | None = None, **changes: Any) -> TokenAuthority:
    settings = {"realm": REALM, "service": SERVICE, "issuer": ISSUER} | changes
    return TokenAuthority(TokenSettings(**settings), clock if clock is not None else FakeClock())
