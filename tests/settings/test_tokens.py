"""`auth`: the keys that only a server with a token service, or rules by address, shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.issuer import ISSUER, SERVICE, Signer, claims, entry, today
from tests.servers import Server, layerstore_server
from tests.wire.client import SocketWire
from tests.wire.configured import served

CHOSEN, OTHER = Signer.new("ES256"), Signer.new("EdDSA")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tokens")
    file = folder / "keys.json"
    keys = [one.jwk | {"kid": name} for name, one in (("chosen", CHOSEN), ("other", OTHER))]
    file.write_text(json.dumps({"keys": keys}))
    token = {
        "service": SERVICE,
        "issuer": ISSUER,
        "jwks": str(file),
        "autoredirect": True,
        "autoredirectpath": "/own/tokens",
        "signingalgorithms": ["ES256"],
        "deletescope": "*",
    }
    config = {"auth": {"token": token}}
    with layerstore_server(folder / "storage", config=config, workers=1) as running:
        yield running


def challenge(server: Server, method: str, target: str) -> str:
    return SocketWire(server.host).ask(method, target).header("www-authenticate") or ""


def test_a_service_on_the_same_host_is_found_below_its_path(server: Server) -> None:
    realm = f"http://{server.host}/own/tokens"
    assert challenge(server, "GET", "/v2/") == f'Bearer realm="{realm}",service="{SERVICE}"'


def test_deleting_is_asked_for_in_the_word_that_is_set(server: Server) -> None:
    told = challenge(server, "DELETE", "/v2/a/manifests/latest")
    assert told.endswith(',scope="repository:a:*"')


@pytest.mark.parametrize(
    ("signer", "kid", "status"),
    [(CHOSEN, "chosen", 404), (OTHER, "other", 401), (CHOSEN, "absent", 401)],
)
def test_keys_of_the_file_count_under_the_algorithms_that_are_set(
    signer: Signer, kid: str, status: int, server: Server
) -> None:
    token = signer.token(claims(today(), access=[entry("a", "pull")]), kid=kid)
    headers = {"Authorization": f"Bearer {token}"}
    assert SocketWire(server.host).ask("GET", "/v2/a/tags/list", headers).status == status


RULED = """
http: {trustedproxies: [127.0.0.1]}
auth: {policies: [{addresses: [10.0.0.0/8], actions: [pull]}]}
"""


async def test_rules_go_by_the_address_that_a_named_proxy_tells(tmp_path: Path) -> None:
    async with served(RULED, tmp_path) as server:
        for address, status in (("10.1.2.3", 404), ("192.0.2.1", 403)):
            headers = f"X-Forwarded-For: {address}\r\n"
            assert (await server.ask("/v2/a/tags/list", headers=headers)).status == status
