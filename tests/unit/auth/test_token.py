"""`auth.token`: what a token has to say, what it allows, and what is told otherwise."""

from pathlib import Path
from typing import Any

import pytest

from layerstore.auth.access import CATALOG, Access, AuthorityUnusable
from layerstore.auth.jws import Signed, SigningKey
from layerstore.auth.remembered import SECONDS_REMEMBERED
from layerstore.auth.token import LEEWAY_SECONDS, USER_LENGTH_MAX, TokenAuthority
from tests.fakes import EPOCH, FakeClock
from tests.issuer import SERVICE, b64, certificate, entry, pem, x5c
from tests.unit.auth.headers import ORIGIN, challenge_of, grant_of, on
from tests.unit.auth.tokens import (
    PLAIN,
    REALM,
    good_claims,
    signer,
    token_authority,
    write_bundle,
    write_jwks,
)

NOW = int(EPOCH.timestamp())
INVALID = f'{PLAIN},error="invalid_token"'


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path, signer())


@pytest.fixture
def authority(bundle: Path) -> TokenAuthority:
    return token_authority(bundle=bundle)


def bearer(claims: object) -> str:
    return "Bearer " + signer().token(claims, kid=signer().thumbprint)


def allowing(*entries: dict[str, Any]) -> str:
    return bearer(good_claims(access=list(entries)))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_good_token_lets_its_subject_in(scheme: str, authority: TokenAuthority) -> None:
    token = bearer(good_claims()).removeprefix("Bearer ")
    assert (await grant_of(authority, f"{scheme} {token}")).user == "alice"


async def test_a_token_is_good_with_any_way_to_its_key(tmp_path: Path) -> None:
    own = certificate(signer(), EPOCH)
    bundle = tmp_path / "own.pem"
    bundle.write_bytes(pem(own))
    authority = token_authority(bundle=bundle)
    for header in (
        {"kid": signer().libtrust_id},
        {"kid": signer().thumbprint},
        {"x5c": x5c(own)},
        {"jwk": signer().jwk | {"kid": signer().libtrust_id}},
    ):
        token = signer().token(good_claims(), **header)
        assert (await grant_of(authority, f"Bearer {token}")).user == "alice"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x", "Bearerx y"]
)
async def test_who_has_no_token_is_told_where_to_get_one(
    authorization: str | None, authority: TokenAuthority
) -> None:
    told = await challenge_of(authority, authorization, on("a/b", "pull", "push"))
    assert told == f'{PLAIN},scope="repository:a/b:pull,push"'


async def test_the_bare_address_asks_for_no_scope(authority: TokenAuthority) -> None:
    assert await challenge_of(authority, None) == PLAIN


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": "another.example"},
        {"iss": "Issuer.example"},
        {"iss": ["issuer.example"]},
        {"aud": None},
        {"aud": []},
        {"aud": ""},
        {"aud": "another.example"},
        {"aud": ["another.example", "third.example"]},
        {"aud": f"{SERVICE} "},
        {"aud": [[SERVICE]]},
        {"aud": {"service": SERVICE}},
        {"exp": None},
        {"exp": 0},
        {"exp": -1},
        {"exp": NOW - LEEWAY_SECONDS},
        {"exp": "9999999999"},
        {"exp": True},
        {"nbf": NOW + LEEWAY_SECONDS + 1},
        {"nbf": "0"},
        {"sub": 5},
        {"access": "repository:a:pull"},
        {"access": {"type": "repository"}},
        {"access": [{"type": "repository", "actions": ["pull"]}]},
        {"access": [{"type": "repository", "name": "a", "actions": "pull"}]},
        {"access": [{"type": "repository", "name": "a", "actions": [None]}]},
        {"access": [None]},
    ],
    ids=str,
)
async def test_a_token_with_wrong_claims_is_invalid(
    changes: dict[str, Any], authority: TokenAuthority
) -> None:
    spoiled = {**good_claims(), **changes}
    claims = {key: value for key, value in spoiled.items() if value is not None}
    assert await challenge_of(authority, bearer(claims)) == INVALID


