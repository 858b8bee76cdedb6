"""Good inputs for every target, from which others are made."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Final

from layerstore.api.state import StateSealer, UploadState
from layerstore.auth.passes import Passes
from layerstore.oci.digest import Digest
from layerstore.oci.hashstate import new_hasher
from layerstore.oci.keys import new_private_key
from layerstore.oci.name import Name, Tag
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    ReferrerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    TagIndex,
    UploadHashState,
    UploadStarted,
)
from tests.fakes import EPOCH, FakeClock
from tests.issuer import Signer, claims, entry
from tests.unit.oci.signers import document, host, payload
from tests.wire import stock

DIGEST: Final = Digest.of(b"")
LONG: Final = Digest.of(b"", "sha512")
UUID: Final = "00000000-0000-4000-8000-000000000000"
TAG: Final = Tag("latest")
NAME: Final = Name("library/alpine")
STATE: Final = UploadState("library/alpine", UUID, 10, "2026-01-02T03:04:05Z")
PAYLOAD: Final = payload()
IMAGE: Final = stock.docker_image()
CONFIGURATION: Final = b"""\
version: 0.1
log: {level: info, fields: {service: registry}}
storage:
  filesystem: {rootdirectory: /var/lib/registry, maxthreads: 100}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: true, age: 168h}, readonly: {enabled: false}}
http:
  addr: :5000
  secret: a secret
  headers: {X-Content-Type-Options: [nosniff]}
  tls: {clientcas: [/a, /b]}
