"""Google's and Microsoft's stores as a test sees them: servers that play them, drivers on those."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from layerstore.clock import Clock
from layerstore.storage.azure.opened import open_azure
from layerstore.storage.gcs.keyfiles import Credentials
from layerstore.storage.gcs.opened import open_gcs
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.http import Answer
from tests.instances import balancer
from tests.issuer import Signer
from tests.meddling import KindOf, MeddlingClient, azure_kind_of, gcs_kind_of
from tests.object_storage.directory import directory
from tests.object_stores import BUCKET, azure_server, gcs_server
from tests.servers import Server, layerstore_server

MIB = 1024 * 1024
PART = 5 * MIB


@dataclass(frozen=True)
class Cloud:
    """A running store of one of them.

    `keys` are those of everything that costs in a folder; `refused` is an answer in its words;
    `parameters` stand under `storage.<name>`.
    """

    name: str
    page_heading: str
    kind_of: KindOf
    open: Callable[[str, Clock, MeddlingClient], ObjectStoreDriver]
    keys: Callable[[str], Coroutine[Any, Any, list[str]]]
    refused: Callable[[int, str], Answer]
    parameters: dict[str, Any]


@contextmanager
def gcs(folder: Path) -> Iterator[Cloud]:
    with gcs_server(folder) as server, directory() as tokens:
        account = {
            "type": "service_account",
            "client_email": "registry@project.example",
            "private_key_id": "1",
            "private_key": Signer.new("RS256").pem.decode(),
            "token_uri": f"{tokens.url}/token",
        }

        def opened(root: str, clock: Clock, client: MeddlingClient) -> ObjectStoreDriver:
            settings = server.settings(
                credentials=msgspec.convert(account, Credentials),
                root=root,
                buffers=40 * MIB,
                part_bytes=PART,
                record_pause_s=0,
            )
            return open_gcs(settings, clock, client)

        yield Cloud(
            "gcs",
            "Requests to Google Cloud Storage",
            gcs_kind_of,
            opened,
            server.keys,
            lambda status, word: Answer(
                status, {}, b'{"error": {"errors": [{"reason": "%s"}]}}' % word.encode()
            ),
            {"bucket": BUCKET, "endpoint": server.endpoint, "credentials": account},
        )


@contextmanager
def azure(folder: Path) -> Iterator[Cloud]:
    with azure_server(folder) as server:

        def opened(root: str, clock: Clock, client: MeddlingClient) -> ObjectStoreDriver:
            settings = server.settings(root=root, buffers=40 * MIB, part_bytes=PART)
            return open_azure(settings, clock, client)

        yield Cloud(
            "azure",
            "Requests to Azure Blob Storage",
            azure_kind_of,
            opened,
            server.keys,
            lambda status, word: Answer(status, {"x-ms-error-code": word}, b""),
            server.parameters(),
        )


CLOUDS = {"gcs": gcs, "azure": azure}


def on(cloud: Cloud, root: str = "/below/this", **more: Any) -> dict[str, Any]:
    """What a configuration says that stores there; `more` stands beside the driver."""
    ours = {"chunksize": PART, "rootdirectory": root}
    return {"storage": {"filesystem": None, cloud.name: {**cloud.parameters, **ours}, **more}}


@contextmanager
def cloud_instances(folder: Path, name: str) -> Iterator[Server]:
    """Two instances on a new store of that name, behind a balancer."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        cloud = stack.enter_context(CLOUDS[name](folder))
        config = on(cloud, delete={"enabled": True})
        servers = [
            stack.enter_context(layerstore_server(folder / f"instance-{turn}", config=config))
            for turn in range(2)
        ]
        yield stack.enter_context(balancer(folder, [server.host for server in servers]))
