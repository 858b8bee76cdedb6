"""A seeded workload for two servers on one folder; every answer is compared with a model.

Who is asked is chosen anew for every request, so that an upload, an image or a delete is the work
of both. What the two answer differently on purpose stands in `_Peer`, each with its place in
docs/protocol.md or docs/migration.md; everything else has to be equal.
"""

from __future__ import annotations

import json
import random  # noqa: TID251  # seeded: one seed, one story
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.interop.model import Document, Held, Session
from tests.wire.client import Answer, SocketWire
from tests.wire.stock import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, digest_of

REPOSITORIES = ("one", "one/two", "three")
TAGS = ("a", "b", "latest")
CHUNK_BYTES_MAX = 3_000
LOOK_EVERY = 40
ACCEPT = {"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}
OCTETS = {"Content-Type": "application/octet-stream"}
T = TypeVar("T")


@dataclass(frozen=True)
class Peer:
    """One of the two servers, and what it does in its own way."""

    wire: SocketWire
    version: int | None
    """The original's main version; None for Layerstore."""

    @property
    def is_ours(self) -> bool:
        return self.version is None

    @property
    def deletes_tags(self) -> bool:
        """Version 2 knows no such request ("Endpoints", end-9)."""
        return self.version != 2

    @property
    def outdated(self) -> int:
        """What a chunk gets with an older `_state` ("A PATCH or PUT with the `_state` …")."""
        return 404 if self.version == 2 else 416

    def links(self, content: bytes, digest: str) -> dict[str, str]:
        """What a push makes: ours is kept under its own digest ("Content is kept under …")."""
        kept = digest if self.is_ours else digest_of(content)
        return {digest: kept, kept: kept}

    def mounted(self, digest: str, target: str) -> dict[str, str]:
        """The links that a mount makes ("A mount of a digest of sha512 …")."""
        return {target: target, digest: target} if self.is_ours else {digest: digest}

    def answers(self, held: Held, digest: str) -> int:
        """The original finds an alias, and then fails to find what it leads to, if that was
        deleted by its own digest ("A blob that was deleted by one of two digests …").
        """
        if not held.sees(digest):
            return 404
        return 200 if self.is_ours or held.sees(held.links[digest]) else 500

    def deletes_blob(self, held: Held, digest: str) -> bool:
        """Whether it can be deleted ("A link to a blob whose data is gone …")."""
        return digest in held.links if self.is_ours else held.sees(digest)

    def shown(self, digest: str, target: str) -> str:
        """Docker-Content-Digest of a blob ("Headers of answers")."""
        return digest if self.is_ours else target

    def lists_tags_of(self, held: Held) -> bool:
        """A repository without tags is none to the original before its first tag ("… is `[]`")."""
        return held.had_manifests if self.is_ours else held.had_tags

    def catalogs(self, held: Held) -> bool:
        """Version 2 lists what has blobs, the others what has manifests ("The catalog has …")."""
        return held.had_blobs if self.version == 2 else held.had_manifests


class Workload:
    """The two servers, the model of what they hold, and one seed for all that is chosen."""

    def __init__(self, peers: Sequence[Peer], seed: int) -> None:
        self._peers = peers
        self._seed = seed
        self._chance = random.Random(seed)
        self._contents: dict[str, bytes] = {}
        self._documents: dict[str, Document] = {}
        self._sessions: list[Session] = []
        self._steps: tuple[Callable[[], None], ...] = (
            *(self._push_blob,) * 4,
            *(self._push_image,) * 4,
            self._begin,
            self._carry_on,
            self._carry_on_from_an_older_answer,
            self._commit,
            self._commit_something_else,
            self._cancel,
            self._mount,
            self._push_index,
            self._push_artifact,
            self._retag,
            self._delete_manifest,
            self._delete_tag,
            self._delete_blob,
        )
        kept: set[str] = set()
        self.held = {f"{name}/of-{seed}": Held(kept) for name in REPOSITORIES}
        self.done: list[str] = []
        """What was done, for a person who reads of a failure."""

    def run(self, steps: int) -> None:
        """So many steps, with a look at everything now and then, and at the end."""
        for number in range(1, steps + 1):
            self._pick(self._steps)()
            if number % LOOK_EVERY == 0 or number == steps:
                self.look()

    def _pick(self, among: Sequence[T]) -> T:
        return self._chance.choice(among)

    def _repository(self) -> str:
        return self._pick(list(self.held))

    def _bytes(self) -> bytes:
        length = self._chance.randrange(1, CHUNK_BYTES_MAX)
        return self._chance.randbytes(length)

    def _ask(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        of: Sequence[Peer] | None = None,
    ) -> tuple[Peer, Answer]:
        peer = self._pick(of or self._peers)
        answer = peer.wire.ask(method, target, headers or {}, body)
        who = "ours" if peer.is_ours else f"v{peer.version}"
        self.done.append(f"{who}: {method} {target[:160]} → {answer.status}")
        return peer, answer

    def _expect(self, status: int, answer: Answer) -> None:
        if answer.status != status:
            story = "\n".join(self.done[-30:])
            raise AssertionError(f"expected {status}, {answer}: {answer.body!r}\n{story}")

    # uploads

    def _begin(self) -> None:
        self._begun()

    def _begun(self) -> Session:
        repository = self._repository()
        _, answer = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        self._expect(202, answer)
        session = Session(repository, _target(answer))
        self._sessions.append(session)
        return session

    def _session(self) -> Session:
        return self._pick(self._sessions) if self._sessions else self._begun()

    def _carry_on(self) -> None:
        self._append(self._session())

    def _append(self, session: Session) -> None:
        chunk = self._bytes()
        headers = OCTETS | {"Content-Range": _range(session, chunk)}
        _, answer = self._ask("PATCH", session.location, headers, chunk)
        self._expect(202, answer)
        session.content += chunk
        session.location = _target(answer)
        _, told = self._ask("GET", session.location)
        self._expect(204, told)
        assert told.header("range") == f"0-{len(session.content) - 1}"

    def _carry_on_from_an_older_answer(self) -> None:
        session = self._session()
        older = session.location
        self._append(session)
        peer, answer = self._ask("PATCH", older, OCTETS, b"what comes too late")
        self._expect(peer.outdated, answer)

    def _commit(self) -> None:
        self._finish(self._session())

    def _push_blob(self) -> None:
        session = self._begun()
        for _ in range(self._chance.randrange(3)):
            self._append(session)
        self._finish(session)

    def _finish(self, session: Session) -> None:
        last = self._bytes() if self._chance.randrange(2) or not session.content else b""
        content = session.content + last
        digest = digest_of(content, self._pick(("sha256", "sha256", "sha256", "sha512")))
        peer, answer = self._ask("PUT", f"{session.location}&digest={digest}", OCTETS, last)
        self._expect(201, answer)
        self._sessions.remove(session)
        for linked, target in peer.links(content, digest).items():
            self._contents[linked] = content
            self.held[session.repository].link(linked, target)
            self.held[session.repository].kept.add(target)

    def _commit_something_else(self) -> None:
        session = self._session()
        digest = digest_of(session.content + b"something else")
        _, answer = self._ask("PUT", f"{session.location}&digest={digest}")
        self._expect(400, answer)
        self._sessions.remove(session)

    def _cancel(self) -> None:
        session = self._session()
        _, answer = self._ask("DELETE", session.location)
        self._expect(204, answer)
        self._sessions.remove(session)
        for peer in self._peers:
            _, gone = self._ask("GET", session.location, of=[peer])
            self._expect(404, gone)

    def _mount(self) -> None:
        source, repository = self._repository(), self._repository()
        digest = self._any_blob()
        query = f"mount={digest}&from={source}"
        peer, answer = self._ask("POST", f"/v2/{repository}/blobs/uploads/?{query}")
        is_there = self.held[source].sees(digest)
        self._expect(201 if is_there else 202, answer)
        if is_there:
            links = peer.mounted(digest, self.held[source].links[digest])
            for linked, target in links.items():
                self.held[repository].link(linked, target)

    def _any_blob(self) -> str:
        if not self._contents:
            self._push_blob()
        return self._pick(sorted(self._contents))

    # manifests

    def _push_image(self) -> None:
        repository = self._repository()
        links = self.held[repository].links
        here = sorted(links) if links and self._chance.randrange(5) else [self._any_blob()]
        layers = [self._pick(here) for _ in range(self._chance.randrange(1, 3))]
        self._put(repository, self._image(self._pick(here), layers), blobs=[*layers])

    def _image(self, config: str, layers: Sequence[str], **more: Any) -> dict[str, Any]:
        return {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._blob_descriptor(config, OCI_CONFIG),
            "layers": [self._blob_descriptor(each, OCI_LAYER) for each in layers],
        } | more

    def _blob_descriptor(self, digest: str, media_type: str) -> dict[str, Any]:
        size = len(self._contents[digest])
        return {"mediaType": media_type, "digest": digest, "size": size}

    def _push_artifact(self) -> None:
        repository = self._repository()
        if not self.held[repository].revisions:
            return
        subject = self._manifest_descriptor(self._pick(sorted(self.held[repository].revisions)))
        blob = self._any_blob()
        artifact = self._image(blob, [blob], subject=subject, artifactType="application/vnd.one")
        self._put(repository, artifact, blobs=[blob])

    def _push_index(self) -> None:
        repository = self._repository()
        known = sorted(self._documents)
        children = [self._pick(known) for _ in range(self._chance.randrange(3))] if known else []
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [self._manifest_descriptor(each) for each in children],
        }
        self._put(repository, document, manifests=children)

    def _manifest_descriptor(self, digest: str) -> dict[str, Any]:
        known = self._documents[digest]
        return {"mediaType": known.media_type, "digest": digest, "size": len(known.content)}

    def _put(
        self,
        repository: str,
        whole: dict[str, Any],
        blobs: Sequence[str] = (),
        manifests: Sequence[str] = (),
    ) -> None:
        held = self.held[repository]
        named = {*blobs, *([whole["config"]["digest"]] if "config" in whole else [])}
        is_complete = all(map(held.sees, named)) and set(manifests) <= held.revisions.keys()
        subject = whole["subject"]["digest"] if "subject" in whole else None
        document = Document(whole["mediaType"], json.dumps(whole).encode(), subject)
        digest = digest_of(document.content)
        tag = self._pick((*TAGS, None))
        self._send(repository, digest, document, tag, 201 if is_complete else 400)

    def _send(
        self, repository: str, digest: str, document: Document, tag: str | None, status: int
    ) -> None:
        target = f"/v2/{repository}/manifests/{tag or digest}"
        headers = {"Content-Type": document.media_type}
        peer, answer = self._ask("PUT", target, headers, document.content)
        self._expect(status, answer)
        if status == 201:
            assert answer.header("docker-content-digest") == digest
            self._documents[digest] = document
            self.held[repository].put(digest, document, tag, noted=peer.is_ours)

    def _retag(self) -> None:
        repository = self._repository()
        revisions = self.held[repository].revisions
        digest = self._pick(sorted(revisions)) if revisions else None
        if digest is None or not self._still_complete(repository, revisions[digest]):
            return
        self._send(repository, digest, revisions[digest], self._pick(TAGS), 201)

    def _still_complete(self, repository: str, document: Document) -> bool:
        """Whether what it names was not deleted since it was pushed."""
        held, whole = self.held[repository], json.loads(document.content)
        blobs = [*whole.get("layers", []), *([whole["config"]] if "config" in whole else [])]
        children = whole.get("manifests", [])
        return all(held.sees(each["digest"]) for each in blobs) and all(
            each["digest"] in held.revisions for each in children
        )

    # deletes

    def _delete_manifest(self) -> None:
        if not self._documents:
            return
        repository, digest = self._repository(), self._pick(sorted(self._documents))
        peer, answer = self._ask("DELETE", f"/v2/{repository}/manifests/{digest}")
        held = self.held[repository]
        self._expect(202 if held.has(digest) else 404, answer)
        if held.has(digest):
            held.delete(digest, noted=peer.is_ours)

    def _delete_tag(self) -> None:
        repository, tag = self._repository(), self._pick(TAGS)
        able = [peer for peer in self._peers if peer.deletes_tags]
        _, answer = self._ask("DELETE", f"/v2/{repository}/manifests/{tag}", of=able)
        self._expect(202 if tag in self.held[repository].tags else 404, answer)
        self.held[repository].tags.pop(tag, None)

    def _delete_blob(self) -> None:
        repository, digest = self._repository(), self._any_blob()
        held = self.held[repository]
        peer, answer = self._ask("DELETE", f"/v2/{repository}/blobs/{digest}")
        is_deleted = peer.deletes_blob(held, digest)
        self._expect(202 if is_deleted else 404, answer)
        if is_deleted:
            del held.links[digest]

    # everything

    def look(self) -> None:
        """Ask each server for all there is and all there was."""
        for peer in self._peers:
            for repository, held in self.held.items():
                self._look_at_blobs(peer, repository, held)
                self._look_at_manifests(peer, repository, held)
                self._look_at_tags(peer, repository, held)
                if peer.is_ours:
                    self._look_at_referrers(peer, repository, held)
            self._look_at_catalog(peer)

    def _look_at_blobs(self, peer: Peer, repository: str, held: Held) -> None:
        for digest, content in self._contents.items():
            for method in ("GET", "HEAD"):
                _, answer = self._ask(method, f"/v2/{repository}/blobs/{digest}", of=[peer])
                self._expect(peer.answers(held, digest), answer)
                if answer.status == 200:
                    shown = peer.shown(digest, held.links[digest])
                    _same(answer, method, content, shown)

    def _look_at_manifests(self, peer: Peer, repository: str, held: Held) -> None:
        led = {tag: held.tags.get(tag) for tag in TAGS}
        asked = led | {digest: digest for digest in self._documents}
        for reference, digest in asked.items():
            document = held.revisions.get(digest) if digest is not None else None
            for method in ("GET", "HEAD"):
                target = f"/v2/{repository}/manifests/{reference}"
                _, answer = self._ask(method, target, ACCEPT, of=[peer])
                self._expect(404 if document is None else 200, answer)
                if document is not None and digest is not None:
                    _same(answer, method, document.content, digest)
                    assert answer.header("content-type") == document.media_type

    def _look_at_tags(self, peer: Peer, repository: str, held: Held) -> None:
        _, answer = self._ask("GET", f"/v2/{repository}/tags/list", of=[peer])
        self._expect(200 if peer.lists_tags_of(held) else 404, answer)
        if answer.status == 200:
            found = answer.json()
            assert found["name"] == repository
            assert sorted(found["tags"] or []) == sorted(held.tags)

    def _look_at_referrers(self, peer: Peer, repository: str, held: Held) -> None:
        for subject in self._documents:
            _, answer = self._ask("GET", f"/v2/{repository}/referrers/{subject}", of=[peer])
            self._expect(200, answer)
            found = [entry["digest"] for entry in answer.json()["manifests"]]
            assert found == held.referrers(subject)

    def _look_at_catalog(self, peer: Peer) -> None:
        _, answer = self._ask("GET", "/v2/_catalog?n=1000", of=[peer])
        found = [name for name in answer.json()["repositories"] if name in self.held]
        expected = [name for name, held in self.held.items() if peer.catalogs(held)]
        assert sorted(found) == sorted(expected), self.done[-1]


def _same(answer: Answer, method: str, content: bytes, digest: str) -> None:
    assert answer.body == (content if method == "GET" else b"")
    assert answer.header("content-length") == str(len(content))
    assert answer.header("docker-content-digest") == digest
    assert answer.header("etag") == f'"{digest}"'


def _target(answer: Answer) -> str:
    """The path and the query of a Location, whichever server it names."""
    parts = urlsplit(answer.location)
    return f"{parts.path}?{parts.query}"


def _range(session: Session, chunk: bytes) -> str:
    return f"{len(session.content)}-{len(session.content) + len(chunk) - 1}"
