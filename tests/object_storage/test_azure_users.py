"""An application of Microsoft's directory uses a container: by tokens, and by keys it is lent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.azure.opened import open_azure
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.http import HttpClient
from tests.authority import CertificateAuthority
from tests.contract.content import names_of, sliced, some_bytes, upload, whole
from tests.object_storage.clouds import MIB, PART
from tests.object_storage.directory import Directory, directory
from tests.object_stores import azure_server

CONTENT = some_bytes(2 * PART + 100)


@pytest.fixture
def tokens() -> Iterator[Directory]:
    with directory() as running:
        yield running


@pytest.fixture
def driver(tokens: Directory, tmp_path: Path) -> Iterator[ObjectStoreDriver]:
    certificate = CertificateAuthority(tmp_path / "certificates").issue("azurite")
    with azure_server(tmp_path, certificate) as server:
        settings = server.settings(
            kind="client_secret",
            client="an-application",
            tenant="a-tenant",
            secret="its secret",
            verify=False,
            buffers=40 * MIB,
        )
        yield open_azure(settings, SystemClock(), environment={"AZURE_AUTHORITY_HOST": tokens.url})


async def test_an_application_stores_and_its_clients_fetch(
    driver: ObjectStoreDriver, tokens: Directory
) -> None:
    await driver.start()
    await driver.put("/blobs/data", sliced(CONTENT, PART))
    await upload(driver, "/uploads/data", CONTENT[: 2 * PART])
    assert await names_of(driver, "/") == ["blobs", "uploads"]
    assert await whole(driver, "/uploads/data") == CONTENT[: 2 * PART]
    for lifetime in (60, 120):
        url = await driver.url_for("/blobs/data", lifetime, "GET")
        assert url is not None
        assert (await _fetched(url)) == (200, CONTENT)
        assert (await _fetched(url.replace("blobs", "other")))[0] == 403
    [(path, form)] = tokens.asked
    assert path == "/a-tenant/oauth2/v2.0/token"
    assert (form["client_id"], form["client_secret"]) == ("an-application", "its secret")
    await driver.delete("/blobs")
    await driver.delete("/uploads")
    assert await names_of(driver, "/") == []


async def _fetched(url: str) -> tuple[int, bytes]:
    http = HttpClient(verify=False)
    try:
        answer = await http.ask("GET", url, {})
    finally:
        await http.close()
    return answer.status, answer.content
