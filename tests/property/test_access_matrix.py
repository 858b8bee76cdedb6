"""Identities × actions × repositories × faults of tokens, against an oracle of its own.

Whole registries, made from configurations, are asked in memory; a part of the same questions goes
to real servers. The oracle is `who_may.py`; it and the needs of requests are written from the
documentation.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from layerstore.app.serving import App, build
from layerstore.app.settling import settle
from layerstore.auth.access import Access
from layerstore.auth.access import EverythingGranted as Everything
from layerstore.auth.addresses import parse_address
from layerstore.auth.patterns import Pattern
from layerstore.auth.policies import Caller as RuledCaller
from layerstore.auth.policies import PolicyGrant, checked_rules
from layerstore.config.loading import load
from layerstore.telemetry.page import Page
from layerstore.web.headers import HeaderLines
from layerstore.web.message import Request
from tests.fakes import EPOCH, FakeClock
from tests.faults.counts import IS_LONG, Counted
from tests.issuer import entry, today
from tests.property.access_requests import (
    ACTIONS,
    REPOSITORIES,
    Ask,
    send,
    source_of,
    stock,
)
from tests.property.access_tokens import Entries, TokenWorld
from tests.property.who_may import (
    Caller,
    Need,
    Rules,
    Verdict,
    may_pull,
    pattern_fits,
    verdict,
)
from tests.servers import layerstore_server
from tests.unit.api.bodies import Pieces
from tests.unit.api.direct import DirectWire
from tests.unit.auth.headers import basic
from tests.wire.client import Answer, SocketWire

IN_MEMORY, OVER_SOCKETS = "questions of who may, in memory", "questions of who may, over sockets"
MOSTLY = 1 if IS_LONG else 13
"""Which part of the questions goes over sockets: each one in the long form."""

INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.7"
USERS = ("alice", "bob", "carol", "root")
GROUPS = {"team": ["alice", "bob"]}
RULES: Rules = [
    {"repositories": ["public/**"], "actions": ["pull"]},
    {"users": ["*"], "repositories": ["public/**"], "actions": ["push"]},
    {"groups": ["team"], "repositories": ["team/*"], "actions": ["pull", "create"]},
    {
        "users": ["alice"],
        "addresses": ["10.0.0.0/8"],
        "repositories": ["team/**"],
        "actions": ["overwrite", "delete"],
    },
    {"users": ["*"], "repositories": ["users/{user}/**"], "actions": ["*"]},
    {"users": ["root"], "actions": ["*"]},
]


@dataclass(frozen=True)
class Setup:
    """A registry that can be asked, and the rules that it goes by, if any."""

    ask: Ask
    rules: Rules | None


def check(setup: Setup, caller: Caller, authorization: str | None, *, every: int = 1) -> int:
    """Ask everything, or each `every`th question; how many were asked."""
    asked = 0
    for place, (name, repo) in enumerate(itertools.product(ACTIONS, REPOSITORIES), start=1):
        if place % every == 0:
            asked += 1
            _check_one(setup, caller, authorization, name, repo)
    return asked


def _check_one(
    setup: Setup, caller: Caller, authorization: str | None, name: str, repo: str
) -> None:
    action = ACTIONS[name]
    needs = action.needed(repo, source_of(repo))
    expected = verdict(caller, needs, setup.rules, GROUPS)
    if expected == "in":
        tags = [Need("repository", repo, each) for each in action.tags]
        expected = _of_tags(caller, tags, setup.rules)
    answer = send(setup.ask, action, repo, authorization, caller.address)
    assert _found(answer) == expected, (name, repo, answer.status, answer.body)
    if expected == "in":
        assert answer.status == action.status, (name, repo, answer.body)


def _of_tags(caller: Caller, tags: list[Need], rules: Rules | None) -> Verdict:
    """Who may bring content may still not let every tag lead to it: a refusal, never a question."""
    return "in" if verdict(caller, tags, rules, GROUPS) == "in" or not tags else "refused"


def _found(answer: Answer) -> Verdict:
    """What the registry did, told in the form that it has to have."""
    challenges = answer.every("www-authenticate")
    assert len(challenges) == (answer.status == 401)
    match answer.status:
        case 401:
            return "asked"
        case 403:
            return "refused"
        case _:
            return "in"


class AppWire(DirectWire):
    """Asks an application in memory, from any address."""

    def __init__(self, runner: asyncio.Runner, app: App, clock: FakeClock) -> None:
        super().__init__(runner)
        self.api = app.api
        self._clock = clock

    def __call__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        address: str = OUTSIDE,
    ) -> Answer:
        self._clock.pass_time(self.pause_s)
        path, _, query = target.partition("?")
        received = [("host", "registry.example")]
        received += [(name.lower(), value) for name, value in headers.items()]
        pieces = Pieces(*([body] if body else []), length=len(body))
        return self.send(
            Request(method, path, query, HeaderLines(received), pieces, address, "https")
        )

    pause_s = 0.0
    """Seconds that pass before each request: guesses cost time."""


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def made(runner: asyncio.Runner, folder: Path, auth: Mapping[str, Any]) -> AppWire:
    """A registry in memory with that section `auth`."""
    clock, file = FakeClock(), folder / "config.yml"
    config = {"version": 0.1, "storage": {"inmemory": {}, "delete": {"enabled": True}}}
    file.write_text(yaml.safe_dump({**config, "auth": dict(auth)}))
    settled = settle(load(file, {}).config, clock)
    return AppWire(runner, build(settled, Page.create(folder / "page", 1), clock), clock)


def ruled(auth: Mapping[str, Any]) -> dict[str, Any]:
    return {**auth, "groups": GROUPS, "policies": list(RULES)}


def password_file(folder: Path) -> dict[str, str]:
    """Users whose password is their name with a dot behind."""
    path = folder / "htpasswd"
    lines = (
        f"{name}:{bcrypt.hashpw(f'{name}.'.encode(), bcrypt.gensalt(4)).decode()}" for name in USERS
    )
    path.write_text("\n".join(lines) + "\n")
    return {"realm": "our registry", "path": str(path)}


def login(name: str) -> str:
    return basic(name, f"{name}.")


@pytest.fixture(scope="module", params=["alone", "under rules"])
def by_password(
    request: pytest.FixtureRequest, runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory
) -> Setup:
    folder = tmp_path_factory.mktemp("passwords")
    auth: dict[str, Any] = {"htpasswd": password_file(folder)}
    has_rules = request.param == "under rules"
    wire = made(runner, folder, ruled(auth) if has_rules else auth)
    stock(wire, login("root"))
    wire.pause_s = 2.0
    return Setup(wire, RULES if has_rules else None)


BY_PASSWORD: dict[str, tuple[Caller, str | None]] = {
    "nobody": (Caller(), None),
    "an empty name and password": (Caller(), "Basic Og=="),
    **{name: (Caller(name, sends=True), login(name)) for name in USERS},
    "a wrong password": (Caller("alice", True, False), basic("alice", "Alice.")),
    "no password": (Caller("alice", True, False), basic("alice", "")),
    "the password of another": (Caller("alice", True, False), basic("alice", "bob.")),
    "a name that nobody has": (Caller("dave", True, False), basic("dave", "dave.")),
    "a name in capitals": (Caller("Alice", True, False), basic("Alice", "alice.")),
    "a password without a name": (Caller("", True, False), basic("", "alice.")),
    "no base64": (Caller("", True, False), "Basic alice:alice."),
    "another scheme": (Caller("", True, False), "Digest " + login("alice")[6:]),
    "only a scheme": (Caller("", True, False), "Basic"),
    "a token of nobody's": (Caller("", True, False), "Bearer alice"),
}


@pytest.mark.parametrize("address", [INSIDE, OUTSIDE])
@pytest.mark.parametrize("who", BY_PASSWORD)
def test_by_password(who: str, address: str, by_password: Setup, counted: Counted) -> None:
    caller, authorization = BY_PASSWORD[who]
    placed = Caller(caller.user, caller.sends, caller.believed, None, address)
    counted(IN_MEMORY, check(by_password, placed, authorization))


@pytest.mark.parametrize("name", ["", *USERS])
def test_by_a_pass_of_the_registry_itself(
    name: str, runner: asyncio.Runner, tmp_path: Path, counted: Counted
) -> None:
    """Under rules for everybody: it says who, and the rules say what."""
    wire = made(runner, tmp_path, ruled({"htpasswd": password_file(tmp_path)}))
    stock(wire, login("root"))
    headers = {"Authorization": login(name)} if name else {}
    text = wire("GET", "/v2/_layerstore/token", headers).json()["token"]
    caller = Caller(name, sends=True)
    counted(IN_MEMORY, check(Setup(wire, RULES), caller, f"Bearer {text}"))
    forged = Caller(name, sends=True, believed=False)
    at = len(text) // 2
    changed = "A" if text[at] != "A" else "B"
    for other in (text[:-4], text[:at] + changed + text[at + 1 :], "A" + text, text[::-1]):
        counted(IN_MEMORY, check(Setup(wire, RULES), forged, f"Bearer {other}", every=7))


WORLD = TokenWorld(EPOCH)


def entries(*actions: str, names: tuple[str, ...] = REPOSITORIES) -> list[dict[str, Any]]:
    return [entry(name, *actions) for name in names]


SCOPES: Mapping[str, Entries] = {
    "everything": [*entries("*"), entry("catalog", "*", type="registry")],
    "pull": entries("pull"),
    "pull and push": entries("pull", "push"),
    "push without pull": entries("push"),
    "delete": entries("delete"),
    "one repository": entries("*", names=("team/app",)),
    "nothing": [],
    "the catalog alone": [entry("catalog", "*", type="registry")],
    "another kind of thing": [entry(name, "*", type="registry") for name in REPOSITORIES],
    "patterns, which mean nothing": entries("*", names=("*", "**", "team/*", "")),
    "actions in capitals": entries("PULL", "Push", "DELETE"),
}


def bearer(scope: str, *, believed: bool = True) -> Caller:
    said = frozenset(
        (one["type"], one["name"], action) for one in SCOPES[scope] for action in one["actions"]
    )
    return Caller("alice", sends=True, believed=believed, entries=said, address=OUTSIDE)


@pytest.fixture(scope="module", params=["alone", "under rules"])
def by_token(
    request: pytest.FixtureRequest, runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory
) -> Setup:
    folder = tmp_path_factory.mktemp("tokens")
    auth = {"token": WORLD.trust(folder)}
    has_rules = request.param == "under rules"
    wire = made(runner, folder, ruled(auth) if has_rules else auth)
    root = key_of_root()
    stock(wire, root)
    return Setup(wire, RULES if has_rules else None)


def key_of_root() -> str:
    """A token of root's for everything."""
    return WORLD.good(SCOPES["everything"], sub="root")["thumbprint"]


