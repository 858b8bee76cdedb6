"""Object stores for tests: real servers on the loopback address, each on a folder of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from layerstore.clock import SystemClock
from layerstore.storage.azure.address import (
    EMULATED_ACCOUNT,
    EMULATED_KEY,
    Account,
    Address,
    Query,
    account_of,
)
from layerstore.storage.azure.answers import page_of
from layerstore.storage.azure.authority import Asked, ByKey
from layerstore.storage.azure.settings import AzureSettings
from layerstore.storage.azure.signature import VERSION, SharedKey
from layerstore.storage.gcs.opened import open_bucket as open_gcs_bucket
from layerstore.storage.gcs.settings import GcsSettings
from layerstore.storage.objects.http import Answer, HttpClient
from layerstore.storage.s3.address import Place
from layerstore.storage.s3.opened import open_bucket
from layerstore.storage.s3.settings import MIB, S3Settings
from tests.authority import Pair
from tests.processes import Process, accepts, free_port, running
from tests.programs import need

ACCESS_KEY = "access-of-the-tests"
SECRET_KEY = "secret of the tests"
REGION = "us-east-1"
BUCKET = "registry"


@dataclass(frozen=True)
class S3Server:
    """A running server of S3 with one bucket in it. `folder` is where it keeps the objects."""

    endpoint: str
    process: Process
    folder: Path

    @property
    def place(self) -> Place:
        return Place(BUCKET, REGION, self.endpoint, path_style=True)

    def settings(self, **more: Any) -> S3Settings:
        """For a driver of our own, with parts of 5 MiB unless told otherwise."""
        given = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "part_bytes": 5 * MIB}
        return S3Settings(self.place, **{**given, **more})

    def parameters(self, **more: Any) -> dict[str, Any]:
        """As they stand under `storage.s3` in a configuration file."""
        return {
            "accesskey": ACCESS_KEY,
            "secretkey": SECRET_KEY,
            "region": REGION,
            "regionendpoint": self.endpoint,
            "bucket": BUCKET,
            **more,
        }


@contextmanager
def s3_server(folder: Path, *, many_parts: bool = False) -> Iterator[S3Server]:
    """versitygw, which keeps objects as files below `folder`.

    What it knows of them are attributes of the files, which have room for the parts of a GiB; with
    `many_parts` they are files of their own.
    """
    port = free_port()
    objects = folder / "objects"
    known = folder / "known"
    known.mkdir()
    (objects / BUCKET).mkdir(parents=True)
    command: list[str | Path] = [
        *(need("versitygw"), "--quiet", "--keep-alive", "--port", f"127.0.0.1:{port}"),
        *("--access", ACCESS_KEY, "--secret", SECRET_KEY, "--region", REGION),
        *("posix", *(("--sidecar", known) if many_parts else ()), objects),
    ]
    endpoint = f"http://127.0.0.1:{port}"
    with running(
        command, log=folder / "versitygw.log", ready=lambda: accepts(port) and _answers(endpoint)
    ) as process:
        yield S3Server(endpoint, process, objects)


def _answers(endpoint: str) -> bool:
    settings = S3Settings(
        Place(BUCKET, REGION, endpoint, path_style=True),
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
    )

    async def ask() -> None:
        bucket = open_bucket(settings, SystemClock(), HttpClient())
        try:
            await bucket.check()
        finally:
            await bucket.close()

    asyncio.run(ask())
    return True


@dataclass(frozen=True)
class GcsServer:
    """A running server of Google Cloud Storage with one bucket in it."""

    endpoint: str
    process: Process

    def settings(self, **more: Any) -> GcsSettings:
        """For a driver of our own; it says who it is only when it is told to."""
        return GcsSettings(BUCKET, **{"endpoint": self.endpoint, **more})

    def environment(self) -> dict[str, str]:
        """What makes a client ask it, and say nothing about itself."""
        return {"STORAGE_EMULATOR_HOST": self.endpoint}

    async def keys(self, folder: str = "") -> list[str]:
        """Of all objects, those of parts among them."""
        bucket = open_gcs_bucket(self.settings(), SystemClock(), None, self.environment())
        try:
            return [item.key for item in (await bucket.page(folder)).objects]
        finally:
            await bucket.close()


@contextmanager
def gcs_server(folder: Path) -> Iterator[GcsServer]:
    """fake-gcs-server, which keeps objects in its memory. `folder` is for its log."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    (folder / "data" / BUCKET).mkdir(parents=True)
    command: list[str | Path] = [
        *(need("fake-gcs-server"), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)),
        *("-backend", "memory", "-data", folder / "data", "-log-level", "error"),
        *("-public-host", f"127.0.0.1:{port}", "-external-url", endpoint),
    ]
    with running(command, log=folder / "gcs.log", ready=lambda: accepts(port)) as process:
        yield GcsServer(endpoint, process)


@dataclass(frozen=True)
class AzureServer:
    """A running server of Azure Blob Storage with one container in it."""

    url: str
    process: Process

    @property
    def account(self) -> Account:
        return account_of(EMULATED_ACCOUNT, EMULATED_KEY, "", self.url)

    def settings(self, **more: Any) -> AzureSettings:
        """For a driver of our own, with blocks of 5 MiB unless told otherwise."""
        return AzureSettings(self.account, BUCKET, **{"part_bytes": 5 * MIB, **more})

    def parameters(self, **more: Any) -> dict[str, Any]:
        """As they stand under `storage.azure` in a configuration file."""
        return {
            "accountname": EMULATED_ACCOUNT,
            "accountkey": EMULATED_KEY,
            "serviceurl": self.url,
            "container": BUCKET,
            **more,
        }

    async def keys(self, folder: str = "") -> list[str]:
        """Of all blobs, those of which there are only blocks among them."""
        query = [
            *(("restype", "container"), ("comp", "list")),
            *(("include", "uncommittedblobs"), ("prefix", folder)),
        ]
        return [item.key for item in page_of((await self.ask("GET", query=query)).content).objects]

    async def ask(
        self,
        method: str,
        key: str = "",
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """What the store answers to the account itself; without a key about the container."""
        address = Address(EMULATED_ACCOUNT, self.url, BUCKET)
        authority = ByKey(address, SharedKey.of(EMULATED_ACCOUNT, EMULATED_KEY))
        date = format_datetime(SystemClock().now(), usegmt=True)
        dated = {**(headers or {}), "x-ms-date": date, "x-ms-version": VERSION}
        path = address.path(key)
        text, sent = await authority.sent(Asked(method, path, query, dated, len(body)))
        http = HttpClient(verify=False)
        try:
            return await http.ask(method, address.url(path, text), sent, body)
        finally:
            await http.close()


@contextmanager
def azure_server(folder: Path, certificate: Pair | None = None) -> Iterator[AzureServer]:
    """Azurite, which keeps blobs in its memory; `folder` is for its log.

    With a certificate it speaks TLS, and takes users by their tokens too.
    """
    port = free_port()
    scheme = "https" if certificate else "http"
    url = f"{scheme}://127.0.0.1:{port}/{EMULATED_ACCOUNT}"
    command: list[str | Path] = [
        *(need("azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", str(port)),
        *("--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"),
    ]
    if certificate is not None:
        command += ["--cert", certificate.certificate, "--key", certificate.key, "--oauth", "basic"]
    with running(command, log=folder / "azurite.log", ready=lambda: accepts(port)) as process:
        server = AzureServer(url, process)
        made = asyncio.run(server.ask("PUT", query=[("restype", "container")]))
        assert made.status == 201, made
        yield server
