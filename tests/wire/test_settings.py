"""Each key does what it says, from the text of a file to an answer over a real socket.

What a setting means to one room is tested in that room; here is tested that it gets there.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from layerstore.oci.descriptor import SCHEMA1_SIGNED
from tests.edge import WAIT_S, Answer, Connection, Served
from tests.servers import layerstore_server
from tests.wire.client import SocketWire
from tests.wire.configured import served
from tests.wire.stock import (
    ABSENT,
    CONFIG,
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    LAYER,
    OCI_INDEX,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    docker_image,
    image,
    index,
    platform,
)


async def push_blob(server: Served, content: bytes) -> Answer:
    target = f"/v2/a/b/blobs/uploads/?digest={digest_of(content)}"
    return await server.ask(target, method="POST", body=content)


async def push(server: Served, manifest: bytes, reference: str = "t", kind: str = "") -> Answer:
    kind = kind or json.loads(manifest)["mediaType"]
    target = f"/v2/a/b/manifests/{reference}"
    return await server.ask(
        target, method="PUT", headers=f"Content-Type: {kind}\r\n", body=manifest
    )


async def push_image(server: Served, manifest: bytes | None = None) -> Answer:
    for content in (CONFIG, LAYER):
        assert (await push_blob(server, content)).status == 201
    return await push(server, manifest or image())


def codes(answer: Answer) -> list[str]:
    return [error["code"] for error in json.loads(answer.body or b"")["errors"]]


@pytest.mark.parametrize(("enabled", "status"), [("true", 202), ("false", 405)])
async def test_storage_delete_enabled(enabled: str, status: int, tmp_path: Path) -> None:
    text = f"storage: {{inmemory: , delete: {{enabled: {enabled}}}}}"
    async with served(text, tmp_path) as server:
        await push_image(server)
        assert (await server.ask("/v2/a/b/manifests/t", method="DELETE")).status == status


async def test_storage_maintenance_readonly_enabled(tmp_path: Path) -> None:
    text = "storage: {inmemory: , maintenance: {readonly: {enabled: true}}}"
    async with served(text, tmp_path) as server:
        assert (await push_blob(server, LAYER)).status == 405
        assert (await server.ask("/v2/")).status == 200


async def test_http_headers(tmp_path: Path) -> None:
    text = "\nhttp: {headers: {X-Content-Type-Options: [nosniff]}}"
    async with served(text, tmp_path) as server:
        assert (await server.ask("/v2/")).headers["x-content-type-options"] == "nosniff"


async def test_http_headers_add_to_what_is_said_anyway_and_replace_none_of_it(
    tmp_path: Path,
) -> None:
    """As the original's: what an answer says of itself stands above the configuration."""
    headers = "{Cache-Control: [no-store], Location: [/x], X-Own: [a, b]}"
    async with served(f"\nhttp: {{headers: {headers}}}", tmp_path) as server:
        await push_blob(server, LAYER)
        wire = SocketWire(f"127.0.0.1:{server.port}")
        base, begun, blob = [
            await asyncio.to_thread(wire.ask, method, target)
            for method, target in (
                ("GET", "/v2/"),
                ("POST", "/v2/a/b/blobs/uploads/"),
                ("GET", f"/v2/a/b/blobs/{digest_of(LAYER)}"),
            )
        ]
    assert base.every("cache-control") == ["no-store"]
    assert base.every("x-own") == ["a", "b"]
    assert [one.partition("?")[0][:20] for one in begun.every("location")] == [
        "/v2/a/b/blobs/upload"
    ]
    assert blob.every("cache-control") == ["max-age=31536000"]


async def test_http_prefix(tmp_path: Path) -> None:
    async with served("\nhttp: {prefix: /team/}", tmp_path) as server:
        assert (await server.ask("/team/v2/")).status == 200
        assert (await server.ask("/v2/")).status == 404
        answer = await server.ask("/team/v2/a/b/blobs/uploads/", method="POST")
        assert answer.headers["location"].startswith("/team/v2/a/b/blobs/uploads/")


HISTORY = json.dumps(
    {"architecture": "amd64", "history": [{"created_by": "ADD"}], "rootfs": {"diff_ids": ["x"]}}
).encode()
SCHEMA2 = json.dumps(
    json.loads(docker_image()) | {"config": descriptor(HISTORY, DOCKER_CONFIG)}
).encode()
FORWARDED = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\n"

LOCATIONS = [
    ("", "/v2/"),
    ("\nhttp: {relativeurls: true}", "/v2/"),
    ("\nhttp: {relativeurls: false}", "http://registry.example/v2/"),
    ("\nhttp: {host: 'https://fixed.example:5000'}", "https://fixed.example:5000/v2/"),
    ("\nhttp: {host: 'HTTPS://fixed.example/base/'}", "https://fixed.example/base/v2/"),
    ("\nhttp: {host: 'https://fixed.example/base'}", "https://fixed.example/v2/"),
    ("\nhttp: {relativeurls: false, trustedproxies: [127.0.0.0/8]}", "https://public.example/v2/"),
    ("\nhttp: {relativeurls: false, trustedproxies: [10.0.0.0/8]}", "http://registry.example/v2/"),
]