@pytest.mark.parametrize("claims", [[], "text", 5, None, [{}]])
async def test_claims_are_an_object(claims: object, authority: TokenAuthority) -> None:
    assert await challenge_of(authority, bearer(claims)) == INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [SERVICE]},
        {"aud": ["another.example", SERVICE]},
        {"exp": EPOCH.timestamp() - LEEWAY_SECONDS + 1},
        {"exp": 1e300},
        {"nbf": NOW + LEEWAY_SECONDS},
        {"nbf": None},
        {"iat": NOW + 10_000},
        {"iat": None},
        {"jti": None},
        {"jti": 5},
        {"access": None},
        {"more": {"of": ["our", "own"]}},
    ],
    ids=str,
)
async def test_a_token_that_says_enough_is_good(
    changes: dict[str, Any], authority: TokenAuthority
) -> None:
    assert (await grant_of(authority, bearer(good_claims(**changes)))).user == "alice"


async def test_a_token_is_good_until_it_expires(bundle: Path) -> None:
    clock = FakeClock()
    authority = token_authority(clock, bundle=bundle)
    token = bearer(good_claims(exp=NOW + 10))
    await grant_of(authority, token)
    clock.pass_time(10 + LEEWAY_SECONDS)
    assert await challenge_of(authority, token) == INVALID


async def test_a_strangers_token_is_invalid(authority: TokenAuthority) -> None:
    stranger = signer("ES256", 1)
    for header in ({}, {"kid": signer().thumbprint}, {"kid": stranger.thumbprint}):
        token = stranger.token(good_claims(), **header)
        assert await challenge_of(authority, f"Bearer {token}") == INVALID


async def test_a_token_of_no_algorithm_that_was_chosen_is_invalid(bundle: Path) -> None:
    authority = token_authority(bundle=bundle, algorithms=frozenset({"RS256", "HS256"}))
    assert await challenge_of(authority, bearer(good_claims())) == INVALID


async def test_what_a_token_does_not_allow_is_a_scope_to_ask_for(
    authority: TokenAuthority,
) -> None:
    token = allowing(entry("a/b", "pull"))
    told = await challenge_of(authority, token, on("a/b", "pull", "push"))
    assert told == f'{PLAIN},scope="repository:a/b:pull,push",error="insufficient_scope"'


@pytest.mark.parametrize(
    ("entries", "wanted", "allowed"),
    [
        ([entry("a", "pull")], on("a", "pull"), True),
        ([entry("a", "pull")], on("a", "push"), False),
        ([entry("a", "push")], on("a", "pull"), False),
        ([entry("a", "pull", "push")], on("a", "pull", "push"), True),
        ([entry("a", "pull"), entry("a", "push")], on("a", "pull", "push"), True),
        ([entry("a", "*")], on("a", "pull", "push", "delete"), True),
        ([entry("a", "delete")], on("a", "delete"), True),
        ([entry("a", "pull", "push")], on("a", "delete"), False),
        ([entry("a")], on("a", "pull"), False),
        ([entry("a", "pull")], on("a/b", "pull"), False),
        ([entry("a/b", "pull")], on("a", "pull"), False),
        ([entry("a", "pull")], on("aa", "pull"), False),
        ([entry("*", "pull")], on("a", "pull"), False),
        ([entry("", "pull")], on("a", "pull"), False),
        ([entry("a", "Pull")], on("a", "pull"), False),
        ([entry("a", "pull", type="registry")], on("a", "pull"), False),
        ([entry("a", "pull"), entry("b", "pull")], [*on("a", "pull"), *on("b", "pull")], True),
        ([entry("a", "pull")], [*on("a", "pull"), *on("b", "pull")], False),
        ([entry("catalog", "*", type="registry")], [CATALOG], True),
        ([entry("catalog", "pull", type="registry")], [CATALOG], False),
        ([entry("catalog", "*")], [CATALOG], False),
        ([], [CATALOG], False),
        ([entry("a", "push")], on("a", "create", "overwrite"), True),
        ([entry("a", "*")], on("a", "create", "overwrite"), True),
        ([entry("a", "pull")], on("a", "create"), False),
    ],
    ids=str,
)
async def test_a_token_allows_what_its_entries_name(
    entries: list[dict[str, Any]],
    wanted: list[Access],
    allowed: bool,
    authority: TokenAuthority,
) -> None:
    token = allowing(*entries)
    if allowed:
        grant = await grant_of(authority, token, wanted)
        assert all(grant.allows(access) for access in wanted)
    else:
        assert "insufficient_scope" in await challenge_of(authority, token, wanted)


