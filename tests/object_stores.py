"""Object stores for tests: real servers on the loopback address, each on a folder of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerstore.clock import SystemClock
from layerstore.storage.gcs.settings import GcsSettings
from layerstore.storage.objects.http import HttpClient
from layerstore.storage.s3.address import Place
from layerstore.storage.s3.opened import open_bucket
from layerstore.storage.s3.settings import MIB, S3Settings
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
def s3_server(folder: Path) -> Iterator[S3Server]:
    """versitygw, which keeps objects as files below `folder`."""
    port = free_port()
    objects = folder / "objects"
    (objects / BUCKET).mkdir(parents=True)
    command: list[str | Path] = [
        *(need("versitygw"), "--quiet", "--keep-alive", "--port", f"127.0.0.1:{port}"),
        *("--access", ACCESS_KEY, "--secret", SECRET_KEY, "--region", REGION),
        *("posix", objects),
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