@pytest.mark.parametrize(("text", "beginning"), LOCATIONS)
async def test_http_host_relativeurls_and_trustedproxies(
    text: str, beginning: str, tmp_path: Path
) -> None:
    """Bug museum 15: what is forwarded by nobody in particular is passed over."""
    async with served(text, tmp_path) as server:
        target = "/v2/a/b/blobs/uploads/"
        answer = await server.ask(target, method="POST", headers=FORWARDED)
        assert answer.headers["location"].startswith(f"{beginning}a/b/blobs/uploads/")


async def test_catalog_maxentries_and_tags_maxtags(tmp_path: Path) -> None:
    async with served("\ncatalog: {maxentries: 1}\ntags: {maxtags: 2}", tmp_path) as server:
        await push_image(server)
        for tag in ("u", "v", "w"):
            await push(server, image(), tag)
        tags = json.loads((await server.ask("/v2/a/b/tags/list?n=50")).body or b"")
        assert tags["tags"] == ["t", "u"]
        assert (await server.ask("/v2/_catalog?n=1")).status == 200
        assert (await server.ask("/v2/_catalog?n=2")).status == 400


async def test_without_n_a_page_of_the_catalog_is_never_above_the_limit(tmp_path: Path) -> None:
    async with served("\ncatalog: {maxentries: 1}", tmp_path) as server:
        await push_image(server)
        empty = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
        kind = f"Content-Type: {OCI_INDEX}\r\n"
        await server.ask("/v2/c/manifests/t", method="PUT", headers=kind, body=empty)
        answer = await server.ask("/v2/_catalog")
        assert json.loads(answer.body or b"") == {"repositories": ["a/b"]}
        assert "last=a%2Fb&n=1" in answer.headers["link"]


async def test_a_server_header_that_is_configured_is_the_only_one(tmp_path: Path) -> None:
    async with served("\nhttp: {headers: {Server: [hidden]}}", tmp_path) as server:
        answer = await server.ask("/v2/")
        assert answer.headers["server"] == "hidden"


NON_DISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar"
ELSEWHERE = descriptor(b"elsewhere", NON_DISTRIBUTABLE) | {"urls": ["https://good.example/l"]}
FOREIGN = json.dumps(json.loads(image(())) | {"layers": [ELSEWHERE]}).encode()


@pytest.mark.parametrize(
    ("urls", "status"),
    [
        ("{}", 400),
        ("{allow: ['^https://good']}", 201),
        ("{allow: ['^https://other']}", 400),
        ("{allow: ['.*'], deny: [good]}", 400),
    ],
)
async def test_validation_manifests_urls(urls: str, status: int, tmp_path: Path) -> None:
    text = f"\nvalidation: {{manifests: {{urls: {urls}}}}}"
    async with served(text, tmp_path) as server:
        await push_blob(server, CONFIG)
        assert (await push(server, FOREIGN)).status == status


@pytest.mark.parametrize(("references", "status"), [("all", 400), ("none", 201)])
async def test_validation_manifests_references(
    references: str, status: int, tmp_path: Path
) -> None:
    text = f"\nvalidation: {{manifests: {{references: {references}}}}}"
    async with served(text, tmp_path) as server:
        assert (await push(server, image())).status == status


ABSENT_CHILD = index(
    {"mediaType": OCI_MANIFEST, "digest": ABSENT, "size": 9, **platform("riscv64")},
    media_type=OCI_INDEX,
)


@pytest.mark.parametrize(
    ("indexes", "status"),
    [
        ("{platforms: all}", 400),
        ("{platforms: none}", 201),
        ("{platforms: list, platformlist: [{os: linux, architecture: amd64}]}", 201),
        ("{platforms: list, platformlist: [{os: linux, architecture: riscv64}]}", 400),
    ],
)
async def test_validation_manifests_indexes(indexes: str, status: int, tmp_path: Path) -> None:
    text = f"\nvalidation: {{manifests: {{indexes: {indexes}}}}}"
    async with served(text, tmp_path) as server:
        assert (await push(server, ABSENT_CHILD)).status == status


async def test_validation_disabled(tmp_path: Path) -> None:
    text = "\nvalidation: {disabled: true, manifests: {references: none, urls: {deny: [good]}}}"
    async with served(text, tmp_path) as server:
        assert codes(await push(server, image())) == ["MANIFEST_BLOB_UNKNOWN"] * 2
        await push_blob(server, CONFIG)
        assert (await push(server, FOREIGN)).status == 201


async def test_policy_repository_classes(tmp_path: Path) -> None:
    async with served("\npolicy: {repository: {classes: [plugin]}}", tmp_path) as server:
        assert codes(await push_image(server)) == ["DENIED"]


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        ("{manifestbytes: 100}", 413, "SIZE_INVALID"),
        ("{references: 1}", 400, "MANIFEST_INVALID"),
    ],
)
async def test_limits_of_manifests(limits: str, status: int, code: str, tmp_path: Path) -> None:
    async with served(f"\nlimits: {limits}", tmp_path) as server:
        answer = await push_image(server)
        assert (answer.status, codes(answer)) == (status, [code])