FORMS = sorted(WORLD.good([]))
FAULTS = sorted(WORLD.bad([]))


@pytest.mark.parametrize("scope", SCOPES)
def test_by_a_token_for_a_scope(scope: str, by_token: Setup, counted: Counted) -> None:
    counted(IN_MEMORY, check(by_token, bearer(scope), WORLD.good(SCOPES[scope])["thumbprint"]))


@pytest.mark.parametrize("form", FORMS)
def test_by_a_token_of_each_form(form: str, by_token: Setup, counted: Counted) -> None:
    for scope in ("everything", "pull and push", "one repository"):
        counted(IN_MEMORY, check(by_token, bearer(scope), WORLD.good(SCOPES[scope])[form]))


@pytest.mark.parametrize("fault", FAULTS)
def test_by_a_token_with_each_fault(fault: str, by_token: Setup, counted: Counted) -> None:
    caller = bearer("everything", believed=False)
    counted(IN_MEMORY, check(by_token, caller, WORLD.bad(SCOPES["everything"])[fault]))


def test_without_a_token(by_token: Setup, counted: Counted) -> None:
    counted(IN_MEMORY, check(by_token, Caller(), None))


def catalog(setup: Setup, authorization: str, address: str) -> set[str]:
    answer = setup.ask("GET", "/v2/_catalog", {"Authorization": authorization}, address=address)
    return set(json.loads(answer.body)["repositories"])


