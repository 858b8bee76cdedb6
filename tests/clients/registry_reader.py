"""A registry read over plain HTTP, by nobody's client: the second way to what a client pushed."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.clients.content import Content
from tests.clients.layout import MANIFEST_TYPES, READ_BYTES, unpacked_stream_digest

ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """A complete response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class RegistryReader:
    """One repository of the registry at `host`."""

    host: str
    repository: str

    def manifest(self, reference: str) -> Answer:
        return self.ask("GET", f"manifests/{reference}")

    def tags(self) -> list[str]:
        answer = self.ask("GET", "tags/list")
        return sorted(answer.json().get("tags") or []) if answer.status == 200 else []

    def delete(self, kind: str, reference: str) -> int:
        """Delete one of `manifests` or `blobs`; answers with the status."""
        return self.ask("DELETE", f"{kind}/{reference}").status

    def ask(self, method: str, path: str) -> Answer:
        with self._asked(method, path) as response:
            return Answer(response.status, _headers(response), response.read())

    def assert_blob(self, digest: str, expected: Path) -> None:
        """The blob has the bytes of a file; both are read in pieces."""
        with self._asked("GET", f"blobs/{digest}") as response, expected.open("rb") as file:
            assert response.status == 200, (digest, response.status, response.read())
            while piece := response.read(READ_BYTES):
                assert piece == file.read(len(piece)), f"{digest} differs before {file.tell()}"
            assert not file.read(1), f"{digest} ends after {file.tell()} bytes"

    def blob_digest(self, digest: str) -> tuple[str, int]:
        """The SHA-256 digest and the size of what comes when `digest` is asked for."""
        hasher, size = hashlib.sha256(), 0
        with self._asked("GET", f"blobs/{digest}") as response:
            assert response.status == 200, (digest, response.status, response.read())
            while piece := response.read(READ_BYTES):
                hasher.update(piece)
                size += len(piece)
        return f"sha256:{hasher.hexdigest()}", size

    def assert_unpacks_to(self, content: Content, tag: str) -> None:
        """`tag` is an image of the same configuration and of layers with the same files.

        For clients that keep layers unpacked, and compress them again in their own way. Every blob
        has to have the digest and the size that the manifest states.
        """
        manifest, expected = self.manifest(tag).json(), content.document()
        for part in (manifest["config"], *manifest["layers"]):
            assert self.blob_digest(part["digest"]) == (part["digest"], part["size"])
        assert manifest["config"]["digest"] == expected["config"]["digest"]
        unpacked = [self._unpacked_digest(layer["digest"]) for layer in manifest["layers"]]
        assert unpacked == content.unpacked_digests()

    def _unpacked_digest(self, digest: str) -> str:
        with self._asked("GET", f"blobs/{digest}") as response:
            return unpacked_stream_digest(response)

    def assert_holds(self, content: Content, tag: str | None = None) -> None:
        """The repository serves every byte of `content`, and `tag` leads to it."""
        for blob in content.blobs:
            self.assert_blob(blob["digest"], content.layout.blob(blob["digest"]))
        for manifest in content.manifests:
            self._assert_manifest(content, manifest["digest"], manifest["digest"])
        if tag is not None:
            self._assert_manifest(content, tag, content.digest)

    def _assert_manifest(self, content: Content, reference: str, digest: str) -> None:
        answer = self.manifest(reference)
        assert answer.status == 200, (reference, answer)
        assert answer.body == content.layout.blob(digest).read_bytes(), reference
        assert answer.headers["docker-content-digest"] == digest

    @contextmanager
    def _asked(self, method: str, path: str) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self.host, timeout=ANSWER_SECONDS)
        try:
            accept = {"Accept": ", ".join(MANIFEST_TYPES)}
            connection.request(method, f"/v2/{self.repository}/{path}", headers=accept)
            with connection.getresponse() as response:
                if response.status == 307:
                    with _fetched(response.headers["Location"]) as elsewhere:
                        yield elsewhere
                else:
                    yield response
        finally:
            connection.close()


@contextmanager
def _fetched(url: str) -> Iterator[http.client.HTTPResponse]:
    """What is at the address where the registry sends its clients."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}