async def test_limits_indexdepth(tmp_path: Path) -> None:
    async with served("\nlimits: {indexdepth: 1}", tmp_path) as server:
        await push_image(server)
        flat = index(descriptor(image(), OCI_MANIFEST))
        assert (await push(server, flat, "flat")).status == 201
        answer = await push(server, index(descriptor(flat, OCI_INDEX)), "deep")
        assert (answer.status, codes(answer)) == (400, ["MANIFEST_INVALID"])


HALF_A_LAYER = (
    f"POST /v2/a/b/blobs/uploads/?digest={digest_of(LAYER)} HTTP/1.1\r\n"
    f"Host: registry.example\r\nContent-Length: {len(LAYER)}\r\n\r\n"
).encode() + LAYER[:10]


async def refused_beside(server: Served, connection: Connection) -> Answer:
    """The refusal of a push that runs into one which has begun on the connection."""
    await connection.send(HALF_A_LAYER)
    async with asyncio.timeout(WAIT_S):
        while (answer := await push_blob(server, CONFIG)).status == 201:
            pass
    return answer


async def test_limits_uploadsperclient(tmp_path: Path) -> None:
    """Bug museum 16: who was refused has left nothing behind that counts against him."""
    async with served("\nlimits: {uploadsperclient: 1}", tmp_path) as server:
        async with server.connection() as connection:
            refused = await refused_beside(server, connection)
            assert (refused.status, codes(refused)) == (429, ["TOOMANYREQUESTS"])
            assert refused.headers["retry-after"] == "1"
            await connection.send(LAYER[10:])
            assert (await connection.answer()).status == 201
        assert (await push_blob(server, CONFIG)).status == 201


@pytest.mark.parametrize(
    ("limits", "target", "headers", "status"),
    [
        ("{querybytes: 10}", "/v2/_catalog?n=1234567890", "", 414),
        ("{pathbytes: 20}", "/v2/a/b/c/d/e/f/tags/list", "", 414),
        ("{headerbytes: 100}", "/v2/", f"X-Long: {'x' * 100}\r\n", 431),
    ],
)
async def test_limits_of_requests(
    limits: str, target: str, headers: str, status: int, tmp_path: Path
) -> None:
    async with served(f"\nlimits: {limits}", tmp_path) as server:
        assert (await server.ask(target, headers=headers)).status == status
        assert (await server.ask("/v2/")).status == 200


async def test_limits_progresstimeout(tmp_path: Path) -> None:
    text = "\nlimits: {progresstimeout: 50ms}"
    async with served(text, tmp_path) as server, server.connection() as connection:
        await connection.send(HALF_A_LAYER)
        assert (await connection.answer()).status == 408


async def test_limits_tagsperpush(tmp_path: Path) -> None:
    async with served("\nlimits: {tagsperpush: 1}", tmp_path) as server:
        await push_image(server)
        for tags, status in (("tag=u", 201), ("tag=u&tag=v", 414)):
            reference = f"{digest_of(image())}?{tags}"
            assert (await push(server, image(), reference)).status == status


@pytest.mark.parametrize(
    ("enabled", "kind"), [("true", SCHEMA1_SIGNED), ("false", DOCKER_MANIFEST)]
)
async def test_compatibility_schema1_enabled(enabled: str, kind: str, tmp_path: Path) -> None:
    """Decisions 6, row 4: an old client gets schema 1 of what is stored as schema 2."""
    text = f"\ncompatibility: {{schema1: {{enabled: {enabled}}}}}"
    async with served(text, tmp_path) as server:
        await push_blob(server, HISTORY)
        assert (await push_image(server, SCHEMA2)).status == 201
        old = f"Accept: {SCHEMA1_SIGNED}\r\n"
        answer = await server.ask("/v2/a/b/manifests/t", headers=old)
    assert answer.headers["content-type"] == kind
    assert ("warning" in answer.headers) == (kind == SCHEMA1_SIGNED)
    as_stored = answer.headers["docker-content-digest"] == digest_of(SCHEMA2)
    assert as_stored == (kind == DOCKER_MANIFEST)


async def test_auth_silly_and_policies(tmp_path: Path) -> None:
    text = "\nauth: {silly: {realm: r, service: s}, policies: [{actions: [pull]}]}"
    async with served(text, tmp_path) as server:
        assert (await server.ask("/v2/a/b/tags/list")).status == 404
        assert (await push_blob(server, LAYER)).status == 401


def test_workers_obey_the_settings_of_their_edge(tmp_path: Path) -> None:
    config = {
        "http": {"relativeurls": False, "trustedproxies": ["127.0.0.1"]},
        "limits": {"querybytes": 10},
    }
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example"}
    with layerstore_server(tmp_path / "root", config=config, workers=1) as server:
        wire = SocketWire(server.host)
        assert wire.ask("GET", "/v2/_catalog?n=1234567890").status == 414
        location = wire.ask("POST", "/v2/a/b/blobs/uploads/", forwarded).location
        assert location.startswith("https://public.example/v2/")
