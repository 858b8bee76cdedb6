"""Passes: whose they are, how long they are good, and where they are offered."""

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from layerstore.auth import challenge
from layerstore.auth.access import TOKEN, Access, EverythingGranted, Grant
from layerstore.auth.basic import parse_basic
from layerstore.auth.bearer import TokenInvalid
from layerstore.auth.passes import PASS_LENGTH_MAX, PASS_SECONDS, PassAuthority, Passes
from layerstore.auth.policies import PolicyAuthority, checked_rules
from layerstore.oci.errors import Denied
from tests.fakes import FakeClock
from tests.unit.auth.headers import ORIGIN, basic, challenge_of, grant_of, on

SECRET = b"a secret of all workers"
PATH = "/v2/_layerstore/token"
PASSWORD = 'Basic realm="x"'
OFFERED = f'Bearer realm="{ORIGIN}{PATH}",service="registry.example"'
RULES = checked_rules(
    [{"actions": ["pull"]}, {"users": ["alice"], "actions": ["pull", "push"]}], {}
)


class Names:
    """An Authority of users whose password is their name, and their hashes."""

    def __init__(self) -> None:
        self.hashes = {"alice": b"1", "bob": b"1"}

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        given = parse_basic(authorization)
        if given is None or given.user not in self.hashes or given.password != given.user.encode():
            raise challenge.basic("x", wanted)
        return EverythingGranted(given.user)


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def passes(names: Names, clock: FakeClock) -> Passes:
    return Passes(SECRET, clock, names.hashes.get)


@pytest.fixture
def authority(names: Names, passes: Passes) -> PolicyAuthority:
    return PolicyAuthority(PassAuthority(names, passes, PATH), RULES)


@pytest.mark.parametrize("user", ["alice", "bob", ""])
def test_a_pass_is_whose_it_was_made_for(user: str, passes: Passes) -> None:
    assert passes.user_of(passes.issue(user).text) == user


def test_every_worker_reads_every_workers_passes(names: Names, passes: Passes) -> None:
    other = Passes(SECRET, FakeClock(seed=1), names.hashes.get)
    assert other.user_of(passes.issue("alice").text) == "alice"


def test_another_registry_does_not(names: Names, passes: Passes, clock: FakeClock) -> None:
    other = Passes(b"another secret", clock, names.hashes.get)
    with pytest.raises(TokenInvalid, match="no pass of this registry"):
        other.user_of(passes.issue("alice").text)


def test_a_pass_is_good_for_five_minutes(passes: Passes, clock: FakeClock) -> None:
    text = passes.issue("alice").text
    clock.pass_time(PASS_SECONDS - 1)
    assert passes.user_of(text) == "alice"
    clock.pass_time(1)
    with pytest.raises(TokenInvalid, match="expired"):
        passes.user_of(text)


@pytest.mark.parametrize("after", [None, b"2"])
def test_a_pass_ends_with_its_password(after: bytes | None, names: Names, passes: Passes) -> None:
    alice, bob, nobody = (passes.issue(user).text for user in ("alice", "bob", ""))
    del names.hashes["alice"]
    if after is not None:
        names.hashes["alice"] = after
    with pytest.raises(TokenInvalid, match="good no more"):
        passes.user_of(alice)
    assert (passes.user_of(bob), passes.user_of(nobody)) == ("bob", "")


def test_who_is_gone_gets_no_pass(passes: Passes) -> None:
    with pytest.raises(Denied):
        passes.issue("carol")


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(at=st.integers(0, 200), letter=st.sampled_from(ALPHABET + "=+/. "), more=st.booleans())
def test_no_changed_pass_is_good(at: int, letter: str, more: bool) -> None:
    passes = Passes(SECRET, FakeClock(), {"alice": b"1"}.get)
    text = passes.issue("alice").text
    other = text[:at] + letter + text[at + (0 if more else 1) :]
    assume(other != text)
    with pytest.raises(TokenInvalid):
        passes.user_of(other)


@pytest.mark.parametrize(("own", "other"), [("-", "+"), ("_", "/")])
def test_the_other_alphabet_of_base64_is_not_taken(own: str, other: str) -> None:
    several = [Passes(bytes([number]) * 32, FakeClock(), {"a": b"1"}.get) for number in range(100)]
    passes = next(each for each in several if own in each.issue("").text)
    with pytest.raises(TokenInvalid):
        passes.user_of(passes.issue("").text.replace(own, other))


