"""Tokens of every form and with every fault, shown to the original and to us, beside each other.

What version 2 of the original does not know yet (thumbprints, key files, lists of audiences,
leeway) we take; what it takes and we do not is a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.issuer import entry, today
from tests.property.access_requests import ACTIONS, REPOSITORIES, Ask, send, stock
from tests.property.access_tokens import Entries, TokenWorld
from tests.servers import Server, layerstore_server, original_server
from tests.wire.client import Answer, SocketWire

ENTRIES = [entry("team/app", "pull", "push")]
TARGET = "/v2/team/app/tags/list"

TAKEN_HERE = {
    "thumbprint",
    "name in the key file",
    "thumbprint of the key file",
    "RSA",
    "RSA with PSS",
    "several audiences",
    "clocks that differ",
}
"""Forms of version 3, or of neither; the original asks for another token."""

TAKEN_THERE = {"chain: too long"}
"""Eight certificates are enough for a chain."""


@pytest.fixture(scope="module")
def world() -> TokenWorld:
    return TokenWorld(today(), slack_s=600)


@pytest.fixture(scope="module")
def both(
    world: TokenWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server]]:
    """The original, and us, on one folder."""
    folder = tmp_path_factory.mktemp("verdicts")
    trust = world.trust(folder)
    known: dict[str, Any] = {key: value for key, value in trust.items() if key != "jwks"}
    root = folder / "storage"
    with (
        original_server(root, config={"auth": {"token": known}}) as original,
        layerstore_server(root, config={"auth": {"token": trust}}, workers=1) as ours,
    ):
        yield original, ours


def believed(server: Server, authorization: str) -> bool:
    """Whether it is let in, to a repository that is not there; a head can be too long, too."""
    headers = {"Authorization": authorization}
    status = SocketWire(server.host).ask("GET", TARGET, headers).status
    assert status in (401, 404, 431)
    return status == 404


def test_what_is_good_is_believed_by_both(world: TokenWorld, both: tuple[Server, Server]) -> None:
    for form, authorization in world.good(ENTRIES).items():
        original, ours = (believed(server, authorization) for server in both)
        assert (original, ours) == (form not in TAKEN_HERE, True), form


def test_what_is_at_fault_is_believed_by_neither(
    world: TokenWorld, both: tuple[Server, Server]
) -> None:
    for fault, authorization in world.bad(ENTRIES).items():
        original, ours = (believed(server, authorization) for server in both)
        assert (original, ours) == (fault in TAKEN_THERE, False), fault


NOT_THERE = {"the referrers", "the extensions", "a repository deleted"}
"""Addresses that the original does not know."""

SCOPES: Mapping[str, Entries] = {
    "everything": [
        *(entry(name, "*") for name in REPOSITORIES),
        entry("catalog", "*", type="registry"),
    ],
    "pull": [entry(name, "pull") for name in REPOSITORIES],
    "pull and push": [entry(name, "pull", "push") for name in REPOSITORIES],
    "push": [entry(name, "push") for name in REPOSITORIES],
    "delete": [entry(name, "delete") for name in REPOSITORIES],
    "one repository": [entry("team/app", "*")],
    "nothing": [],
}


def asking(server: Server) -> Ask:
    def ask(
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        address: str = "",
    ) -> Answer:
        return SocketWire(server.host).ask(method, target, headers, body)

    return ask


def test_a_scope_opens_the_same_at_both(world: TokenWorld, both: tuple[Server, Server]) -> None:
    original, ours = map(asking, both)
    stock(ours, world.good(SCOPES["everything"])["libtrust id"])
    for scope, entries in SCOPES.items():
        token = world.good(entries)["libtrust id"]
        for name in ACTIONS.keys() - NOT_THERE:
            for repo in REPOSITORIES[:2]:
                statuses = [
                    send(ask, ACTIONS[name], repo, token, "").status for ask in (original, ours)
                ]
                refused = [status in (401, 403) for status in statuses]
                assert refused[0] == refused[1], (scope, name, repo, statuses)