@pytest.mark.parametrize("address", [INSIDE, OUTSIDE])
@pytest.mark.parametrize("name", USERS)
def test_the_catalog_shows_what_may_be_pulled(name: str, address: str, by_password: Setup) -> None:
    caller = Caller(name, sends=True, address=address)
    readable = {repo for repo in REPOSITORIES if may_pull(caller, repo, by_password.rules, GROUPS)}
    assert catalog(by_password, login(name), address) == readable


words = st.sampled_from(["a", "b", "team", "alice", "bob"])
names = st.lists(words, min_size=1, max_size=4).map("/".join)
pieces = st.sampled_from(["*", "**", "{user}", "a", "team", "t*", "*m", "*e*", "a*e"])
patterns = st.lists(pieces | words, min_size=1, max_size=4).map("/".join)
people = st.sampled_from(["", "alice", "bob", "a"])


@given(pattern=patterns, name=names, user=people)
@settings(max_examples=1000)
def test_a_pattern_fits_what_its_table_says(pattern: str, name: str, user: str) -> None:
    assert Pattern(pattern).fits(name, user) == pattern_fits(pattern, name, user)


some_rules = st.lists(
    st.fixed_dictionaries(
        {
            "actions": st.lists(
                st.sampled_from(["pull", "push", "create", "overwrite", "delete", "*"]), min_size=1
            )
        },
        optional={
            "users": st.lists(st.sampled_from(["*", "alice", "bob"]), max_size=2),
            "groups": st.lists(st.sampled_from(["team", "none"]), max_size=2),
            "addresses": st.lists(st.sampled_from(["10.0.0.0/8", "192.0.2.7/32"]), max_size=2),
            "repositories": st.lists(patterns, max_size=3),
        },
    ),
    max_size=5,
)
MEMBERS = {"team": ["alice", "bob"], "none": []}
WANTED = ("pull", "push", "create", "overwrite", "delete")