async def test_a_mount_looks_where_the_token_may_pull(authority: TokenAuthority) -> None:
    token = allowing(entry("a", "pull"), entry("b", "push"), entry("c", "*"))
    grant = await grant_of(authority, token)
    assert grant.named() == ["a", "c"]
    assert not grant.pulls_everything


async def test_the_catalog_shows_all_to_whom_the_service_grants_it(
    authority: TokenAuthority,
) -> None:
    whole = await grant_of(authority, allowing(entry("catalog", "*", type="registry")))
    part = await grant_of(authority, allowing(entry("a", "pull"), entry("b", "push")))
    assert [whole.sees(name) for name in "abc"] == [True, True, True]
    assert [part.sees(name) for name in "abc"] == [True, False, False]


async def test_deleting_is_asked_for_as_the_service_knows_it(bundle: Path) -> None:
    wanted = on("a", "delete")
    for scope in ("delete", "*"):
        authority = token_authority(bundle=bundle, delete_scope=scope)
        assert f'scope="repository:a:{scope}"' in await challenge_of(authority, None, wanted)
        for action in ("delete", "*"):
            await grant_of(authority, allowing(entry("a", action)), wanted)


@pytest.mark.parametrize(
    ("origin", "realm"),
    [
        ("https://hub.example", "https://hub.example/auth/token"),
        ("https://hub.example:5000", "https://hub.example:5000/auth/token"),
        ("http://hub.example:5000", "https://hub.example:5000/auth/token"),
        ("http://localhost:5000", "http://localhost:5000/auth/token"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/auth/token"),
        ("http://[::1]:5000", "http://[::1]:5000/auth/token"),
        ("https://localhost", "https://localhost/auth/token"),
        ("http://[2001:db8::1]", "https://[2001:db8::1]/auth/token"),
        ("", REALM),
        ("https://", REALM),
        ('https://a",error="x', REALM),
        ("https://a/b", REALM),
        ("https://user@hub.example", REALM),
        ("https://hub.example:port", REALM),
        ("https://hub.example\r\nX: y", REALM),
        ("ftp://hub.example", "https://hub.example/auth/token"),
    ],
)
async def test_autoredirect_sends_to_the_host_that_was_asked(
    origin: str, realm: str, bundle: Path
) -> None:
    """Passwords go there: never without TLS, save on the client's own machine."""
    authority = token_authority(bundle=bundle, autoredirect=True)
    told = await challenge_of(authority, None, origin=origin)
    assert told == f'Bearer realm="{realm}",service="{SERVICE}"'


async def test_the_path_of_autoredirect_is_a_setting(bundle: Path) -> None:
    authority = token_authority(
        bundle=bundle, autoredirect=True, autoredirect_path="/own/tokens", realm=""
    )
    told = await challenge_of(authority, None)
    assert told.startswith(f'Bearer realm="{ORIGIN}/own/tokens",')


@pytest.mark.parametrize(
    ("sub", "user"),
    [
        ("alice", "alice"),
        ("jörg müller", "jörg müller"),
        ("", ""),
        (None, ""),
        ("alice\nforged line", ""),
        ("\x1b[31m", ""),
        ("a" * USER_LENGTH_MAX, "a" * USER_LENGTH_MAX),
        ("a" * (USER_LENGTH_MAX + 1), ""),
    ],
)
async def test_a_subject_that_cannot_stand_in_a_log_is_nobodys_name(
    sub: str | None, user: str, authority: TokenAuthority
) -> None:
    assert (await grant_of(authority, bearer(good_claims(sub=sub)))).user == user


async def test_neither_a_token_nor_a_line_of_its_own_reaches_the_log(
    authority: TokenAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = "evil\nforged"
    token = bearer(good_claims(iss=hostile))
    with caplog.at_level("DEBUG"):
        await challenge_of(authority, token)
        await challenge_of(authority, f"Bearer {signer().token({}, kid=hostile)}")
        await challenge_of(authority, f"Bearer {b64(b'{')}.x.y")
    assert len(caplog.records) == 3
    for record in caplog.records:
        assert "\n" not in record.getMessage()
    assert token.split(".")[2] not in caplog.text


@pytest.mark.parametrize("missing", ["realm", "service", "issuer"])
def test_a_setting_that_is_missing_stops_the_start(missing: str, bundle: Path) -> None:
    changes: dict[str, Any] = {"bundle": bundle, missing: ""}
    with pytest.raises(AuthorityUnusable, match=rf"auth\.token\.{missing}"):
        token_authority(**changes)


def test_a_choice_of_algorithms_that_are_never_taken_stops_the_start(bundle: Path) -> None:
    with pytest.raises(AuthorityUnusable, match="signingalgorithms"):
        token_authority(bundle=bundle, algorithms=frozenset({"HS256", "none"}))


def test_the_originals_own_list_of_algorithms_is_a_warning(
    bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token_authority(bundle=bundle, algorithms=frozenset({"EdDSA", "HS256", "HS512", "RS256"}))
    assert "never taken: HS256, HS512" in caplog.text


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(AuthorityUnusable, match="No such file"):
        token_authority(bundle=tmp_path / "missing.pem")


async def test_both_files_together_are_trusted(tmp_path: Path) -> None:
    authority = token_authority(
        bundle=write_bundle(tmp_path, signer("RS256")), jwks=write_jwks(tmp_path, signer().jwk)
    )
    assert (await grant_of(authority, bearer(good_claims()))).user == "alice"
    other = signer("RS256")
    token = other.token(good_claims(sub="bob"), kid=other.libtrust_id)
    assert (await grant_of(authority, f"Bearer {token}")).user == "bob"


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages whose signatures were verified."""
    seen: list[bytes] = []
    real = Signed.verify

    def counted(self: Signed, key: SigningKey) -> None:
        seen.append(self.message)
        real(self, key)

    monkeypatch.setattr(Signed, "verify", counted)
    return seen


async def test_a_signature_is_verified_once_a_minute(bundle: Path, verified: list[bytes]) -> None:
    clock = FakeClock()
    authority = token_authority(clock, bundle=bundle)
    token = bearer(good_claims())
    for _ in range(5):
        await grant_of(authority, token)
    assert len(verified) == 1
    clock.pass_time(SECONDS_REMEMBERED)
    await grant_of(authority, token)
    assert len(verified) == 2


async def test_a_token_is_remembered_under_the_keys_that_it_fitted(
    bundle: Path, authority: TokenAuthority
) -> None:
    token = bearer(good_claims())
    await grant_of(authority, token)
    write_bundle(bundle.parent, signer("RS256"), signer("EdDSA"))
    assert await challenge_of(authority, token) == INVALID
    write_bundle(bundle.parent, signer())
    assert (await grant_of(authority, token)).user == "alice"


async def test_a_bad_signature_is_not_remembered(
    authority: TokenAuthority, verified: list[bytes]
) -> None:
    stranger = signer("ES256", 1).token(good_claims(), kid=signer().thumbprint)
    for _ in range(3):
        assert await challenge_of(authority, f"Bearer {stranger}") == INVALID
    assert len(verified) == 3
