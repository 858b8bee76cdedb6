"""`storage.maintenance.uploadpurging`: what becomes of an upload that nobody goes on with."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.processes import wait_until
from tests.servers import Server, layerstore_server
from tests.wire.client import SocketWire

OFTEN = {"age": "1ms", "interval": "1s"}


def purging(**keys: Any) -> dict[str, Any]:
    return {"storage": {"maintenance": {"uploadpurging": keys}}, "http": {"workers": 1}}


def begun(server: Server) -> str:
    return SocketWire(server.host).ask("POST", "/v2/a/b/blobs/uploads/").location


def stands(server: Server, location: str) -> bool:
    return SocketWire(server.host).ask("GET", location).status == 204


def told(server: Server, words: str) -> bool:
    return words in server.log.read_text()


def test_old_uploads_go_unless_it_is_a_dry_run_or_switched_off_or_they_are_young(
    tmp_path: Path,
) -> None:
    """All side by side, so that the one that purges says how long the others had for it."""
    kinds = {
        "purges": purging(**OFTEN),
        "dry": purging(**OFTEN, dryrun=True),
        "off": purging(**OFTEN, enabled=False),
        "young": purging(age="1h", interval="1s"),
    }
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(layerstore_server(tmp_path / name, config=config))
            for name, config in kinds.items()
        }
        locations = {name: begun(server) for name, server in servers.items()}
        wait_until(lambda: not stands(servers["purges"], locations["purges"]), "it is purged")
        wait_until(lambda: told(servers["dry"], "1 uploads would be removed"), "the dry run")
        wait_until(lambda: told(servers["young"], "0 uploads removed, 1 kept"), "one that stays")
        assert not told(servers["off"], "upload purging")
        for name in ("dry", "off", "young"):
            assert stands(servers[name], locations[name])