@pytest.mark.parametrize("text", ["", "A", "AAAA", "ä", "A" * (PASS_LENGTH_MAX + 1), "A" * 100])
def test_other_texts_are_no_passes(text: str, passes: Passes) -> None:
    with pytest.raises(TokenInvalid):
        passes.user_of(text)


async def test_clients_are_sent_for_a_pass(authority: PolicyAuthority) -> None:
    assert await challenge_of(authority, None) == OFFERED
    pushing = await challenge_of(authority, None, on("a", "pull", "push"))
    assert pushing == f'{OFFERED},scope="repository:a:pull,push"'
    assert await challenge_of(authority, basic("alice", "wrong")) == OFFERED


@pytest.mark.parametrize(
    ("origin", "offered"),
    [
        ("https://registry.example:5000", True),
        ("http://localhost:5000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:5000", True),
        ("http://registry.example", False),
        ("http://10.0.0.1:5000", False),
        ("http://localhost.example", False),
        ("", False),
        ('https://a",realm="x', False),
        ("https://a/b", False),
    ],
)
async def test_passwords_are_sent_nowhere_without_tls(
    origin: str, offered: bool, authority: PolicyAuthority
) -> None:
    told = await challenge_of(authority, None, origin=origin)
    assert told.startswith(f'Bearer realm="{origin}{PATH}",' if offered else PASSWORD)


async def test_the_registrys_own_address_counts_where_it_is_known(
    names: Names, passes: Passes
) -> None:
    authority = PassAuthority(names, passes, PATH, "http://hub.example:5000/")
    told = await challenge_of(authority, None, origin="http://10.0.0.1")
    assert told == f'Bearer realm="http://hub.example:5000{PATH}",service="hub.example:5000"'


async def test_rules_decide_what_a_pass_is_good_for(
    authority: PolicyAuthority, passes: Passes
) -> None:
    alice, bob, nobody = (f"Bearer {passes.issue(user).text}" for user in ("alice", "bob", ""))
    assert (await grant_of(authority, alice, on("a", "pull", "push"))).user == "alice"
    for bearer in (bob, nobody):
        await grant_of(authority, bearer, on("a", "pull"))
        with pytest.raises(Denied):
            await grant_of(authority, bearer, on("a", "push"))
    assert (await grant_of(authority, nobody)).user == ""


async def test_passwords_are_taken_as_before(authority: PolicyAuthority) -> None:
    grant = await grant_of(authority, basic("alice", "alice"), on("a", "push"))
    assert grant.user == "alice"


async def test_an_invalid_pass_is_told_so_and_not_taken_for_none(
    authority: PolicyAuthority,
) -> None:
    told = await challenge_of(authority, "Bearer nonsense", on("a", "pull"))
    assert told == f'{OFFERED},scope="repository:a:pull",error="invalid_token"'


async def test_a_pass_is_handed_out_for_a_password_or_to_nobody_in_particular(
    authority: PolicyAuthority, passes: Passes
) -> None:
    assert (await grant_of(authority, None, [TOKEN])).user == ""
    assert (await grant_of(authority, "Basic Og==", [TOKEN])).user == ""
    assert (await grant_of(authority, basic("bob", "bob"), [TOKEN])).user == "bob"
    assert await challenge_of(authority, basic("bob", "wrong"), [TOKEN]) == PASSWORD
    again = f"Bearer {passes.issue('bob').text}"
    assert await challenge_of(authority, again, [TOKEN]) == PASSWORD


async def test_without_a_rule_for_him_nobody_gets_a_pass(names: Names, passes: Passes) -> None:
    rules = checked_rules(
        [{"addresses": ["10.0.0.0/8"], "actions": ["pull"]}, {"users": ["*"], "actions": ["*"]}], {}
    )
    authority = PolicyAuthority(PassAuthority(names, passes, PATH), rules)
    assert await challenge_of(authority, None, [TOKEN]) == PASSWORD
    assert (await grant_of(authority, None, [TOKEN], peer="10.0.0.1")).user == ""