auth: {htpasswd: {realm: a realm, path: /etc/htpasswd}}
notifications:
  endpoints: [{name: one, url: "http://a.example/", timeout: 500ms, threshold: 5, backoff: 1s}]
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
"""

_HASHED: Final = b"$2y$05$" + b"a" * 53
_REPOSITORY: Final = "/docker/registry/v2/repositories"


def pass_of(made: Passes) -> bytes:
    """The pass of nobody."""
    return made.issue("").text.encode()


def _hash_state() -> bytes:
    hasher = new_hasher("sha256")
    hasher.update(b"a" * 100)
    return hasher.state() or b""


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_SIGNER: Final = Signer.new("ES256")
_TOKEN: Final = _SIGNER.token(claims(EPOCH, access=[entry("a", "pull")]), kid=_SIGNER.thumbprint)
_EXAMPLES: Final = sorted(Path("tests/unit/config/examples").glob("*.yml"))

GOOD: Final[dict[str, list[bytes]]] = {
    "routes": [
        f"{method} {path}".encode()
        for method, path in (
            ("GET", "/v2/"),
            ("GET", "/v2/_catalog?n=10&last=a/b"),
            ("GET", "/v2/a/b/tags/list?n=1&last=x"),
            ("PUT", f"/v2/a/b/manifests/{DIGEST}?tag=a&tag=b"),
            ("DELETE", "/v2/a/manifests/latest"),
            ("GET", f"/v2/a/b/blobs/{LONG}"),
            ("POST", f"/v2/a/blobs/uploads/?mount={DIGEST}&from=b/c"),
            ("POST", f"/v2/a/blobs/uploads/?digest={DIGEST}&digest-algorithm=sha512"),
            ("PATCH", f"/v2/a/blobs/uploads/{UUID}?_state=abc"),
            ("PUT", f"/v2/a/blobs/uploads/{UUID}?_state=abc&digest={DIGEST}"),
            ("GET", f"/v2/a/referrers/{DIGEST}?artifactType=a/b&last={DIGEST}"),
            ("DELETE", "/v2/_layerstore/repositories/a/b"),
            ("GET", "/v2/_oci/ext/discover"),
            ("OPTIONS", "/v2/a/tags/list"),
        )
    ],
    "names": [b"library/alpine", b"a/b-c__d.e/f", b"latest", b"v1.2.3-rc_1", DIGEST.encode()],
    "digests": [
        DIGEST.encode(),
        LONG.encode(),
        f"tarsum.v1+sha256:{'a' * 64}".encode(),
        b"sha384:" + b"0" * 96,
    ],
    "ranges": [b"bytes=0-9", b"bytes=-5", b"bytes=5-", b"bytes=0-0, 2-3,900-2000 ,-1", b"bytes=0-"],
    "content_ranges": [b"0-9", b"10-19", b" 0-9 "],
    "conditions": [f'"{DIGEST}"'.encode(), b'W/"a", "b", c', b"*", f'"a",{DIGEST}'.encode()],
    "accepts": [
        f"{stock.OCI_MANIFEST}, {stock.OCI_INDEX};q=0.5, */*;q=0".encode(),
        b"docker/1.9.1 go/1.4 (linux)",
        b"application/json; q=1; charset=x",
    ],
    "manifests": [
        IMAGE,
        stock.image(annotations={"a": "b"}, subject=stock.descriptor(b"", stock.OCI_MANIFEST)),
        stock.index(stock.descriptor(IMAGE, stock.DOCKER_MANIFEST, **stock.platform("arm", "v7"))),
        PAYLOAD,
    ],
    "signatures": [document(PAYLOAD, host(), host("P-384"), host("RSA")), PAYLOAD],
    "schema1_images": [
        _json(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": "2026-01-02T03:04:05.123456789Z",
                "config": {"Cmd": ["/bin/sh"]},
                "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
                "history": [{"created_by": "a", "empty_layer": True}, {"author": "<b>"}],
            }
        ),
        stock.CONFIG,
    ],
    "keys": [new_private_key(FakeClock().token(48)).as_pem(), _json(_SIGNER.jwk)],
    "tokens": [_TOKEN.encode(), b"Bearer " + _TOKEN.encode()],
    "passwords": [b"Basic " + base64.b64encode(b"user:pass:word"), b"basic dTo="],
    "passes": [pass_of(Passes(b"a secret", FakeClock(), lambda user: None))],
    "states": [StateSealer(b"a secret").seal(STATE).encode()],
    "configurations": [CONFIGURATION, *(example.read_bytes() for example in _EXAMPLES)],
    "variables": [
        b"REGISTRY_HTTP_ADDR=:80\nREGISTRY_LOG_LEVEL=debug",
        b"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/x\nREGISTRY_STORAGE=inmemory",
        b"REGISTRY_HTTP_HEADERS_X-Frame-Options_0=deny\nREGISTRY_HTTP_TLS_CLIENTCAS_1=/c",
        b"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL=http://b.example\nREGISTRY_LOG_FIELDS_A=b",
        b"REGISTRY_HEALTH={storagedriver: {enabled: false}}",
    ],
    "durations": [b"10s", b"1h30m", b"1.5h", b"-1m", b"100ms", b"0", b"+3us"],
    "password_files": [b"# users\ndocker:" + _HASHED + b"\nother:{SHA}abc=\n\n"],
    "patterns": [b"a/* a/b", b"**/b x/y/b", b"a-*-b/c a-x-b/c", b"{user}/** a-user/x"],
    "links": [DIGEST.encode(), LONG.encode(), DIGEST.encode() + b"\n", b"absent"],
    "paths": [
        place.path.encode()
        for place in (
            BlobData(DIGEST),
            LayerLink(NAME, DIGEST),
            RevisionLink(NAME, LONG),
            SignatureLink(NAME, DIGEST, LONG),
            TagCurrent(NAME, TAG),
            TagIndex(NAME, TAG, DIGEST),
            ReferrerLink(NAME, DIGEST, LONG),
            UploadStarted(NAME, UUID),
            UploadHashState(NAME, UUID, "sha256", 100),
        )
    ],
    "hash_states": [_hash_state()],
    "moments": [b"2026-01-02T03:04:05Z", b"2026-01-02T03:04:05.123456789+02:00", b"0001-01-01"],
    "forwarded": [
        b'for=192.0.2.60;proto=http;host="a.example:80", for="[2001:db8::1]:4711"',
        b"203.0.113.7, 10.0.0.1",
        b"[::1]:80",
        b"https",
        b"a.example:5000",
    ],
    "log_lines": [b"GET /v2/ HTTP/1.1", "é\x1b[31m\r\nforged".encode(), b'"quoted" \\'],
}