@given(rules=some_rules, name=names, user=people, address=st.sampled_from([INSIDE, OUTSIDE]))
@settings(max_examples=500)
def test_any_rules_allow_what_the_oracle_reads_in_them(
    rules: list[dict[str, Any]], name: str, user: str, address: str
) -> None:
    parsed = checked_rules(rules, MEMBERS)
    caller = RuledCaller(user, parse_address(address))
    grant = PolicyGrant(Everything(user), [rule for rule in parsed if rule.fits(caller)])
    known = Caller(user, sends=True, address=address)
    for action in WANTED:
        expected = verdict(known, [Need("repository", name, action)], rules, MEMBERS) == "in"
        assert grant.allows(Access("repository", name, action)) == expected
    assert grant.sees(name) == may_pull(known, name, rules, MEMBERS)


class OverSockets:
    """Asks a real server, through a proxy that it trusts to tell addresses."""

    def __init__(self, host: str) -> None:
        self._wire = SocketWire(host)

    def __call__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        address: str = OUTSIDE,
    ) -> Answer:
        return self._wire.ask(method, target, {**headers, "X-Forwarded-For": address}, body)


def over_sockets(auth: Mapping[str, Any]) -> dict[str, Any]:
    return {"auth": ruled(auth), "http": {"trustedproxies": ["127.0.0.1"]}}


def test_passwords_over_sockets(tmp_path: Path, counted: Counted) -> None:
    config = over_sockets({"htpasswd": password_file(tmp_path)})
    with layerstore_server(tmp_path / "storage", config=config, workers=2) as server:
        ask = OverSockets(server.host)
        stock(ask, login("root"))
        for place, (caller, authorization) in enumerate(BY_PASSWORD.values()):
            address = (INSIDE, OUTSIDE)[place % 2]
            placed = Caller(caller.user, caller.sends, caller.believed, None, address)
            every = MOSTLY if caller.believed else 2 * MOSTLY
            counted(OVER_SOCKETS, check(Setup(ask, RULES), placed, authorization, every=every))


def test_tokens_over_sockets(tmp_path: Path, counted: Counted) -> None:
    world = TokenWorld(today(), slack_s=600)
    config = over_sockets({"token": world.trust(tmp_path)})
    with layerstore_server(tmp_path / "storage", config=config, workers=2) as server:
        setup = Setup(OverSockets(server.host), RULES)
        whole = SCOPES["everything"]
        stock(setup.ask, world.good(whole, sub="root")["libtrust id"])
        for authorization in world.good(whole).values():
            asked = check(setup, bearer("everything"), authorization, every=MOSTLY)
            counted(OVER_SOCKETS, asked)
        mallory = bearer("everything", believed=False)
        for fault, authorization in world.bad(whole).items():
            if fault != "too long":  # such a header is refused before it is one
                asked = check(setup, mallory, authorization, every=2 * MOSTLY + 1)
                counted(OVER_SOCKETS, asked)
