"""Google's and Microsoft's stores as a test sees them: servers that play them, drivers on those."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
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
from tests.issuer import Signer
from tests.meddling import KindOf, MeddlingClient, azure_kind_of, gcs_kind_of
from tests.object_storage.directory import directory
from tests.object_stores import BUCKET, azure_server, gcs_server

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
