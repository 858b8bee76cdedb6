"""`storage.azure`: what each key changes in the requests that a store is sent."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from layerstore.storage.driver import StorageUnavailable
from layerstore.storage.objects.http import Answer
from tests.fakes import FakeClock
from tests.object_stores import AzureServer, azure_server
from tests.settings.stores import MIB, Request, Sent, opened, zeros

KEY = base64.b64encode(b"a key of the account").decode()
OTHER_KEY = base64.b64encode(b"another key of it").decode()
GIVEN = {"accountname": "images", "accountkey": KEY, "container": "layers"}
AZURE = "https://images.blob.core.windows.net"


def answer(request: Request) -> Answer:
    if "oauth2" in request.url:
        return Answer(200, {}, b'{"access_token": "for-the-application", "expires_in": 3600}')
    return Answer(201, {"ETag": '"tag"'}, b"")


@pytest.fixture
def store(sent: Sent) -> Sent:
    sent.answer = answer
    return sent


async def put(folder: Path, store: Sent, **keys: Any) -> Request:
    """How one small file is written."""
    await opened(folder, "azure", {**GIVEN, **keys}).put("/a/b", b"content")
    return store.of("PUT")[-1]


CONNECTION = f"AccountName=named;AccountKey={OTHER_KEY};EndpointSuffix=cloud.example"
ADDRESSES: list[tuple[dict[str, Any], str, str]] = [
    ({}, f"{AZURE}/layers/a/b", "images"),
    ({"accountname": "other"}, "https://other.blob.core.windows.net/layers/a/b", "other"),
    ({"container": "others"}, f"{AZURE}/others/a/b", "images"),
    ({"realm": "core.example"}, "https://images.blob.core.example/layers/a/b", "images"),
    ({"serviceurl": "http://store.example:1"}, "http://store.example:1/layers/a/b", "images"),
    ({"rootdirectory": "/some/prefix/"}, f"{AZURE}/layers/some/prefix/a/b", "images"),
    ({"connectionstring": CONNECTION}, "https://named.blob.cloud.example/layers/a/b", "named"),
]


@pytest.mark.parametrize(("keys", "address", "account"), ADDRESSES, ids=str)
async def test_where_a_file_is_written(
    keys: dict[str, Any], address: str, account: str, tmp_path: Path, store: Sent
) -> None:
    written = await put(tmp_path, store, **keys)
    assert written.url == address
    assert written.headers["authorization"].startswith(f"SharedKey {account}:")


async def test_accountkey_signs(tmp_path: Path, store: Sent) -> None:
    signed = {
        (await put(tmp_path, store, accountkey=key)).headers["authorization"]
        for key in (KEY, OTHER_KEY, KEY)
    }
    assert len(signed) == 2


async def test_an_application_of_the_credentials_asks_for_a_token(
    tmp_path: Path, store: Sent
) -> None:
    credentials = {"type": "client_secret", "clientid": "app", "tenantid": "ten", "secret": "s"}
    written = await put(tmp_path, store, credentials=credentials)
    assert written.headers["authorization"] == "Bearer for-the-application"
    (token,) = store.of("POST")
    assert token.url.endswith("/ten/oauth2/v2.0/token")
    form = parse_qs(token.content.decode())
    assert (form["client_id"], form["client_secret"]) == (["app"], ["s"])


@pytest.mark.parametrize("skipverify", [True, False])
async def test_skipverify_is_whether_certificates_go_unchecked(
    skipverify: bool, tmp_path: Path, store: Sent
) -> None:
    await put(tmp_path, store, skipverify=skipverify)
    assert store.clients == [{"verify": not skipverify}]


async def failing(folder: Path, sent: Sent, **keys: Any) -> float:
    """The seconds after which a call to a store that always fails is given up."""
    sent.answer = lambda _: Answer(503, {}, b"")
    sent.requests.clear()
    clock = FakeClock()
    driver = opened(folder, "azure", {**GIVEN, **keys}, clock=clock)
    with pytest.raises(StorageUnavailable):
        await driver.put("/a/b", b"content")
    return clock.monotonic()


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_max_retries_is_how_often_a_call_is_tried_again(
    retries: int, tmp_path: Path, sent: Sent
) -> None:
    await failing(tmp_path, sent, max_retries=retries)
    assert len(sent.requests) == retries + 1


async def test_retry_delay_is_the_time_before_the_first_of_these(
    tmp_path: Path, sent: Sent
) -> None:
    short = await failing(tmp_path, sent, max_retries=1, retry_delay="100ms")
    long = await failing(tmp_path, sent, max_retries=1, retry_delay="1s")
    assert 0 < short <= 0.2
    assert long == pytest.approx(10 * short)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with azure_server(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.mark.parametrize(("written", "sizes"), [(5, [5, 5, 1]), (6, [6, 5])])
async def test_chunksize_is_that_of_a_block(
    written: int, sizes: list[int], server: AzureServer, tmp_path: Path, sent: Sent
) -> None:
    keys = server.parameters(chunksize=written * MIB, buffers=100 * MIB)
    await opened(tmp_path, "azure", keys, fake=False).put("/whole", zeros(11 * MIB))
    assert [one.size // MIB for one in sent.requests if one.kind == "part"] == sizes


@pytest.mark.parametrize(("buffers", "most"), [(5, 1), (10, 2)])
async def test_buffers_bound_the_blocks_that_are_sent_side_by_side(
    buffers: int, most: int, server: AzureServer, tmp_path: Path, sent: Sent
) -> None:
    keys = server.parameters(chunksize=5 * MIB, buffers=buffers * MIB)
    driver = opened(tmp_path, "azure", keys, fake=False)
    await asyncio.gather(*(driver.put(f"/{number}", zeros(10 * MIB)) for number in range(4)))
    assert sent.most["part"] == most
