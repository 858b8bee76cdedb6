"""No change of a token is believed, and no claims but good ones are."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from layerstore.auth.token import TokenAuthority, TokenSettings
from layerstore.oci.errors import Unauthorized
from tests.fakes import EPOCH, FakeClock
from tests.issuer import ISSUER, SERVICE, Signer, as_part, b64, certificate, claims, entry, pem, x5c

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KINDS = ("ES256", "EdDSA", "RS256", "PS256")
SIGNERS = {kind: Signer.new(kind) for kind in KINDS}
MALLORY = {kind: Signer.new(kind) for kind in KINDS}
NOW = int(EPOCH.timestamp())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TokenAuthority:
    path = tmp_path_factory.mktemp("tokens") / "bundle.pem"
    path.write_bytes(pem(*(certificate(one, EPOCH) for one in SIGNERS.values())))
    return made(path)


def made(bundle: Path) -> TokenAuthority:
    settings = TokenSettings(realm="r", service=SERVICE, issuer=ISSUER, bundle=bundle)
    return TokenAuthority(settings, FakeClock())


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def believed(runner: asyncio.Runner, authority: TokenAuthority, token: str) -> bool:
    try:
        runner.run(authority.authorize(f"Bearer {token}", (), "192.0.2.1"))
    except Unauthorized:
        return False
    return True


def good(kind: str) -> str:
    one = SIGNERS[kind]
    return one.token(claims(EPOCH, access=[entry("a", "pull")]), kid=one.thumbprint)


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A good token with one letter replaced, taken out or put in, or two parts exchanged."""
    token = good(draw(st.sampled_from(KINDS)))
    at = draw(st.integers(0, len(token) - 1))
    letter = draw(st.sampled_from(ALPHABET + ".=+/ \n%"))
    other = draw(
        st.sampled_from(
            [
                token[:at] + letter + token[at + 1 :],
                token[:at] + token[at + 1 :],
                token[:at] + letter + token[at:],
                ".".join(reversed(token.split("."))),
            ]
        )
    )
    assume(other.strip() != token)
    return other


@given(token=changed())
def test_no_changed_token_is_believed(
    token: str, runner: asyncio.Runner, authority: TokenAuthority
) -> None:
    assert not believed(runner, authority, token)


@st.composite
def forged(draw: st.DrawFn) -> str:
    """Good claims, signed by a key that nobody trusts, under any header one could think of."""
    kind = draw(st.sampled_from(KINDS))
    victim, mallory = SIGNERS[draw(st.sampled_from(KINDS))], MALLORY[kind]
    ids = st.sampled_from(
        [victim.thumbprint, victim.libtrust_id, mallory.thumbprint, mallory.libtrust_id, "", "x"]
    )
    chains = st.sampled_from(
        [
            x5c(certificate(victim, EPOCH)),
            x5c(certificate(mallory, EPOCH)),
            x5c(certificate(mallory, EPOCH), certificate(victim, EPOCH)),
            [],
        ]
    )
    keys = st.sampled_from([victim.jwk, mallory.jwk]).flatmap(
        lambda key: st.fixed_dictionaries({}, optional={"kid": ids, "x5c": chains}).map(
            lambda more: {**key, **more}
        )
    )
    header = draw(st.fixed_dictionaries({}, optional={"kid": ids, "x5c": chains, "jwk": keys}))
    algorithm = draw(st.sampled_from([kind, victim.algorithm, "none", "HS256", "PS384", "es256"]))
    return mallory.token(claims(EPOCH), **header, alg=algorithm)


@given(token=forged())
def test_nothing_that_another_key_signed_is_believed(
    token: str, runner: asyncio.Runner, authority: TokenAuthority
) -> None:
    assert not believed(runner, authority, token)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    changes=st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "access", "x"]),
        anything,
        max_size=3,
    )
)
def test_only_good_claims_are_believed(
    changes: dict[str, Any], runner: asyncio.Runner, authority: TokenAuthority
) -> None:
    """Whatever is signed is answered; it is believed only if it says what it must."""
    said = claims(EPOCH) | changes
    one = SIGNERS["EdDSA"]
    if believed(runner, authority, one.token(said, kid=one.thumbprint)):
        assert said["iss"] == ISSUER
        assert SERVICE in said["aud"]
        assert said["exp"] > NOW - 60
        assert said.get("nbf", 0) <= NOW + 60


@given(text=st.text(max_size=200) | st.binary(max_size=100).map(b64))
def test_any_text_is_answered(text: str, runner: asyncio.Runner, authority: TokenAuthority) -> None:
    assert not believed(runner, authority, text)


@given(head=anything, body=anything)
def test_any_document_is_answered(
    head: object, body: object, runner: asyncio.Runner, authority: TokenAuthority
) -> None:
    one = SIGNERS["EdDSA"]
    signed = f"{as_part(head)}.{as_part(body)}"
    assert not believed(runner, authority, f"{signed}.{b64(one.sign(signed.encode()))}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_unchanged_token_is_believed(
    kind: str, runner: asyncio.Runner, authority: TokenAuthority
) -> None:
    assert believed(runner, authority, good(kind))
