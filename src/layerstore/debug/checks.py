"""What can be looked at to tell whether a server is well (registry-facts §3.2, `health`).

Each check is one look; it raises Unwell with a sentence. How often, and how many failures matter,
is `health.py`'s.
"""

import asyncio
import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from layerstore.storage.driver import PathNotFound, StorageDriver, StorageError

TIMEOUT_DEFAULT_S: Final = 10.0
"""Seconds for one look where no limit is set."""


class Unwell(Exception):
    """The check fails; the text says why."""


class Check(Protocol):
    """One thing that is looked at."""

    @property
    def name(self) -> str:
        """Under which name its failure is told."""

    async def look(self) -> None:
        """Return if all is well; raise Unwell otherwise."""


@dataclass(frozen=True, slots=True)
class StorageCheck:
    """The storage answers, even if there is nothing in it."""

    driver: StorageDriver

    @property
    def name(self) -> str:
        return f"storagedriver_{self.driver.name}"

    async def look(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_DEFAULT_S):
                await self.driver.stat("/")
        except PathNotFound:
            return
        except StorageError as error:
            raise Unwell(error.reason) from None
        except TimeoutError:
            raise Unwell("the storage does not answer") from None


@dataclass(frozen=True, slots=True)
class FileCheck:
    """A file is not there: operators make it to take a server out of service."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    async def look(self) -> None:
        if await asyncio.to_thread(self.path.exists):
            raise Unwell("file exists")


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A URL answers HEAD with the expected status."""

    uri: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_DEFAULT_S

    @property
    def name(self) -> str:
        return self.uri

    async def look(self) -> None:
        try:
            found = await asyncio.to_thread(self._ask)
        except (OSError, http.client.HTTPException) as error:
            raise Unwell(f"error while checking: {type(error).__name__}") from None
        if found != self.status:
            raise Unwell(f"downstream service returned unexpected status: {found}")

    def _ask(self) -> int:
        parts = urlsplit(self.uri)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(parts.netloc, timeout=self.timeout_s)
        try:
            path = parts.path or "/"
            target = f"{path}?{parts.query}" if parts.query else path
            connection.request("HEAD", target, headers=dict(self.headers))
            return connection.getresponse().status
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """Somebody accepts connections at an address."""

    host: str
    port: int
    timeout_s: float = TIMEOUT_DEFAULT_S

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    async def look(self) -> None:
        try:
            await asyncio.to_thread(self._connect)
        except OSError:
            raise Unwell(f"connection to {self.name} failed") from None

    def _connect(self) -> None:
        socket.create_connection((self.host, self.port), self.timeout_s).close()
