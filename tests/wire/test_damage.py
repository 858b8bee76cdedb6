"""Whatever is wrong in the storage folder, no request of any kind is answered with a 500.

And nobody is told of a fault that is none: what is merely stray changes no answer at all.
"""

from __future__ import annotations

import http.client
import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from layerstore.api.state import StateSealer, UploadState
from tests.processes import tail
from tests.servers import SECRET, Server, layerstore_server
from tests.wire.client import ANSWER_SECONDS
from tests.wire.damage import ABSENT, STARTED, TAG, UPLOAD, Damage, Laid, damages, lay, strays
from tests.wire.stock import CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of

LONG = bool(os.environ.get("LAYERSTORE_LONG"))
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with layerstore_server(tmp_path_factory.mktemp("damage") / "root", workers=1) as server:
        yield server


@dataclass(frozen=True)
class Told:
    asked: str
    status: int
    body: bytes


class Asker:
    """Asks the server about one laid repository, over one connection; remembers the answers."""

    def __init__(self, server: Server, laid: Laid) -> None:
        self._connection = http.client.HTTPConnection(server.host, timeout=ANSWER_SECONDS)
        self._laid = laid
        self.answers: list[Told] = []

    def close(self) -> None:
        self._connection.close()

    def ask(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Told:
        self._connection.request(method, target, body or None, headers or {})
        with self._connection.getresponse() as response:
            answer = Told(f"{method} {target}", response.status, response.read())
        self.answers.append(answer)
        return answer

    def read(self) -> None:
        """Everything that changes nothing."""
        name, laid = self._laid.name, self._laid
        layer, image, index = map(digest_of, (laid.layer, laid.image, laid.index))
        for method in ("GET", "HEAD"):
            for reference in (TAG, "multi", image, index):
                self.ask(method, f"/v2/{name}/manifests/{reference}")
            self.ask(method, f"/v2/{name}/blobs/{layer}")
            self.ask(method, f"/v2/{name}/referrers/{image}")
            self.ask(method, f"/v2/{name}/blobs/uploads/{UPLOAD}")
            self.ask(method, f"/v2/{name}/tags/list")
        self.ask("GET", f"/v2/{name}/tags/list?n=1&last=artifact")
        self.ask("GET", f"/v2/_catalog?n=2&last={name}")
        self.ask("GET", f"/v2/{name}/blobs/{layer}", {"Range": "bytes=1-3"})
        self.ask("GET", f"/v2/{name}/manifests/multi", {"Accept": OCI_MANIFEST})

    def write(self) -> None:
        """Everything that adds something."""
        name, laid = self._laid.name, self._laid
        self._upload()
        self.ask("POST", f"/v2/{name}/blobs/uploads/")
        for content in (CONFIG, laid.layer):
            digest = digest_of(content)
            self.ask("POST", f"/v2/{name}/b/blobs/uploads/?mount={digest}&from={name}")
            self.ask("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", body=content)
        for content in (laid.image, laid.index, laid.artifact):
            media_type = OCI_INDEX if content is laid.index else OCI_MANIFEST
            sent = {"Content-Type": media_type}
            for reference in (digest_of(content), TAG):
                self.ask("PUT", f"/v2/{name}/manifests/{reference}", sent, content)

    def assert_mended(self) -> None:
        """What was taken without a complaint is there."""
        if any(answer.status == 503 for answer in self.answers):
            return
        name, laid = self._laid.name, self._laid
        manifest = f"/v2/{name}/manifests"
        for content in (laid.image, laid.index, laid.artifact):
            assert self.ask("GET", f"{manifest}/{digest_of(content)}").body == content
        assert self.ask("GET", f"{manifest}/{TAG}").body == laid.artifact
        blob = self.ask("GET", f"/v2/{name}/blobs/{digest_of(laid.layer)}")
        assert blob.body == laid.layer
        assert TAG in self.ask("GET", f"/v2/{name}/tags/list").body.decode()

    def _upload(self) -> None:
        """A chunk to the open session, and its commit."""
        name, laid = self._laid.name, self._laid
        size = len(laid.upload_bytes)
        place = f"/v2/{name}/blobs/uploads/{UPLOAD}"
        self.ask("PATCH", f"{place}?_state={_state(name, size)}", body=b" and more")
        digest = digest_of(laid.upload_bytes + b" and more")
        state = _state(name, size + len(b" and more"))
        self.ask("PUT", f"{place}?_state={state}&digest={digest}")

    def delete(self) -> None:
        """Everything that takes something away, the repository last."""
        name, laid = self._laid.name, self._laid
        state = _state(name, len(laid.upload_bytes))
        self.ask("DELETE", f"/v2/{name}/blobs/uploads/{UPLOAD}?_state={state}")
        for reference in ("multi", digest_of(laid.artifact), digest_of(laid.image), ABSENT, TAG):
            self.ask("DELETE", f"/v2/{name}/manifests/{reference}")
        for digest in (digest_of(laid.layer), digest_of(CONFIG), ABSENT):
            self.ask("DELETE", f"/v2/{name}/blobs/{digest}")
        self.ask("DELETE", f"/v2/_layerstore/repositories/{name}")


def _state(name: str, offset: int) -> str:
    return StateSealer(SECRET.encode()).seal(UploadState(name, UPLOAD, offset, STARTED))


@pytest.fixture
def laid(server: Server) -> Laid:
    return lay(server.root, f"damage/repo-{next(_numbers)}")


ORDERS = ("write-delete", "delete-write")
STRIDE = 3
"""Without LAYERSTORE_LONG one damage of so many is tried, in one order."""

TRIED_ALWAYS = ("the file of a tag is a pipe", "the file of a upload is a folder")
"""What once made a fault."""

EVERY = damages()
STRAYS = {what: damage for what, damage in EVERY.items() if what in strays()}


def _stories() -> Iterator[Any]:
    for number, (what, damage) in enumerate(EVERY.items()):
        for place, order in enumerate(ORDERS):
            has_its_turn = number % STRIDE == 0 and number // STRIDE % len(ORDERS) == place
            if LONG or has_its_turn or what in TRIED_ALWAYS:
                yield pytest.param(damage, order, id=f"{what}, {order}")


def is_fault(answer: Told) -> bool:
    """A push that finds something else where it has to write is told so; nothing else is."""
    is_told = answer.status == 503 and answer.asked.startswith(("PUT", "POST"))
    return answer.status >= 500 and not is_told


@pytest.mark.parametrize(("damage", "order"), [*_stories()])
def test_no_request_is_answered_with_a_500(
    damage: Damage, order: str, server: Server, laid: Laid
) -> None:
    since = server.log.stat().st_size
    damage(laid)
    with closing(Asker(server, laid)) as asker:
        asker.read()
        for step in order.split("-"):
            if step == "write":
                asker.write()
                asker.assert_mended()
            else:
                asker.delete()
    faults = [answer for answer in asker.answers if is_fault(answer)]
    assert faults == [], tail(server.log, since)


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS.keys())
def test_what_is_merely_stray_changes_no_answer(stray: Damage, server: Server) -> None:
    told = []
    for damage in (None, stray):
        laid = lay(server.root, f"stray/repo-{next(_numbers)}")
        if damage is not None:
            damage(laid)
        with closing(Asker(server, laid)) as asker:
            asker.read()
        told.append([answer.status for answer in asker.answers])
    without, with_strays = told
    assert with_strays == without
    assert {200, 206} <= set(without) <= {200, 204, 206}
