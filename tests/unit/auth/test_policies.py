"""Rules: whom each fits, what it allows, and what they leave of an authority's grant."""

from collections.abc import Sequence

import pytest

from layerstore.auth.access import (
    CATALOG,
    Access,
    Authority,
    AuthorityUnusable,
    Grant,
    OpenAuthority,
)
from layerstore.auth.policies import PolicyAuthority, PolicyGrant, checked_rules, parse_rule
from layerstore.auth.silly import SillyAuthority
from layerstore.auth.token import AccessEntry, TokenGrant
from layerstore.oci.errors import Denied, Unauthorized
from tests.unit.auth.headers import challenge_of, grant_of, on

CHALLENGE = "come again with a name"
MEMBERS = {"team": ["alice", "bob"], "nobody": []}
Rules = Sequence[dict[str, list[str]]]


class ByName:
    """An Authority that believes any name, and asks whoever has none."""

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        if not authorization or authorization in ("wrong", "Basic Og=="):
            raise Unauthorized(CHALLENGE)
        return _All(authorization)


class _All:
    pulls_everything = True

    def __init__(self, user: str) -> None:
        self.user = user

    def allows(self, access: Access) -> bool:
        return True

    def sees(self, name: str) -> bool:
        return True

    def named(self) -> Sequence[str]:
        return ()


def ruled(rules: Rules, authority: Authority | None = None) -> PolicyAuthority:
    parsed = checked_rules(rules, MEMBERS)
    return PolicyAuthority(authority if authority is not None else ByName(), parsed)


async def may(rules: Rules, user: str, *wanted: Access, peer: str = "192.0.2.7") -> bool:
    try:
        await ruled(rules).authorize(user, wanted, peer)
    except (Denied, Unauthorized):
        return False
    return True


ANONYMOUS_PULL_AUTHENTICATED_PUSH: Rules = [
    {"actions": ["pull"]},
    {"users": ["*"], "actions": ["pull", "push"]},
]


@pytest.mark.parametrize("nobody", [None, "", "Basic Og=="])
async def test_two_lines_let_everybody_pull_and_users_push(nobody: str | None) -> None:
    authority = ruled(ANONYMOUS_PULL_AUTHENTICATED_PUSH)
    assert (await grant_of(authority, nobody, on("a", "pull"))).user == ""
    assert await challenge_of(authority, nobody, on("a", "pull", "push")) == CHALLENGE
    assert (await grant_of(authority, "alice", on("a", "pull", "push"))).user == "alice"
    with pytest.raises(Denied):
        await grant_of(authority, "alice", on("a", "delete"))


async def test_clients_learn_at_the_bare_address_how_to_log_in() -> None:
    authority = ruled(ANONYMOUS_PULL_AUTHENTICATED_PUSH)
    assert await challenge_of(authority, None) == CHALLENGE


async def test_wrong_credentials_are_not_taken_for_none() -> None:
    authority = ruled(ANONYMOUS_PULL_AUTHENTICATED_PUSH)
    assert await challenge_of(authority, "wrong", on("a", "pull")) == CHALLENGE


async def test_who_is_known_and_may_not_is_told_so_and_what() -> None:
    authority = ruled([{"users": ["alice"], "actions": ["pull"]}])
    with pytest.raises(Denied) as refusal:
        await grant_of(authority, "alice", on("a", "pull", "push"))
    assert refusal.value.detail == [
        {"Type": "repository", "Class": "", "Name": "a", "Action": "push"}
    ]


async def test_what_no_rule_allows_is_refused() -> None:
    for wanted in (*on("a", "pull", "push", "delete", "*", "other"), CATALOG):
        assert not await may([{"users": ["bob"], "actions": ["*"]}], "alice", wanted)


@pytest.mark.parametrize(
    ("rule", "fitting", "others"),
    [
        ({"users": ["alice"]}, ["alice"], ["bob", "alic", "alice2", "Alice", "*"]),
        ({"users": ["*"]}, ["alice", "bob", "*"], []),
        ({"groups": ["team"]}, ["alice", "bob"], ["carol", "team"]),
        ({"groups": ["team"], "users": ["carol"]}, ["alice", "carol"], ["dave"]),
        ({}, ["alice"], []),
        ({"users": []}, [], ["alice", "*"]),
        ({"groups": []}, [], ["alice"]),
        ({"groups": ["nobody"]}, [], ["alice", "nobody"]),
        ({"users": [""]}, [], ["alice"]),
    ],
    ids=str,
)
async def test_a_rule_fits_by_name_and_by_group(
    rule: dict[str, list[str]], fitting: list[str], others: list[str]
) -> None:
    rules = [rule | {"actions": ["pull"]}]
    assert [user for user in fitting if not await may(rules, user, *on("a", "pull"))] == []
    assert [user for user in others if await may(rules, user, *on("a", "pull"))] == []


