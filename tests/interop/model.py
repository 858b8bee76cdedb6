"""What two servers on one folder have to answer: a registry in a few dictionaries.

Asks nobody. Links are kept with what they lead to, because the original keeps content under sha256
whatever it was pushed with, and a second link for the other digest.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Document:
    """A manifest or an index."""

    media_type: str
    content: bytes
    subject: str | None = None


@dataclass
class Held:
    """What one repository holds."""

    kept: set[str]
    """What content is kept under, in all repositories together."""
    links: dict[str, str] = field(default_factory=dict)
    """Digests that blobs are asked for by, and what they are kept under."""
    revisions: dict[str, Document] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    entries: set[tuple[str, str]] = field(default_factory=set)
    """Subject and referrer, for each manifest with a subject that Layerstore took."""
    had_blobs: bool = False
    had_manifests: bool = False
    had_tags: bool = False

    def link(self, digest: str, target: str) -> None:
        self.links[digest] = target
        self.had_blobs = True

    def sees(self, digest: str) -> bool:
        """A link may lead to what is not there: see `Peer.mounted`."""
        return self.links.get(digest) in self.kept

    def put(self, digest: str, document: Document, tag: str | None, *, noted: bool) -> None:
        self.revisions[digest] = document
        self.had_manifests = True
        self.had_blobs = self.had_blobs or noted
        if tag is not None:
            self.tags[tag] = digest
            self.had_tags = True
        if document.subject is not None and noted:
            self.entries.add((document.subject, digest))

    def delete(self, digest: str, *, noted: bool) -> None:
        document = self.revisions.pop(digest)
        self.tags = {tag: led for tag, led in self.tags.items() if led != digest}
        if document.subject is not None and noted:
            self.entries.discard((document.subject, digest))

    def referrers(self, subject: str) -> list[str]:
        """An entry counts as long as its revision is there."""
        return sorted(digest for of, digest in self.entries if of == subject and self.has(digest))

    def has(self, digest: str) -> bool:
        return digest in self.revisions


@dataclass
class Session:
    """An upload under way: what it has, and where the latest answer said to go on."""

    repository: str
    location: str
    content: bytes = b""