@pytest.mark.parametrize("rule", [{"users": ["*"]}, {"users": [""]}, {"users": []}])
async def test_nobody_is_no_user(rule: dict[str, list[str]]) -> None:
    authority = ruled([rule | {"actions": ["pull"]}], OpenAuthority())
    with pytest.raises(Denied):
        await grant_of(authority, None, on("a", "pull"))


@pytest.mark.parametrize(
    ("addresses", "fitting", "others"),
    [
        (["192.0.2.0/24"], ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.3.7", "", "2001:db8::1"]),
        (["192.0.2.7"], ["192.0.2.7"], ["192.0.2.8", "::1"]),
        (["2001:db8::/32"], ["2001:db8:1::2"], ["2001:db9::1", "192.0.2.7"]),
        (["10.0.0.0/8", "::1"], ["10.1.2.3", "::1"], ["11.0.0.1", "::2", "unix"]),
        ([], [], ["192.0.2.7", ""]),
        (["0.0.0.0/0"], ["192.0.2.7"], ["", "::1"]),
    ],
    ids=str,
)
async def test_a_rule_fits_by_address(
    addresses: list[str], fitting: list[str], others: list[str]
) -> None:
    rules = [{"addresses": addresses, "actions": ["pull"]}]
    wanted = on("a", "pull")
    assert [peer for peer in fitting if not await may(rules, "alice", *wanted, peer=peer)] == []
    assert [peer for peer in others if await may(rules, "alice", *wanted, peer=peer)] == []


async def test_a_rule_fits_by_repository() -> None:
    rules = [{"repositories": ["team/**", "users/{user}/**"], "actions": ["push", "pull"]}]
    for name, allowed in (
        ("team/a/b", True),
        ("users/alice/x", True),
        ("users/bob/x", False),
        ("team", False),
        ("team2/x", False),
    ):
        assert await may(rules, "alice", *on(name, "push")) == allowed, name


async def test_a_rule_for_no_repositories_allows_nothing() -> None:
    assert not await may([{"repositories": [], "actions": ["*"]}], "alice", *on("a", "pull"))


@pytest.mark.parametrize(
    ("actions", "allowed"),
    [
        (["pull"], {"pull"}),
        (["push"], {"push", "create", "overwrite"}),
        (["create"], {"push", "create"}),
        (["overwrite"], {"push", "overwrite"}),
        (["create", "overwrite"], {"push", "create", "overwrite"}),
        (["delete"], {"delete"}),
        (["*"], {"pull", "push", "create", "overwrite", "delete", "*"}),
    ],
)
def test_an_action_allows_itself_and_its_parts(actions: list[str], allowed: set[str]) -> None:
    rule = parse_rule(actions=actions, members={})
    grant = PolicyGrant(_All("alice"), [rule])
    every = ("pull", "push", "create", "overwrite", "delete", "*", "other")
    found = {action for action in every if grant.allows(*on("a", action))}
    assert found == allowed | ({"other"} if actions == ["*"] else set())


async def test_rules_add_up_and_their_order_means_nothing() -> None:
    rules = [
        {"users": ["alice"], "repositories": ["a"], "actions": ["pull"]},
        {"users": ["alice"], "repositories": ["*"], "actions": ["create"]},
    ]
    for ordered in (rules, rules[::-1]):
        assert await may(ordered, "alice", *on("a", "pull", "push", "create"))
        assert not await may(ordered, "alice", *on("b", "pull"))
        assert not await may(ordered, "alice", *on("a", "overwrite"))


async def test_a_mount_needs_its_source_too() -> None:
    rules = [
        {"users": ["alice"], "repositories": ["a"], "actions": ["pull", "push"]},
        {"users": ["alice"], "repositories": ["b"], "actions": ["pull"]},
    ]
    assert await may(rules, "alice", *on("a", "pull", "push"), *on("b", "pull"))
    assert not await may(rules, "alice", *on("a", "pull", "push"), *on("c", "pull"))


async def test_the_catalog_is_for_whoever_may_read_something_and_shows_just_that() -> None:
    rules = [
        {"users": ["alice"], "repositories": ["team/**"], "actions": ["pull"]},
        {"users": ["alice", "bob"], "repositories": ["drop"], "actions": ["push"]},
    ]
    authority = ruled(rules)
    grant = await grant_of(authority, "alice", [CATALOG])
    assert [grant.sees(name) for name in ("team/a", "other", "drop")] == [True, False, False]
    with pytest.raises(Denied):
        await grant_of(authority, "bob", [CATALOG])


async def test_the_rules_allow_no_more_than_the_authority_does() -> None:
    token = TokenGrant("alice", [AccessEntry("repository", "a", ("pull", "push"))])
    everything = parse_rule(actions=["*"], members={})
    grant = PolicyGrant(token, [everything])
    assert grant.allows(*on("a", "overwrite"))
    assert not grant.allows(*on("a", "delete"))
    assert not grant.allows(*on("b", "pull"))
    assert not grant.sees("b")
    assert not grant.pulls_everything
    assert not grant.allows(CATALOG)


def test_only_who_may_pull_every_repository_pulls_everything() -> None:
    for rule, whole in (
        ({"actions": ["pull"]}, True),
        ({"actions": ["*"], "repositories": ["a", "**"]}, True),
        ({"actions": ["push"]}, False),
        ({"actions": ["pull"], "repositories": ["*", "*/**"]}, False),
    ):
        grant = PolicyGrant(_All("alice"), checked_rules([rule], {}))
        assert grant.pulls_everything == whole, rule


def test_a_mount_without_a_source_looks_where_rules_and_token_name_something() -> None:
    token = TokenGrant("alice", [AccessEntry("repository", name, ("pull",)) for name in "abc"])
    rules = checked_rules(
        [
            {"repositories": ["b", "c", "d", "e*"], "actions": ["pull"]},
            {"repositories": ["a"], "actions": ["push"]},
        ],
        {},
    )
    assert PolicyGrant(token, rules).named() == ["b", "c"]
    assert PolicyGrant(_All("alice"), rules).named() == ["b", "c", "d"]


async def test_rules_alone_can_open_a_registry_to_a_network() -> None:
    rules: Rules = [{"addresses": ["10.0.0.0/8"], "actions": ["*"]}, {"actions": ["pull"]}]
    authority = ruled(rules, OpenAuthority())
    assert (await grant_of(authority, None, on("a", "push"), peer="10.0.0.1")).user == ""
    assert (await grant_of(authority, None, on("a", "pull"))).user == ""
    with pytest.raises(Denied):
        await grant_of(authority, None, on("a", "push"))
    await grant_of(authority, None)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({}, r"auth\.policies\[1\]: actions: it allows nothing; there are pull, create"),
        ({"actions": ["read"]}, "actions: 'read' is no action"),
        ({"actions": ["pull"], "groups": ["crew"]}, r"there is no group 'crew' in auth\.groups"),
        ({"actions": ["pull"], "addresses": ["10.0.0.1/8"]}, "addresses: .* has host bits set"),
        ({"actions": ["pull"], "addresses": ["host.example"]}, "addresses: 'host.example'"),
        ({"actions": ["pull"], "repositories": ["Team/*"]}, "'Team/[*]' can fit no repository"),
    ],
)
def test_a_rule_that_means_nothing_stops_the_start(
    rule: dict[str, list[str]], sentence: str
) -> None:
    with pytest.raises(AuthorityUnusable, match=sentence):
        checked_rules([{"actions": ["pull"]}, rule], MEMBERS)


def test_a_group_is_no_way_to_say_everybody() -> None:
    rule = {"groups": ["all"], "actions": ["pull"]}
    with pytest.raises(AuthorityUnusable, match="a group names its users"):
        checked_rules([rule], {"all": ["*"]})


async def test_silly_lets_in_whoever_sends_anything() -> None:
    silly = SillyAuthority("realm", "service")
    wanted = on("a", "pull")
    told = await challenge_of(silly, None, wanted)
    assert told == 'Bearer realm="realm",service="service",scope="repository:a:pull"'
    assert (await grant_of(silly, "anything", wanted)).user == "silly"
